//! Networks by their names in Go.

use std::io;
use std::net::SocketAddr;

/// Which of the two versions of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Either,
    V4,
    V6,
}

impl Family {
    pub(super) fn admits(self, address: &SocketAddr) -> bool {
        match self {
            Family::Either => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    Tcp(Family),
    Udp(Family),
    Unix,
    Unixgram,
    Unixpacket,
}

impl Network {
    pub(super) const TCP: Self = Network::Tcp(Family::Either);
    pub(super) const UDP: Self = Network::Udp(Family::Either);

    /// # Errors
    ///
    /// `InvalidInput` for one that Go does not know either, `Unsupported` for one that is
    /// not here.
    pub(super) fn parse(name: &str) -> io::Result<Self> {
        Ok(match name {
            "tcp" => Self::TCP,
            "tcp4" => Network::Tcp(Family::V4),
            "tcp6" => Network::Tcp(Family::V6),
            "udp" => Self::UDP,
            "udp4" => Network::Udp(Family::V4),
            "udp6" => Network::Udp(Family::V6),
            "unix" => Network::Unix,
            "unixgram" => Network::Unixgram,
            "unixpacket" => Network::Unixpacket,
            raw if raw.split(':').next().is_some_and(is_raw) => return Err(unsupported(name)),
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("unknown network {name:?}"),
                ));
            }
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Network::Tcp(family) => by_family(family, ["tcp", "tcp4", "tcp6"]),
            Network::Udp(family) => by_family(family, ["udp", "udp4", "udp6"]),
            Network::Unix => "unix",
            Network::Unixgram => "unixgram",
            Network::Unixpacket => "unixpacket",
        }
    }

    /// What a control hook is told: the version of IP of the socket at hand.
    pub(super) fn name_for(self, address: &SocketAddr) -> &'static str {
        let family = if address.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        match self {
            Network::Tcp(_) => Network::Tcp(family).name(),
            Network::Udp(_) => Network::Udp(family).name(),
            other => other.name(),
        }
    }

    /// The version of IP that addresses are to have; none for what is not of IP.
    pub(super) fn family(self) -> Option<Family> {
        match self {
            Network::Tcp(family) | Network::Udp(family) => Some(family),
            Network::Unix | Network::Unixgram | Network::Unixpacket => None,
        }
    }
}

fn by_family(family: Family, [either, v4, v6]: [&'static str; 3]) -> &'static str {
    match family {
        Family::Either => either,
        Family::V4 => v4,
        Family::V6 => v6,
    }
}

fn is_raw(name: &str) -> bool {
    matches!(name, "ip" | "ip4" | "ip6")
}

fn unsupported(name: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("network {name:?} is not supported"),
    )
}
