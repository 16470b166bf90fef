//! `Addr`: an address of IP or of Unix.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::os::unix::net::SocketAddr as UnixAddr;

/// An address of either family, for what may be bound to, or connected with, both: the
/// sockets that [`dial`](super::dial()) and [`listen`](super::listen()) make, and errors.
///
/// It is shown as Go shows it: `127.0.0.1:80`, `/run/server`, `@abstract`.
///
/// # Examples
///
/// ```
/// use netpoll::net::{Addr, SocketAddr};
/// use netpoll::os::unix::net;
///
/// let ip = Addr::from("127.0.0.1:80".parse::<SocketAddr>().unwrap());
/// assert_eq!(ip.to_string(), "127.0.0.1:80");
/// let unix = Addr::from(net::SocketAddr::from_pathname("/run/server")?);
/// assert_eq!(unix.to_string(), "/run/server");
/// assert_eq!(unix.as_ip(), None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub enum Addr {
    /// TCP and UDP.
    Ip(SocketAddr),
    /// Sockets of Unix.
    Unix(UnixAddr),
}

impl Addr {
    /// The address of IP, if it is one.
    #[must_use]
    pub fn as_ip(&self) -> Option<SocketAddr> {
        match self {
            Addr::Ip(address) => Some(*address),
            Addr::Unix(_) => None,
        }
    }

    /// The address of Unix, if it is one.
    #[must_use]
    pub fn as_unix(&self) -> Option<&UnixAddr> {
        match self {
            Addr::Ip(_) => None,
            Addr::Unix(address) => Some(address),
        }
    }
}

impl From<SocketAddr> for Addr {
    /// An address of IPv4 that a socket of IPv6 reports in its own form becomes one of IPv4.
    fn from(address: SocketAddr) -> Self {
        Addr::Ip(match address.ip().to_canonical() {
            ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
            IpAddr::V6(_) => address,
        })
    }
}

impl From<UnixAddr> for Addr {
    fn from(address: UnixAddr) -> Self {
        Addr::Unix(address)
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::os::linux::net::SocketAddrExt;
        match self {
            Addr::Ip(address) => address.fmt(f),
            Addr::Unix(address) => {
                if let Some(path) = address.as_pathname() {
                    path.display().fmt(f)
                } else if let Some(name) = address.as_abstract_name() {
                    write!(f, "@{}", String::from_utf8_lossy(name))
                } else {
                    f.write_str("(unnamed)")
                }
            }
        }
    }
}
