//! Moving bytes between descriptors without bringing them into the process:
//! `splice(2)` and `sendfile(2)`.
//!
//! The flag of `splice` that says not to wait is about pipes. For a socket it goes by the
//! mode of the open file alone: see [`Fd`](crate::fd), which sees to that.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags};

use super::socket::Fault;

/// As many bytes as a pipe of ours shall hold; the system's 64 KiB make more calls of it. All
/// that there may be stay below what the system lets a user have without privileges.
const PIPE: usize = 256 * 1024;

/// A pipe to move bytes through: the end to read from, and the one to write to.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // One that is refused does as well.
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE);
    Ok((reader, writer))
}

/// Moves at most so many bytes; one of the two is a pipe, which this does not wait for.
/// Zero is the end, or something that only a plain read gets past.
pub(crate) fn splice(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    most: usize,
) -> Result<usize, Fault> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    Ok(rustix::pipe::splice(from, None, to, None, most, flags)?)
}

/// Reads from such a pipe in which there are bytes.
pub(crate) fn read(pipe: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(pipe, buffer)?)
}

/// Sends at most so many bytes from the position of a file, which moves. May wait for the
/// disk.
pub(crate) fn send_file(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    most: usize,
) -> Result<usize, Fault> {
    Ok(rustix::fs::sendfile(socket, file, None, most)?)
}

/// How many bytes there are from the position of a file to its end, as far as it says.
pub(crate) fn left_in(file: BorrowedFd<'_>) -> u64 {
    let (Ok(stat), Ok(position)) = (rustix::fs::fstat(file), rustix::fs::tell(file)) else {
        return 0;
    };
    u64::try_from(stat.st_size).map_or(0, |size| size.saturating_sub(position))
}

/// Whether it is a pipe.
pub(crate) fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    rustix::pipe::fcntl_getpipe_size(fd).is_ok()
}

/// Whether moving bytes to a peer that is gone would end the process. These calls have
/// no flag against the signal, which Rust programs ignore unless they were told not to.
pub(crate) fn would_end_the_process() -> bool {
    // SAFETY: all zeros is a `sigaction`; the call writes to it, and changes nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), &mut action) != 0
            || action.sa_sigaction == libc::SIG_DFL
    }
}
