//! Pipes, and descriptors that others share: `read(2)`, `write(2)`.
//!
//! There is no flag for these calls like the `MSG_DONTWAIT` of sockets. The ends of a
//! pipe that we make are non-blocking, and nobody else's. What others share has its
//! mode from them, and keeps it; see [`read_shared`].

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, ReadWriteFlags};
use rustix::pipe::PipeFlags;

use super::poll;
use super::socket::Fault;

/// A pipe whose ends are non-blocking: the end to read from, and the one to write to.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(
        PipeFlags::CLOEXEC | PipeFlags::NONBLOCK,
    )?)
}

pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Fault> {
    Ok(rustix::io::read(fd, buffer)?)
}

/// Reads into memory that may hold anything; returns what was read.
pub(crate) fn read_into<'a>(
    fd: BorrowedFd<'_>,
    spare: &'a mut [MaybeUninit<u8>],
) -> Result<&'a mut [u8], Fault> {
    let (read, _) = rustix::io::read(fd, spare)?;
    Ok(read)
}

pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Fault> {
    Ok(rustix::io::write(fd, bytes)?)
}

/// The offset does not count for what has none.
const HERE: u64 = u64::MAX;

/// Whether the kernel has refused to do something without waiting. Looked up for all
/// files together: it is about the system, or about terminals, which are few.
static REFUSED: AtomicBool = AtomicBool::new(false);

fn is_refusal(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL)
}

/// Reads what is there from a pipe, a socket or a device whose open file others share,
/// so that it may be in either mode.
///
/// The kernel can be asked not to wait for this one call, but not for every kind of
/// file: terminals refuse, as do pipes before Linux 6.4. There, whether something is
/// there is looked up first. Another process that reads the same file at the same
/// moment may take it away in between, and then this blocks until more comes.
pub(crate) fn read_shared(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Fault> {
    if !REFUSED.load(Ordering::Relaxed) {
        let mut slices = [IoSliceMut::new(buffer)];
        match rustix::io::preadv2(fd, &mut slices, HERE, ReadWriteFlags::NOWAIT) {
            Err(errno) if is_refusal(errno) => REFUSED.store(true, Ordering::Relaxed),
            result => return Ok(result?),
        }
    }
    if !poll::is_readable(fd) {
        return Err(Fault::WouldBlock);
    }
    read(fd, buffer)
}

/// Writes what there is room for; see [`read_shared`].
pub(crate) fn write_shared(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Fault> {
    /// `PIPE_BUF`: a pipe that is writable has room for as much.
    const ROOM: usize = 4096;
    if !REFUSED.load(Ordering::Relaxed) {
        match rustix::io::pwritev2(fd, &[IoSlice::new(bytes)], HERE, ReadWriteFlags::NOWAIT) {
            Err(errno) if is_refusal(errno) => REFUSED.store(true, Ordering::Relaxed),
            result => return Ok(result?),
        }
    }
    if !poll::is_writable(fd) {
        return Err(Fault::WouldBlock);
    }
    write(fd, &bytes[..bytes.len().min(ROOM)])
}

/// Whether it may be possible to wait for this file with epoll. For files on a disk
/// it is not: they are always ready, and then block.
pub(crate) fn may_be_polled(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|stat| {
        matches!(
            FileType::from_raw_mode(stat.st_mode),
            FileType::Fifo | FileType::Socket | FileType::CharacterDevice
        )
    })
}

/// Makes operations on the open file wait.
pub(crate) fn set_blocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(fd, false)?)
}

/// Another descriptor for the same open file.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // Above the standard streams, one of which may be closed.
    Ok(rustix::io::fcntl_dupfd_cloexec(fd, 3)?)
}

/// Another descriptor for the same end of a pipe, with a mode of its own: blocking.
pub(crate) fn reopen(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let access = rustix::fs::fcntl_getfl(fd)? & OFlags::RWMODE;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = access | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn is_nonblocking(fd: &OwnedFd) -> bool {
        rustix::fs::fcntl_getfl(fd)
            .unwrap()
            .contains(OFlags::NONBLOCK)
    }

    #[test]
    fn a_shared_file_is_read_without_waiting_whatever_its_mode() {
        let (reader, writer) = pipe().unwrap();
        for blocking in [false, true] {
            rustix::io::ioctl_fionbio(&reader, !blocking).unwrap();
            let mut buffer = [0; 8];
            let nothing = read_shared(reader.as_fd(), &mut buffer);
            assert_eq!(nothing, Err(Fault::WouldBlock));
            write(writer.as_fd(), b"abc").unwrap();
            assert_eq!(read_shared(reader.as_fd(), &mut buffer), Ok(3));
            assert_eq!(&buffer[..3], b"abc");
            assert_eq!(is_nonblocking(&reader), !blocking, "the mode was changed");
        }
        drop(writer);
        assert_eq!(read_shared(reader.as_fd(), &mut [0; 8]), Ok(0));
    }

    #[test]
    fn a_shared_file_is_written_without_waiting_whatever_its_mode() {
        for blocking in [false, true] {
            let (reader, writer) = pipe().unwrap();
            rustix::io::ioctl_fionbio(&writer, !blocking).unwrap();
            let mut written = 0;
            while let Ok(n) = write_shared(writer.as_fd(), &[7; 10_000]) {
                written += n;
            }
            let full = write_shared(writer.as_fd(), &[7; 10_000]);
            assert_eq!(full, Err(Fault::WouldBlock));
            assert!(written >= 4096, "{written}");
            let mut all = vec![0; written + 1];
            assert_eq!(read(reader.as_fd(), &mut all), Ok(written));
            assert_eq!(is_nonblocking(&writer), !blocking, "the mode was changed");
            drop(reader);
            let broken = write_shared(writer.as_fd(), b"x");
            assert_eq!(broken, Err(Fault::Error(Errno::PIPE)));
        }
    }

    #[test]
    fn a_reopened_end_has_a_mode_of_its_own() {
        let (reader, writer) = pipe().unwrap();
        let again = reopen(writer.as_fd()).unwrap();
        assert!(is_nonblocking(&writer));
        assert!(!is_nonblocking(&again));
        write(again.as_fd(), b"abc").unwrap();
        assert_eq!(read(reader.as_fd(), &mut [0; 8]), Ok(3));
        // Each is an end of its own: the other one keeps the pipe open.
        drop(writer);
        assert_eq!(read(reader.as_fd(), &mut [0; 8]), Err(Fault::WouldBlock));
        drop(again);
        assert_eq!(read(reader.as_fd(), &mut [0; 8]), Ok(0));
    }

    #[test]
    fn files_on_a_disk_are_not_polled() {
        let (reader, _writer) = pipe().unwrap();
        assert!(may_be_polled(reader.as_fd()));
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(!may_be_polled(file.as_fd()));
        let copy = duplicate(file.as_fd()).unwrap();
        assert!(copy.as_raw_fd() > 2 && copy.as_raw_fd() != file.as_raw_fd());
    }
}
