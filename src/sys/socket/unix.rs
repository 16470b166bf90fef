//! Unix sockets: streams, listeners and datagrams, by path, by abstract name, or
//! without a name.
//!
//! Two of their calls may have to wait for something that the kernel reports to
//! nobody: connecting to a listener whose backlog is full, and sending to a named
//! socket whose queue is full. Both say so by [`None`].

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::{ffi::OsStr, path::Path};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType,
};

use super::{Errno, Fault, accept_any, listen_at};

fn socket(kind: SocketType, flags: SocketFlags) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | flags;
    Ok(rustix::net::socket_with(
        AddressFamily::UNIX,
        kind,
        flags,
        None,
    )?)
}

/// A new stream in non-blocking mode, which connecting and accepting need.
pub(crate) fn stream() -> io::Result<OwnedFd> {
    socket(SocketType::STREAM, SocketFlags::NONBLOCK)
}

/// A new socket for datagrams, without a name.
pub(crate) fn datagram() -> io::Result<OwnedFd> {
    socket(SocketType::DGRAM, SocketFlags::empty())
}

fn pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    Ok(rustix::net::socketpair(
        AddressFamily::UNIX,
        kind,
        flags,
        None,
    )?)
}

/// Two streams that are connected to each other.
pub(crate) fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    pair(SocketType::STREAM)
}

/// Two sockets for datagrams that are connected to each other.
pub(crate) fn datagram_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    pair(SocketType::DGRAM)
}

/// Binds and listens.
pub(crate) fn listen(address: &SocketAddr) -> io::Result<OwnedFd> {
    listen_at(stream()?, &to_kernel(address)?)
}

/// Gives a socket a name.
pub(crate) fn bind(fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    Ok(rustix::net::bind(fd, &to_kernel(address)?)?)
}

/// Sets the peer of a socket for datagrams. Does not wait.
pub(crate) fn set_peer(fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    Ok(rustix::net::connect(fd, &to_kernel(address)?)?)
}

/// Connects a stream. `None` if the listener's backlog is full.
pub(crate) fn connect(fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<Option<()>> {
    match rustix::net::connect(fd, &to_kernel(address)?) {
        Ok(()) => Ok(Some(())),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Takes one connection from a listener.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> Result<(OwnedFd, SocketAddr), Fault> {
    let (stream, address) = accept_any(fd)?;
    Ok((stream, from_kernel(address)?))
}

pub(crate) fn local_address(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    Ok(from_kernel(Some(rustix::net::getsockname(fd)?))?)
}

pub(crate) fn peer_address(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    Ok(from_kernel(rustix::net::getpeername(fd)?)?)
}

/// Receives one datagram, and tells from whom.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<(usize, SocketAddr), Fault> {
    let (_, length, sender) = rustix::net::recvfrom(fd, buffer, RecvFlags::DONTWAIT)?;
    Ok((length, from_kernel(sender)?))
}

/// Sends one datagram. `None` if the receiver's queue is full: the sender counts as
/// writable all the same, so no event will say when there is room.
pub(crate) fn send_to(
    fd: BorrowedFd<'_>,
    bytes: &[u8],
    address: &SocketAddr,
) -> io::Result<Option<usize>> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    match rustix::net::sendto(fd, bytes, flags, &to_kernel(address)?) {
        Ok(length) => Ok(Some(length)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn to_kernel(address: &SocketAddr) -> Result<SocketAddrUnix, Errno> {
    if let Some(path) = address.as_pathname() {
        SocketAddrUnix::new(path)
    } else if let Some(name) = address.as_abstract_name() {
        SocketAddrUnix::new_abstract_name(name)
    } else {
        Ok(SocketAddrUnix::new_unnamed())
    }
}

/// An address as std has it. One that std cannot express, which only a program that
/// uses all 108 bytes of a path can choose, counts as unnamed: a peer must not make
/// others fail by what it is called. (The kernel gives its length as one more than an
/// address can have, for the NUL that it adds; `rustix` would panic.)
fn from_kernel(address: Option<SocketAddrAny>) -> Result<SocketAddr, Errno> {
    const UNNAMED: usize = size_of::<libc::sa_family_t>();
    const LONGEST: usize = size_of::<libc::sockaddr_un>();

    let unnamed = || SocketAddr::from_pathname("").map_err(|_| Errno::INVAL);
    let address = match address {
        Some(address) if (UNNAMED + 1..=LONGEST).contains(&(address.addr_len() as usize)) => {
            SocketAddrUnix::try_from(address)?
        }
        _ => return unnamed(),
    };
    let named = if let Some(path) = address.path_bytes() {
        SocketAddr::from_pathname(Path::new(OsStr::from_bytes(path)))
    } else if let Some(name) = address.abstract_name() {
        SocketAddr::from_abstract_name(name)
    } else {
        return unnamed();
    };
    named.map_err(|_| Errno::INVAL)
}
