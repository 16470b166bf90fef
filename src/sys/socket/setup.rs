//! Sockets that are set up step by step, before they are bound or connected.
//!
//! Streams are made in non-blocking mode, which connecting and accepting need; sockets
//! for datagrams in blocking mode, since each of their calls has a flag.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr as UnixAddr;
use std::sync::OnceLock;

use rustix::net::{
    AddressFamily, Protocol, SocketFlags, SocketType, ipproto, netdevice, socket_with, sockopt,
};

use super::{backlog, family, unix};

/// A new TCP socket; of Multipath TCP if that is wanted and the system has it.
pub(crate) fn stream(address: &SocketAddr, multipath: bool) -> io::Result<OwnedFd> {
    let socket = |protocol: Protocol| {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(family(address), SocketType::STREAM, flags, Some(protocol))
    };
    if multipath {
        // Whatever is wrong with it (not built in, switched off, forbidden by a filter),
        // TCP will do, and says what is wrong if that is something else.
        if let Ok(fd) = socket(ipproto::MPTCP) {
            return Ok(fd);
        }
    }
    Ok(socket(ipproto::TCP)?)
}

/// A new UDP socket.
pub(crate) fn datagram(address: &SocketAddr) -> io::Result<OwnedFd> {
    let kind = SocketType::DGRAM;
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(
        family(address),
        kind,
        flags,
        Some(ipproto::UDP),
    )?)
}

pub(crate) fn bind(fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    Ok(rustix::net::bind(fd, address)?)
}

/// Listens; with as many waiting connections as the system allows if nobody says how many.
pub(crate) fn listen(fd: BorrowedFd<'_>, waiting: Option<u32>) -> io::Result<()> {
    let waiting = waiting.map_or_else(backlog, |most| i32::try_from(most).unwrap_or(i32::MAX));
    Ok(rustix::net::listen(fd, waiting)?)
}

/// Binds a socket of Unix and listens.
pub(crate) fn listen_unix(
    fd: BorrowedFd<'_>,
    address: &UnixAddr,
    waiting: Option<u32>,
) -> io::Result<()> {
    unix::bind(fd, address)?;
    listen(fd, waiting)
}

/// Whether a socket of IPv6 can serve IPv4 as well. Asked once.
pub(crate) fn is_dual_stack() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        // What IPv4 looks like to a socket of IPv6.
        let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 0));
        let anything = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        [mapped, anything].iter().all(|address| {
            datagram(address).is_ok_and(|fd| {
                sockopt::set_ipv6_v6only(&fd, false).is_ok() && bind(fd.as_fd(), address).is_ok()
            })
        })
    })
}

/// The number of a network interface, which is the scope of an address of IPv6.
pub(crate) fn interface(name: &str) -> io::Result<u32> {
    let any = socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok(netdevice::name_to_index(any, name)?)
}

/// Marks what is sent: the type of service of IPv4, the traffic class of IPv6. A socket of
/// IPv6 may send either.
pub(crate) fn set_traffic_class(
    fd: BorrowedFd<'_>,
    address: &SocketAddr,
    class: u8,
) -> io::Result<()> {
    if address.is_ipv6() {
        sockopt::set_ipv6_tclass(fd, u32::from(class))?;
        // For IPv4 through it, which it may not be for.
        let _ = sockopt::set_ip_tos(fd, class);
        return Ok(());
    }
    Ok(sockopt::set_ip_tos(fd, class)?)
}

pub(crate) fn set_reuse_address(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    Ok(sockopt::set_socket_reuseaddr(fd, on)?)
}

pub(crate) fn set_reuse_port(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    Ok(sockopt::set_socket_reuseport(fd, on)?)
}

pub(crate) fn set_incoming_cpu(fd: BorrowedFd<'_>, processor: u32) -> io::Result<()> {
    Ok(sockopt::set_socket_incoming_cpu(fd, processor)?)
}

/// In milliseconds; zero leaves it to the system.
pub(crate) fn set_user_timeout(fd: BorrowedFd<'_>, milliseconds: u32) -> io::Result<()> {
    Ok(sockopt::set_tcp_user_timeout(fd, milliseconds)?)
}

/// Sends and receives over one network interface alone.
pub(crate) fn set_device(fd: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, name.as_bytes())
}

/// Reports a connection when its first bytes are there, or after so many seconds.
pub(crate) fn set_defer_accept(fd: BorrowedFd<'_>, seconds: u32) -> io::Result<()> {
    set_number(fd, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, seconds)
}

/// Takes data that comes with the request for a connection; so many may be pending.
pub(crate) fn set_fast_open(fd: BorrowedFd<'_>, pending: u32) -> io::Result<()> {
    set_number(fd, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, pending)
}

/// Puts off the request for a connection until there is data to go with it.
pub(crate) fn set_fast_open_connect(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_number(fd, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1)
}

/// Leaves the choice of a port to `connect`, which can share one among several peers.
pub(crate) fn set_bind_address_no_port(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_number(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// What rustix has no name for.
fn set_number(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: u32,
) -> io::Result<()> {
    // The kernel takes an `int`; one that is too large for it is as large as can be.
    let value = libc::c_int::try_from(value).unwrap_or(libc::c_int::MAX);
    set(fd, level, option, &value.to_ne_bytes())
}

fn set(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: &[u8],
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel reads `length`
    // bytes from the pointer, which is what the slice has.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, value.as_ptr().cast(), length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
