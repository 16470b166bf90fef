//! Addresses with a zone.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use crate::sys::interfaces;

/// An address of IP, and for one of IPv6 that means another host on each link (`fe80::`)
/// the link: its zone, which is the [index](super::Interface::index) of an interface.
///
/// It is written as `fe80::1%eth0`, or `fe80::1%2`. [`SocketAddr`] parses only the second.
///
/// # Examples
///
/// ```
/// use netpoll::net::ScopedIpAddr;
/// use std::net::Ipv4Addr;
///
/// let address: ScopedIpAddr = "fe80::1%lo".parse().unwrap();
/// assert_ne!(address.scope_id, 0);
/// assert_eq!(address.to_string(), "fe80::1%lo");
/// assert_eq!(address.with_port(80).port(), 80);
/// assert_eq!(ScopedIpAddr::from(Ipv4Addr::LOCALHOST).to_string(), "127.0.0.1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopedIpAddr {
    /// The address.
    pub ip: IpAddr,
    /// The zone; zero for none.
    pub scope_id: u32,
}

impl ScopedIpAddr {
    /// The address of a socket on that host. Does not wait.
    #[must_use]
    pub fn with_port(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope_id).into(),
        }
    }
}

impl From<SocketAddr> for ScopedIpAddr {
    /// Forgets the port.
    fn from(address: SocketAddr) -> Self {
        let scope_id = match address {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(v6) => v6.scope_id(),
        };
        let ip = address.ip();
        Self { ip, scope_id }
    }
}

impl From<IpAddr> for ScopedIpAddr {
    fn from(ip: IpAddr) -> Self {
        Self { ip, scope_id: 0 }
    }
}

impl From<Ipv4Addr> for ScopedIpAddr {
    fn from(ip: Ipv4Addr) -> Self {
        IpAddr::from(ip).into()
    }
}

impl From<Ipv6Addr> for ScopedIpAddr {
    fn from(ip: Ipv6Addr) -> Self {
        IpAddr::from(ip).into()
    }
}

/// The name of the zone if there is such an interface, else its number. Asks the system.
impl fmt::Display for ScopedIpAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = self.ip;
        match self.scope_id {
            0 => write!(f, "{ip}"),
            scope_id => match interfaces::name_of(scope_id) {
                Ok(name) => write!(f, "{ip}%{name}"),
                Err(_) => write!(f, "{ip}%{scope_id}"),
            },
        }
    }
}

/// With a zone by number or by the name of an interface, about which the system is asked.
/// Does not wait.
impl FromStr for ScopedIpAddr {
    type Err = ScopedIpAddrParseError;

    fn from_str(text: &str) -> Result<Self, ScopedIpAddrParseError> {
        let error = ScopedIpAddrParseError(());
        let Some((ip, zone)) = text.split_once('%') else {
            let ip: IpAddr = text.parse().map_err(|_| error)?;
            return Ok(ip.into());
        };
        let ip: Ipv6Addr = ip.parse().map_err(|_| error.clone())?;
        let scope_id = match zone.parse() {
            Ok(scope_id) => scope_id,
            Err(_) => interfaces::index_of(zone).map_err(|_| error)?,
        };
        let ip = ip.into();
        Ok(Self { ip, scope_id })
    }
}

/// Why a text is no [`ScopedIpAddr`]: it is no address, or there is no such interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopedIpAddrParseError(());

impl fmt::Display for ScopedIpAddrParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid IP address, or no such zone")
    }
}

impl Error for ScopedIpAddrParseError {}
