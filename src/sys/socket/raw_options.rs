//! Options that `rustix` does not have, as the numbers that they are.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, socklen_t};

/// An option's level, and its name.
pub(crate) type Name = (c_int, c_int);

pub(crate) const DESTINATION_V4: Name = (libc::IPPROTO_IP, libc::IP_PKTINFO);
pub(crate) const DESTINATION_V6: Name = (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO);
pub(crate) const TRAFFIC_CLASS_V4: Name = (libc::IPPROTO_IP, libc::IP_RECVTOS);
pub(crate) const TRAFFIC_CLASS_V6: Name = (libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS);
pub(crate) const HOP_LIMIT_V4: Name = (libc::IPPROTO_IP, libc::IP_RECVTTL);
pub(crate) const HOP_LIMIT_V6: Name = (libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT);
pub(crate) const GRO: Name = (libc::SOL_UDP, libc::UDP_GRO);
pub(crate) const SEGMENT: Name = (libc::SOL_UDP, libc::UDP_SEGMENT);
pub(crate) const HEADER_INCLUDED_V4: Name = (libc::IPPROTO_IP, libc::IP_HDRINCL);
/// `IPV6_HDRINCL`, which `libc` does not name.
pub(crate) const HEADER_INCLUDED_V6: Name = (libc::IPPROTO_IPV6, 36);

pub(crate) fn set(fd: BorrowedFd<'_>, (level, name): Name, value: c_int) -> io::Result<()> {
    // SAFETY: `value` is valid for reads of the length given, during the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<c_int>() as socklen_t,
        )
    };
    done(result)
}

pub(crate) fn get(fd: BorrowedFd<'_>, name: Name) -> io::Result<c_int> {
    let [value] = read(fd, name)?;
    Ok(value)
}

/// Who the peer of a Unix socket was when it connected: its process, user and group. Not
/// by `rustix`, for which a process has a number that is not zero: one outside of our
/// namespace has none, nor has a socket without a peer.
pub(crate) fn peer(fd: BorrowedFd<'_>) -> io::Result<(i32, u32, u32)> {
    let [process, user, group] = read(fd, (libc::SOL_SOCKET, libc::SO_PEERCRED))?;
    Ok((process, user.cast_unsigned(), group.cast_unsigned()))
}

fn read<const N: usize>(fd: BorrowedFd<'_>, (level, name): Name) -> io::Result<[c_int; N]> {
    let mut value = [0; N];
    let mut length = size_of_val(&value) as socklen_t;
    // SAFETY: `value` is valid for writes of `length` bytes, and both are borrowed
    // exclusively during the call. Any bytes are numbers.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    done(result)?;
    Ok(value)
}

fn done(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
