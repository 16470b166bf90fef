//! The interfaces of this host.

use std::io;
use std::net::IpAddr;

use super::ScopedIpAddr;
use crate::sys::interfaces::{self as sys, What};

/// An interface of this host, and its addresses, as they were when
/// [`interfaces`] was called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interface {
    /// Its name: `eth0`.
    pub name: String,
    /// Its number, from one: what the zone of an address is, what joins groups, and
    /// what [`Transmit::interface`](super::Transmit::interface) takes.
    pub index: u32,
    /// How many bytes a packet has at most; `None` if it went away meanwhile.
    #[doc(alias = "MTU")]
    pub mtu: Option<u32>,
    /// The address of the card, if there is one: of Ethernet, six bytes.
    #[doc(alias = "HardwareAddr")]
    #[doc(alias = "MAC")]
    pub hardware_address: Vec<u8>,
    /// Its addresses.
    #[doc(alias = "Addrs")]
    pub addresses: Vec<InterfaceAddress>,
    /// `IFF_UP` and the like, as the system has them.
    pub flags: u32,
}

/// An address of an [`Interface`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceAddress {
    /// The address, with the zone of those that need one.
    pub address: ScopedIpAddr,
    /// How many bits at its beginning all hosts of the network share.
    pub prefix_length: u8,
    /// Where datagrams for all of these go, if the interface can do that.
    pub broadcast: Option<IpAddr>,
    /// The host at the other end, of an interface that has but two.
    pub peer: Option<IpAddr>,
}

impl Interface {
    /// Whether it is switched on.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.has(libc::IFF_UP)
    }

    /// Whether it leads to this host only.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.has(libc::IFF_LOOPBACK)
    }

    /// Whether it takes datagrams for groups.
    #[must_use]
    pub fn is_multicast(&self) -> bool {
        self.has(libc::IFF_MULTICAST)
    }

    /// Whether it takes datagrams for everybody.
    #[must_use]
    pub fn is_broadcast(&self) -> bool {
        self.has(libc::IFF_BROADCAST)
    }

    /// Whether it has but two ends.
    #[must_use]
    pub fn is_point_to_point(&self) -> bool {
        self.has(libc::IFF_POINTOPOINT)
    }

    fn has(&self, flag: i32) -> bool {
        self.flags & flag.cast_unsigned() != 0
    }
}

/// The interfaces of this host, in the order of their numbers, with their addresses.
///
/// Asks the kernel, which answers at once; does not park.
///
/// # Errors
///
/// What the system calls fail with: `EMFILE`, `ENOMEM`.
///
/// # Examples
///
/// ```
/// for interface in netpoll::net::interfaces()? {
///     println!("{}: {}", interface.index, interface.name);
///     for address in &interface.addresses {
///         println!("    {}/{}", address.address, address.prefix_length);
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found: Vec<Interface> = Vec::new();
    for entry in sys::list()? {
        let at = match found.iter().position(|one| one.name == entry.name) {
            Some(at) => at,
            None => {
                found.push(Interface {
                    // Where it is not known yet. One that is a second name (`eth0:1`) has
                    // no card of its own.
                    index: sys::index_of(&entry.name).unwrap_or(0),
                    mtu: sys::mtu_of(&entry.name).ok(),
                    name: entry.name,
                    hardware_address: Vec::new(),
                    addresses: Vec::new(),
                    flags: entry.flags,
                });
                found.len() - 1
            }
        };
        let interface = &mut found[at];
        match entry.what {
            What::Nothing => {}
            What::Card { index, address } => {
                interface.index = index;
                // The loopback has one of zeros.
                if address.iter().any(|byte| *byte != 0) {
                    interface.hardware_address = address;
                }
            }
            What::Ip {
                address: ip,
                scope_id,
                mask,
                other,
            } => interface.addresses.push(InterfaceAddress {
                address: ScopedIpAddr { ip, scope_id },
                prefix_length: mask.map_or(0, ones),
                broadcast: other.filter(|_| interface.is_broadcast()),
                peer: other.filter(|_| interface.is_point_to_point()),
            }),
        }
    }
    found.sort_by_key(|interface| interface.index);
    Ok(found)
}

fn ones(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    ones as u8
}
