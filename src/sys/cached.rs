//! Reading what is in memory already, of files on a disk.
#![forbid(unsafe_code)]

use std::io::{self, IoSliceMut};
use std::os::fd::BorrowedFd;

use rustix::io::ReadWriteFlags;

use super::socket::Fault;

/// `preadv2` reads at the position of the open file, and moves it.
const AT_POSITION: u64 = u64::MAX;

/// Reads what the kernel has in its cache, at an offset or at the position of the open
/// file, without waiting for the disk.
///
/// `WouldBlock` if that is nothing. An error of the kind `Error` may mean that this
/// kernel, or this file system, cannot say what it has. Some kernels (5.9, 5.10)
/// return zero where they mean `WouldBlock`: it is the end only if [`is_at_end`] says so.
pub(crate) fn read_cached(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
    offset: Option<u64>,
) -> Result<usize, Fault> {
    let offset = offset.unwrap_or(AT_POSITION);
    Ok(rustix::io::preadv2(
        fd,
        buffers,
        offset,
        ReadWriteFlags::NOWAIT,
    )?)
}

/// Whether there is nothing to read at an offset, or at the position of the open file.
/// For a regular file whose inode is in memory.
pub(crate) fn is_at_end(fd: BorrowedFd<'_>, offset: Option<u64>) -> io::Result<bool> {
    let offset = match offset {
        Some(offset) => offset,
        None => rustix::fs::tell(fd)?,
    };
    let size = rustix::fs::fstat(fd)?.st_size;
    Ok(u64::try_from(size).is_ok_and(|size| offset >= size))
}

#[cfg(test)]
mod tests {
    use super::{is_at_end, read_cached};
    use std::io::{IoSliceMut, Seek, SeekFrom, Write};
    use std::os::fd::AsFd;

    #[test]
    fn what_was_just_written_is_in_the_cache() {
        let path = std::env::temp_dir().join(format!("netpoll-cached-{}", std::process::id()));
        let mut file = std::fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        file.write_all(b"0123456789").unwrap();
        assert!(is_at_end(file.as_fd(), None).unwrap());
        assert!(!is_at_end(file.as_fd(), Some(9)).unwrap());
        file.seek(SeekFrom::Start(2)).unwrap();
        let mut buffer = [0; 4];
        // Not every file system can do it.
        if let Ok(n) = read_cached(file.as_fd(), &mut [IoSliceMut::new(&mut buffer)], None) {
            assert_eq!((n, &buffer), (4, b"2345"));
            assert_eq!(file.stream_position().unwrap(), 6);
            let n = read_cached(file.as_fd(), &mut [IoSliceMut::new(&mut buffer)], Some(8));
            assert_eq!((n.unwrap(), &buffer[..2]), (2, &b"89"[..]));
            assert_eq!(file.stream_position().unwrap(), 6);
        }
    }
}
