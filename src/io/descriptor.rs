//! A descriptor that is read and written by `read(2)` and `write(2)`: pipes, and the
//! standard streams.
//!
//! | | mode | waits |
//! |---|---|---|
//! | ours: an end of a pipe that was made here | non-blocking, since we set it | for readiness |
//! | shared with others, maybe | theirs, and left alone | for readiness; the call is told not to wait |
//! | shared, of a kind that epoll refuses | theirs | on a thread of the blocking pool |

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::buf::Block;
use crate::fd::{Fd, ShortRead};
use crate::sched::run_blocking;
use crate::sys::file;
use crate::sys::socket::{Errno, Fault};

/// As much as is handed to a blocking thread at once, in bytes.
const PORTION: usize = 64 * 1024;

/// See the [module](self).
pub(super) struct Descriptor {
    fd: Fd,
    /// Whether the open file, and thus its mode, may be another's as well.
    shared: bool,
    /// Whether epoll refuses it.
    blocks: AtomicBool,
}

impl Descriptor {
    /// For a non-blocking descriptor that nobody else has.
    pub(super) fn ours(fd: OwnedFd) -> Self {
        Self {
            fd: Fd::new(fd),
            shared: false,
            blocks: AtomicBool::new(false),
        }
    }

    pub(super) fn shared(fd: OwnedFd) -> Self {
        let blocks = AtomicBool::new(!file::may_be_polled(fd.as_fd()));
        Self {
            fd: Fd::new(fd),
            shared: true,
            blocks,
        }
    }

    pub(super) fn fd(&self) -> &Fd {
        &self.fd
    }

    /// The descriptor for somebody else: in blocking mode if it is ours. If this is not
    /// the last owner, another descriptor, which does not affect the other owners.
    pub(super) fn into_owned(this: Arc<Self>) -> OwnedFd {
        match Arc::try_unwrap(this) {
            Ok(this) => {
                let fd = this.fd.into_owned();
                if !this.shared {
                    // Fails for no descriptor that is open.
                    let _ = file::set_blocking(fd.as_fd());
                }
                fd
            }
            // With a mode of its own where that can be had: not without /proc.
            Err(this) => Some(this.as_fd())
                .filter(|_| !this.shared)
                .and_then(|fd| file::reopen(fd).ok())
                .map_or_else(|| file::duplicate(this.as_fd()), Ok)
                .expect("there is a descriptor to spare"),
        }
    }

    pub(super) fn read(self: &Arc<Self>, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let here = self.here(|| {
            self.fd
                .read_with(ShortRead::ProvesNothing, |fd| match self.shared {
                    true => file::read_shared(fd, buffer),
                    false => file::read(fd, buffer),
                })
        });
        if let Some(result) = here {
            return result;
        }
        let block = self.receive_elsewhere(buffer.len().min(PORTION))?;
        buffer[..block.len()].copy_from_slice(&block);
        Ok(block.len())
    }

    /// Reads at most so many bytes, which are not zero, into a block that there is only
    /// once there are bytes. Empty at the end.
    pub(super) fn receive(self: &Arc<Self>, most: usize) -> Result<Block> {
        let here = self.here(|| {
            let short = ShortRead::ProvesNothing;
            self.fd.receive(short, most, |fd, block| match self.shared {
                true => block.fill(most, |buffer| file::read_shared(fd, buffer)),
                false => block.receive(most, |spare| file::read_into(fd, spare)),
            })
        });
        here.unwrap_or_else(|| self.receive_elsewhere(most))
    }

    pub(super) fn write(self: &Arc<Self>, bytes: &[u8]) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let here = self.here(|| {
            self.fd
                .write_with(bytes.len(), |fd, written| match self.shared {
                    true => file::write_shared(fd, &bytes[written..]),
                    false => file::write(fd, &bytes[written..]),
                })
        });
        here.unwrap_or_else(|| self.write_elsewhere(bytes))
    }

    /// Tries an operation that waits for readiness. `None` if epoll refuses the
    /// descriptor.
    fn here<T>(&self, operation: impl FnOnce() -> Result<T>) -> Option<Result<T>> {
        if !self.blocks.load(Ordering::Relaxed) {
            let result = operation();
            let refused = |error: &Error| error.raw_os_error() == Some(Errno::PERM.raw_os_error());
            if !(self.shared && result.as_ref().is_err_and(refused)) {
                return Some(result);
            }
            self.blocks.store(true, Ordering::Relaxed);
        }
        self.fd.open().err().map(Err)
    }

    fn receive_elsewhere(self: &Arc<Self>, most: usize) -> Result<Block> {
        let this = Arc::clone(self);
        run_blocking(move || {
            let mut block = Block::with_room_for(most);
            retry(|| block.receive(most, |spare| file::read_into(this.as_fd(), spare)))?;
            Ok(block)
        })?
    }

    fn write_elsewhere(self: &Arc<Self>, bytes: &[u8]) -> Result<usize> {
        let this = Arc::clone(self);
        let mut block = Block::with_room_for(bytes.len().min(PORTION));
        block.push(bytes);
        run_blocking(move || retry(|| file::write(this.as_fd(), &block)))?
    }
}

/// Does again what a signal has interrupted.
fn retry<T>(mut attempt: impl FnMut() -> std::result::Result<T, Fault>) -> Result<T> {
    loop {
        match attempt() {
            Ok(result) => return Ok(result),
            Err(Fault::Interrupted) => {}
            Err(Fault::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
            Err(Fault::Error(errno)) => return Err(errno.into()),
        }
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
