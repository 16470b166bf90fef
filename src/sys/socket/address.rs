//! Addresses as the kernel has them, for messages: bytes beside other bytes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// `sockaddr_in`, or `sockaddr_in6`.
///
/// ```text
///  0        2        4            8                        24         28
///  +--------+--------+------------+------------------------+----------+
///  | family |  port  |  address   |         zeros                     |  16 bytes
///  | family |  port  | flow info  |        address         | scope id |  28 bytes
///  +--------+--------+------------+------------------------+----------+
/// ```
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Name {
    /// The length of the longer.
    const ROOM: usize = 28;

    /// No address: the peer's.
    pub(crate) const fn none() -> Self {
        Self {
            bytes: [0; Self::ROOM],
            len: 0,
        }
    }

    pub(crate) fn of(address: &SocketAddr) -> Self {
        let mut name = Self::none();
        let family = match address {
            SocketAddr::V4(v4) => {
                name.bytes[4..8].copy_from_slice(&v4.ip().octets());
                name.len = 16;
                libc::AF_INET
            }
            SocketAddr::V6(v6) => {
                // As std passes it on.
                name.bytes[4..8].copy_from_slice(&v6.flowinfo().to_ne_bytes());
                name.bytes[8..24].copy_from_slice(&v6.ip().octets());
                name.bytes[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
                name.len = 28;
                libc::AF_INET6
            }
        };
        name.bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        name.bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        name
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Room for what is received; [`set_len`](Self::set_len) says how much it was.
    pub(crate) fn room(&mut self) -> &mut [u8; Self::ROOM] {
        &mut self.bytes
    }

    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = len.min(Self::ROOM);
    }

    /// `None` if it is of another family, or there is none.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let bytes = self.as_bytes();
        let family = i32::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let port = u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
        let word = |at| Some(*bytes.get(at..)?.first_chunk::<4>()?);
        match family {
            libc::AF_INET => Some(SocketAddrV4::new(Ipv4Addr::from(word(4)?), port).into()),
            libc::AF_INET6 => {
                let ip = Ipv6Addr::from(*bytes.get(8..)?.first_chunk::<16>()?);
                let [flowinfo, scope_id] = [word(4)?, word(24)?].map(u32::from_ne_bytes);
                Some(SocketAddrV6::new(ip, port, flowinfo, scope_id).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_out_as_they_went_in() {
        let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 443, 7, 9);
        for address in ["192.0.2.1:53".parse().unwrap(), SocketAddr::V6(v6)] {
            assert_eq!(Name::of(&address).address(), Some(address));
        }
        assert_eq!(Name::none().address(), None);
    }

    #[test]
    fn half_an_address_is_none() {
        let mut name = Name::of(&"[::1]:53".parse().unwrap());
        for length in 0..28 {
            name.set_len(length);
            assert_eq!(name.address(), None);
        }
    }
}
