//! What can be set at a socket, and asked of it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::net::sockopt;
pub(crate) use sockopt::Timeout;

use super::raw_options;

/// Pairs of a setter and a getter whose value is passed on as it is.
macro_rules! options {
    ($($(#[$doc:meta])* $set:ident, $get:ident: $type:ty = $sockopt_set:ident, $sockopt_get:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $set(fd: BorrowedFd<'_>, value: $type) -> io::Result<()> {
            Ok(sockopt::$sockopt_set(fd, value)?)
        }

        $(#[$doc])*
        pub(crate) fn $get(fd: BorrowedFd<'_>) -> io::Result<$type> {
            Ok(sockopt::$sockopt_get(fd)?)
        }
    )*};
}

options! {
    /// How much the kernel keeps for the reader; it doubles what is asked for.
    set_recv_buffer_size, recv_buffer_size: usize =
        set_socket_recv_buffer_size, socket_recv_buffer_size;
    /// How much the kernel takes from the writer; it doubles what is asked for.
    set_send_buffer_size, send_buffer_size: usize =
        set_socket_send_buffer_size, socket_send_buffer_size;
    /// How long closing waits for what was not sent yet.
    set_linger, linger: Option<Duration> = set_socket_linger, socket_linger;

    /// Whether a Unix socket learns who sent a message.
    set_passcred, passcred: bool = set_socket_passcred, socket_passcred;

    set_ttl, ttl: u32 = set_ip_ttl, ip_ttl;
    set_only_v6, only_v6: bool = set_ipv6_v6only, ipv6_v6only;

    set_nodelay, nodelay: bool = set_tcp_nodelay, tcp_nodelay;
    set_quickack, quickack: bool = set_tcp_quickack, tcp_quickack;
    set_keepalive, keepalive: bool = set_socket_keepalive, socket_keepalive;
    set_keepalive_idle, keepalive_idle: Duration = set_tcp_keepidle, tcp_keepidle;
    set_keepalive_interval, keepalive_interval: Duration = set_tcp_keepintvl, tcp_keepintvl;
    set_keepalive_count, keepalive_count: u32 = set_tcp_keepcnt, tcp_keepcnt;

    set_broadcast, broadcast: bool = set_socket_broadcast, socket_broadcast;
    set_multicast_loop_v4, multicast_loop_v4: bool = set_ip_multicast_loop, ip_multicast_loop;
    set_multicast_ttl_v4, multicast_ttl_v4: u32 = set_ip_multicast_ttl, ip_multicast_ttl;
    set_multicast_loop_v6, multicast_loop_v6: bool =
        set_ipv6_multicast_loop, ipv6_multicast_loop;
}

/// Whether calls without a flag of their own return instead of waiting: the mode of
/// the open file, which all duplicates share.
pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(rustix::fs::fcntl_getfl(fd)?.contains(OFlags::NONBLOCK))
}

/// Sets the mode that [`is_nonblocking`] tells.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(fd, on)?)
}

/// For how long the kernel itself waits in a call that may wait.
pub(crate) fn timeout(fd: BorrowedFd<'_>, which: Timeout) -> io::Result<Option<Duration>> {
    raw_options::timeout(fd, which)
}

/// Sets what [`timeout`] tells.
pub(crate) fn set_timeout(
    fd: BorrowedFd<'_>,
    which: Timeout,
    timeout: Option<Duration>,
) -> io::Result<()> {
    Ok(sockopt::set_socket_timeout(fd, which, timeout)?)
}

/// The error that waits at the socket, which is cleared.
pub(crate) fn take_error(fd: BorrowedFd<'_>) -> io::Result<Option<io::Error>> {
    Ok(sockopt::socket_error(fd)?.err().map(io::Error::from))
}

pub(crate) fn join_multicast_v4(
    fd: BorrowedFd<'_>,
    group: &Ipv4Addr,
    interface: &Ipv4Addr,
) -> io::Result<()> {
    Ok(sockopt::set_ip_add_membership(fd, group, interface)?)
}

/// Joins a group by the interface of an index, and sends to groups by that; by the one that
/// the system chooses for zero.
pub(crate) fn join_multicast_v4_by(
    fd: BorrowedFd<'_>,
    group: &Ipv4Addr,
    index: u32,
) -> io::Result<()> {
    let any = Ipv4Addr::UNSPECIFIED;
    sockopt::set_ip_add_membership_with_ifindex(fd, group, &any, index)?;
    Ok(sockopt::set_ip_multicast_if_with_ifindex(
        fd, group, &any, index,
    )?)
}

/// Sends to groups by the interface of an index.
pub(crate) fn set_multicast_interface_v6(fd: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    Ok(sockopt::set_ipv6_multicast_if(fd, index)?)
}

pub(crate) fn leave_multicast_v4(
    fd: BorrowedFd<'_>,
    group: &Ipv4Addr,
    interface: &Ipv4Addr,
) -> io::Result<()> {
    Ok(sockopt::set_ip_drop_membership(fd, group, interface)?)
}

pub(crate) fn join_multicast_v6(
    fd: BorrowedFd<'_>,
    group: &Ipv6Addr,
    interface: u32,
) -> io::Result<()> {
    Ok(sockopt::set_ipv6_add_membership(fd, group, interface)?)
}

pub(crate) fn leave_multicast_v6(
    fd: BorrowedFd<'_>,
    group: &Ipv6Addr,
    interface: u32,
) -> io::Result<()> {
    Ok(sockopt::set_ipv6_drop_membership(fd, group, interface)?)
}
