//! Sockets for packets of IP.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{Protocol, SocketFlags, SocketType};

use super::address::Name;
use super::{Errno, Fault, family, message};

/// A header of IPv4 without options, which hardly any has.
const HEADER: usize = 20;

/// A new socket for packets of a protocol that is bound to an address.
pub(crate) fn bind(protocol: u8, address: &SocketAddr) -> io::Result<OwnedFd> {
    let protocol = NonZeroU32::new(protocol.into()).ok_or(Errno::INVAL)?;
    let fd = rustix::net::socket_with(
        family(address),
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(Protocol::from_raw(protocol)),
    )?;
    rustix::net::bind(&fd, address)?;
    Ok(fd)
}

/// Receives one packet without its header, and tells from whom.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    peek: bool,
) -> Result<(usize, SocketAddr), Fault> {
    let flags = if peek { libc::MSG_PEEK } else { 0 };
    let mut name = Name::none();
    let mut header = [0; HEADER];
    // The kernel gives the header with IPv4 and not with IPv6.
    let is_v4 = super::local_address(fd)
        .map_err(|_| Fault::Error(Errno::INVAL))?
        .is_ipv4();
    let header_room = if is_v4 { HEADER } else { 0 };
    let mut buffers = [
        IoSliceMut::new(&mut header[..header_room]),
        IoSliceMut::new(buffer),
    ];
    let arrived = message::receive(fd, &mut buffers, name.room(), &mut [], flags)?;
    name.set_len(arrived.name);
    let mut length = arrived.bytes.saturating_sub(header_room);
    if is_v4 {
        let words = usize::from(header[0] & 0xf);
        let options = (words * 4).saturating_sub(HEADER).min(length);
        buffer.copy_within(options..length, 0);
        length -= options;
    }
    let sender = name.address().ok_or(Fault::Error(Errno::INVAL))?;
    Ok((length, sender))
}
