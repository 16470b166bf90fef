//! What is to be dialled, or listened on, before names are resolved.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::network::{Family, Network};
use super::{Resolver, lookup_port};
use crate::sys::socket::setup;
use crate::time::Instant;

/// Addresses, or names that are still to be resolved; see
/// [`ToSocketAddrs::to_target`](super::ToSocketAddrs::to_target).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The addresses, in the order in which they are to be tried.
    Addresses(Vec<SocketAddr>),
    /// What the two halves of `host:service` say, without brackets. Either may be empty.
    Name {
        /// A name, or an address of IP, which may have a zone: `fe80::1%eth0`.
        host: String,
        /// A number, or the name of a service.
        service: String,
    },
}

impl Target {
    /// Takes `host:service` apart: at the last colon; around addresses of IPv6 stand
    /// brackets.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is no colon, or too many, or brackets do not match.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::Target;
    ///
    /// let target = Target::parse("[::1]:http")?;
    /// let Target::Name { host, service } = target else { unreachable!() };
    /// assert_eq!((&*host, &*service), ("::1", "http"));
    /// assert!(Target::parse("::1:80").is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SplitHostPort")]
    pub fn parse(text: &str) -> io::Result<Self> {
        let wrong = |what: &str| {
            let message = format!("address {text:?}: {what}");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        };
        let (host, service) = text
            .rsplit_once(':')
            .ok_or_else(|| wrong("missing port in address"))?;
        let host = match host.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, "")) => host,
                // The last colon was inside of the brackets, or something is behind them.
                _ if text.ends_with(']') => return Err(wrong("missing port in address")),
                _ => return Err(wrong("brackets do not match")),
            },
            None if host.contains(':') => return Err(wrong("too many colons in address")),
            None => host,
        };
        if host.contains(['[', ']']) || service.contains(['[', ']']) {
            return Err(wrong("brackets do not match"));
        }
        Ok(Target::Name {
            host: host.to_owned(),
            service: service.to_owned(),
        })
    }
}

/// What an empty host stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    /// This host.
    Loopback,
    /// Every address of this host.
    Anything,
}

/// The addresses of a target that suit a network. Names are asked of the resolver, and
/// nothing else is. There is at least one.
pub(super) fn resolve(
    target: Target,
    network: Network,
    empty: Empty,
    resolver: &dyn Resolver,
    deadline: Option<Instant>,
) -> io::Result<Vec<SocketAddr>> {
    let family = network.family().unwrap_or(Family::Either);
    let mut addresses = match target {
        Target::Addresses(addresses) => addresses,
        Target::Name { host, service } => {
            let port = lookup_port(network.name(), &service)?;
            if host.is_empty() {
                vec![SocketAddr::new(nowhere(family, empty), port)]
            } else if let Some(address) = literal(&host, port)? {
                vec![address]
            } else {
                resolver.lookup_host(&host, port, deadline)?
            }
        }
    };
    addresses.retain(|address| family.admits(address));
    if addresses.is_empty() {
        let message = "no suitable address found";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(addresses)
}

fn nowhere(family: Family, empty: Empty) -> IpAddr {
    match (family, empty) {
        (Family::V6, Empty::Loopback) => Ipv6Addr::LOCALHOST.into(),
        (_, Empty::Loopback) => Ipv4Addr::LOCALHOST.into(),
        (Family::V6, Empty::Anything) => Ipv6Addr::UNSPECIFIED.into(),
        (_, Empty::Anything) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// The address that a host is, if it is one.
pub(super) fn literal(host: &str, port: u16) -> io::Result<Option<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Some(SocketAddr::new(ip, port)));
    }
    let Some((ip, zone)) = host.split_once('%') else {
        return Ok(None);
    };
    let Ok(ip) = ip.parse::<Ipv6Addr>() else {
        return Ok(None);
    };
    let scope = match zone.parse() {
        Ok(number) => number,
        Err(_) => setup::interface(zone)?,
    };
    Ok(Some(SocketAddrV6::new(ip, port, 0, scope).into()))
}

/// What a function makes of the first address that it can make something of; else the
/// first address, and what it failed with. There has to be one.
pub(super) fn first_of<A: Copy, T>(
    addresses: impl IntoIterator<Item = A>,
    mut make: impl FnMut(A) -> io::Result<T>,
) -> Result<T, (A, io::Error)> {
    let mut failure = None;
    for address in addresses {
        match make(address) {
            Ok(made) => return Ok(made),
            Err(cause) => {
                failure.get_or_insert((address, cause));
            }
        }
    }
    Err(failure.expect("there is an address at least"))
}
