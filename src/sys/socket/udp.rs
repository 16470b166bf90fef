//! Datagrams over IP.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{RecvFlags, SendFlags, SocketFlags, SocketType, ipproto};

use super::{Errno, Fault, family};

/// A new UDP socket that is bound to an address, in blocking mode: every call that
/// could wait has a flag.
pub(crate) fn bind(address: &SocketAddr) -> io::Result<OwnedFd> {
    let fd = rustix::net::socket_with(
        family(address),
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(ipproto::UDP),
    )?;
    rustix::net::bind(&fd, address)?;
    Ok(fd)
}

/// Sets the peer. Does not wait.
pub(crate) fn connect(fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    Ok(rustix::net::connect(fd, address)?)
}

/// Receives one datagram, and tells from whom.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<(usize, SocketAddr), Fault> {
    receive(fd, buffer, RecvFlags::empty())
}

/// Receives one datagram, tells from whom, and leaves it there.
pub(crate) fn peek_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<(usize, SocketAddr), Fault> {
    receive(fd, buffer, RecvFlags::PEEK)
}

fn receive(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> Result<(usize, SocketAddr), Fault> {
    let (_, length, sender) = rustix::net::recvfrom(fd, buffer, RecvFlags::DONTWAIT | flags)?;
    let sender = sender.ok_or(Fault::Error(Errno::INVAL))?;
    let sender = SocketAddr::try_from(sender).map_err(Fault::Error)?;
    Ok((length, sender))
}

/// Sends one datagram.
pub(crate) fn send_to(
    fd: BorrowedFd<'_>,
    bytes: &[u8],
    address: &SocketAddr,
) -> Result<usize, Fault> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(rustix::net::sendto(fd, bytes, flags, address)?)
}
