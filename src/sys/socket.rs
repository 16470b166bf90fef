//! Sockets: the calls that streams and listeners are made of.
//!
//! None of these relies on `O_NONBLOCK` where the call has a flag of its own: the
//! mode belongs to the open file, which every duplicate shares, so another
//! process, or a std type made from the descriptor, may change it. Streams are
//! therefore left in blocking mode, which is what their next owner expects.

mod address;
pub(crate) mod ancillary;
mod control;
pub(crate) mod envelope;
mod message;
pub(crate) mod options;
pub(crate) mod race;
pub(crate) mod raw_ip;
pub(crate) mod raw_options;
pub(crate) mod setup;
pub(crate) mod udp;
pub(crate) mod unix;
mod vectored;
pub(crate) mod zerocopy;

use std::io;
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

pub(crate) use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketFlags, SocketType, ipproto, sockopt,
};
pub(crate) use vectored::{MOST_SLICES, receive_vectored, send_vectored};

/// A call that would have to wait, was interrupted, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    WouldBlock,
    Interrupted,
    Error(Errno),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::AGAIN => Fault::WouldBlock,
            Errno::INTR => Fault::Interrupted,
            other => Fault::Error(other),
        }
    }
}

/// Receives what is there.
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Fault> {
    let (_, length) = rustix::net::recv(fd, buffer, RecvFlags::DONTWAIT)?;
    Ok(length)
}

/// Receives what is there into memory that may hold anything; returns what was received.
pub(crate) fn receive_into<'a>(
    fd: BorrowedFd<'_>,
    spare: &'a mut [MaybeUninit<u8>],
) -> Result<&'a mut [u8], Fault> {
    let ((received, _), _) = rustix::net::recv(fd, spare, RecvFlags::DONTWAIT)?;
    Ok(received)
}

/// Receives what is there and leaves it there.
pub(crate) fn peek(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Fault> {
    let (_, length) = rustix::net::recv(fd, buffer, RecvFlags::DONTWAIT | RecvFlags::PEEK)?;
    Ok(length)
}

/// Sends as much as there is room for.
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Fault> {
    Ok(rustix::net::send(
        fd,
        bytes,
        SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
    )?)
}

/// A new TCP socket in non-blocking mode, which connecting and accepting need.
pub(crate) fn tcp(address: &SocketAddr) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(
        family(address),
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        Some(ipproto::TCP),
    )?)
}

fn family(address: &SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    }
}

/// A socket that is connected to nothing: every operation on it fails.
pub(crate) fn dead() -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Another number for the same open socket.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // Not the numbers of standard input, output and error, as in std.
    Ok(rustix::io::fcntl_dupfd_cloexec(fd, 3)?)
}

/// Binds and listens, as std's `TcpListener::bind` does for one address.
pub(crate) fn listen(address: &SocketAddr) -> io::Result<OwnedFd> {
    let fd = tcp(address)?;
    // std does so too: a server that restarts must not wait for old connections.
    sockopt::set_socket_reuseaddr(&fd, true)?;
    listen_at(fd, address)
}

fn listen_at(fd: OwnedFd, address: &impl SocketAddrArg) -> io::Result<OwnedFd> {
    rustix::net::bind(&fd, address)?;
    rustix::net::listen(&fd, backlog())?;
    Ok(fd)
}

/// As many waiting connections as the system allows; the kernel takes the lesser.
fn backlog() -> i32 {
    std::fs::read_to_string("/proc/sys/net/core/somaxconn")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(4096)
}

/// Takes one connection from a listener.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> Result<(OwnedFd, SocketAddr), Fault> {
    let (stream, address) = accept_any(fd)?;
    let address = address.ok_or(Fault::Error(Errno::INVAL))?;
    let address = SocketAddr::try_from(address).map_err(Fault::Error)?;
    Ok((stream, address))
}

fn accept_any(fd: BorrowedFd<'_>) -> Result<(OwnedFd, Option<SocketAddrAny>), Fault> {
    // Not NONBLOCK: see the module's head.
    Ok(rustix::net::acceptfrom_with(fd, SocketFlags::CLOEXEC)?)
}

/// Begins to connect. Returns whether the connection stands already.
pub(crate) fn connect(fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<bool> {
    match rustix::net::connect(fd, address) {
        Ok(()) => Ok(true),
        // An interrupted connect goes on, like one in progress.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the connection that was begun stands, once the socket is writable.
pub(crate) fn connected(fd: BorrowedFd<'_>) -> io::Result<bool> {
    sockopt::socket_error(fd)??;
    match rustix::net::getpeername(fd) {
        Ok(_) => Ok(true),
        Err(Errno::NOTCONN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn local_address(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    ip(rustix::net::getsockname(fd)?)
}

pub(crate) fn peer_address(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let address = rustix::net::getpeername(fd)?.ok_or(Errno::NOTCONN)?;
    ip(address)
}

fn ip(address: SocketAddrAny) -> io::Result<SocketAddr> {
    Ok(SocketAddr::try_from(address)?)
}

pub(crate) fn shutdown(fd: BorrowedFd<'_>, how: Shutdown) -> io::Result<()> {
    use rustix::net::Shutdown as How;
    let how = match how {
        Shutdown::Read => How::Read,
        Shutdown::Write => How::Write,
        Shutdown::Both => How::Both,
    };
    Ok(rustix::net::shutdown(fd, how)?)
}

/// How many bytes have come that were not received; zero if that cannot be told.
pub(crate) fn unread(fd: BorrowedFd<'_>) -> usize {
    rustix::io::ioctl_fionread(fd).map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// How many bytes were sent that the peer has not acknowledged, or, of a Unix socket, not
/// received; zero if that cannot be told.
pub(crate) fn unacknowledged(fd: BorrowedFd<'_>) -> usize {
    use std::os::fd::AsRawFd;
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open while it is borrowed; this call writes one `int`, to
    // where one is.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 {
        usize::try_from(bytes).unwrap_or(0)
    } else {
        0
    }
}

/// Ends a connection without sending what was not sent yet: resets it.
pub(crate) fn disconnect(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::net::connect_unspec(fd)?)
}

/// Makes the number of `fd` stand for the same file as `file`. What it stood for
/// before is closed, at once and whoever is using the number; the number itself
/// stays taken.
pub(crate) fn replace(fd: BorrowedFd<'_>, file: BorrowedFd<'_>) -> io::Result<()> {
    use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
    // SAFETY: the number is open, and it is not closed here: it is taken back out
    // of the `OwnedFd` before that could close it.
    let mut number = unsafe { OwnedFd::from_raw_fd(fd.as_raw_fd()) };
    let result = rustix::io::dup3(file, &mut number, rustix::io::DupFlags::CLOEXEC);
    let _ = number.into_raw_fd();
    Ok(result?)
}
