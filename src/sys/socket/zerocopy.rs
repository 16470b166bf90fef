//! Sending from the caller's own memory, and hearing when the kernel is done with it.
//!
//! Each such send has a number: the socket counts them from zero. The error queue tells of
//! ranges of numbers.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{Errno, Fault};

/// The sends from the first number to the last are done with their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// The kernel has copied after all.
    pub(crate) copied: bool,
}

impl Completion {
    /// Whether a send is among them. The count wraps.
    pub(crate) fn covers(&self, number: u32) -> bool {
        number.wrapping_sub(self.first) <= self.last.wrapping_sub(self.first)
    }
}

/// Allows such sends.
pub(crate) fn enable(fd: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option is read from `on`, which has the size that is given.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ZEROCOPY,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends as much as there is room for. The kernel reads the memory until it says that it is
/// done; who changes it before that sends something else.
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Fault> {
    let flags = libc::MSG_ZEROCOPY | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the bytes are borrowed for the call. Afterwards the kernel holds on to the
    // pages by itself, and only reads them.
    let sent = unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(sent).map_err(|_| last_fault())
}

fn last_fault() -> Fault {
    let error = io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap_or(Errno::IO).into()
}

/// The next that the error queue has to tell. `None` for what is about something else.
pub(crate) fn completion(fd: BorrowedFd<'_>) -> Result<Option<Completion>, Fault> {
    /// What tells of sends from the caller's memory (`SO_EE_ORIGIN_ZEROCOPY`).
    const ORIGIN: u8 = 5;
    /// The code of those that were copied (`SO_EE_CODE_ZEROCOPY_COPIED`).
    const COPIED: u8 = 1;

    // In words, so that it is aligned like a header.
    let mut control = [0_usize; 32];
    // SAFETY: all zeros is a message header without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: the header describes memory that outlives the call.
    if unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, flags) } < 0 {
        return Err(last_fault());
    }
    // SAFETY: the kernel has filled in the header, and `control` is still there.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(&message) };
    while !header.is_null() {
        // SAFETY: the macros return headers that lie in `control` entirely, or null.
        let (level, kind, length, data) = unsafe {
            let fields = &*header;
            let (level, kind) = (fields.cmsg_level, fields.cmsg_type);
            (
                level,
                kind,
                fields.cmsg_len as usize,
                libc::CMSG_DATA(header),
            )
        };
        let of_socket = matches!(
            (level, kind),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR)
        );
        // SAFETY: this only computes.
        let needed = unsafe { libc::CMSG_LEN(size_of::<libc::sock_extended_err>() as u32) };
        if of_socket && length >= needed as usize {
            let mut error = MaybeUninit::<libc::sock_extended_err>::uninit();
            // SAFETY: as many bytes are there, as was just compared; any bytes make an
            // error.
            let error = unsafe {
                let bytes = size_of::<libc::sock_extended_err>();
                std::ptr::copy_nonoverlapping(data, error.as_mut_ptr().cast(), bytes);
                error.assume_init()
            };
            if error.ee_origin == ORIGIN && error.ee_errno == 0 {
                return Ok(Some(Completion {
                    first: error.ee_info,
                    last: error.ee_data,
                    copied: error.ee_code & COPIED != 0,
                }));
            }
        }
        // SAFETY: as for the first.
        header = unsafe { libc::CMSG_NXTHDR(&message, header) };
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_wrap() {
        let completion = Completion {
            first: u32::MAX - 1,
            last: 1,
            copied: false,
        };
        for number in [u32::MAX - 1, u32::MAX, 0, 1] {
            assert!(completion.covers(number), "{number}");
        }
        for number in [u32::MAX - 2, 2, 1000] {
            assert!(!completion.covers(number), "{number}");
        }
    }
}
