//! Options that `rustix` does not have, as the numbers that they are.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use libc::{c_int, socklen_t};
use rustix::net::sockopt::Timeout;

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
    // SAFETY: any bytes are a number.
    unsafe { read(fd, name, 0) }
}

/// Who the peer of a Unix socket was when it connected: its process, user and group. Not
/// by `rustix`, for which a process has a number that is not zero: one outside of our
/// namespace has none, nor has a socket without a peer.
pub(crate) fn peer(fd: BorrowedFd<'_>) -> io::Result<(i32, u32, u32)> {
    let name = (libc::SOL_SOCKET, libc::SO_PEERCRED);
    // SAFETY: any bytes are numbers.
    let [process, user, group] = unsafe { read(fd, name, [0_i32; 3])? };
    Ok((process, user.cast_unsigned(), group.cast_unsigned()))
}

/// For how long the kernel itself waits in a call that may wait. Not by `rustix`, which
/// asks for the option by the number that it has since Linux 5.1, and panics under an
/// emulator that takes an unknown option for an `int`.
pub(crate) fn timeout(fd: BorrowedFd<'_>, which: Timeout) -> io::Result<Option<Duration>> {
    let name = match which {
        Timeout::Recv => libc::SO_RCVTIMEO,
        Timeout::Send => libc::SO_SNDTIMEO,
    };
    let none = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    // SAFETY: any bytes are a `timeval`, which has no padding where `long` is 64 bits.
    let time = unsafe { read(fd, (libc::SOL_SOCKET, name), none)? };
    let time = Duration::from_secs(time.tv_sec.cast_unsigned())
        + Duration::from_micros(time.tv_usec.cast_unsigned());
    Ok((!time.is_zero()).then_some(time))
}

/// # Safety
///
/// Any bytes are a `T`.
unsafe fn read<T>(fd: BorrowedFd<'_>, (level, name): Name, mut value: T) -> io::Result<T> {
    let mut length = size_of_val(&value) as socklen_t;
    // SAFETY: `value` is valid for writes of `length` bytes, and both are borrowed
    // exclusively during the call. What the kernel writes there is a `T`, as the caller
    // promises.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
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
