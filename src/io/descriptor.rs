//! A descriptor of whatever kind that is read and written by `read(2)` and `write(2)`:
//! an end of a pipe, a terminal, a file that came as standard input.
//!
//! It is a [`Pipe`], except where others may have the open file, and it is of a kind that
//! epoll refuses: then it is read and written on a thread of the blocking pool.

use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::buf::Block;
use crate::fd::{End, Fd, Pipe};
use crate::sched::run_blocking;
use crate::sys::pipe;
use crate::sys::socket::{Errno, Fault};

/// As much as is handed to a blocking thread at once, in bytes.
const PORTION: usize = 64 * 1024;

/// See the [module](self).
pub(super) struct Descriptor {
    pipe: Pipe,
    /// Whether epoll refuses it.
    blocks: AtomicBool,
}

impl Descriptor {
    /// For an end of a pipe that nobody else has.
    pub(super) fn ours(fd: OwnedFd) -> Self {
        Self {
            pipe: Pipe::ours(fd),
            blocks: AtomicBool::new(false),
        }
    }

    pub(super) fn shared(fd: OwnedFd) -> Self {
        let blocks = AtomicBool::new(!pipe::may_be_polled(fd.as_fd()));
        Self {
            pipe: Pipe::shared(fd),
            blocks,
        }
    }

    pub(super) fn fd(&self) -> &Fd {
        self.pipe.fd()
    }

    /// For [`copy`](super::copy()).
    pub(super) fn end(&self) -> Option<End<'_>> {
        (!self.blocks.load(Ordering::Relaxed)).then(|| End::Pipe(self.fd()))
    }

    /// The descriptor for somebody else: in blocking mode if it is ours. If this is not
    /// the last owner, another descriptor, which does not affect the other owners.
    pub(super) fn into_owned(this: Arc<Self>) -> OwnedFd {
        match Arc::try_unwrap(this) {
            Ok(this) => this.pipe.into_owned(),
            Err(this) => {
                let duplicate = this.pipe.duplicate();
                duplicate.expect("there is a descriptor to spare")
            }
        }
    }

    pub(super) fn read(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        if let Some(result) = self.here(|| self.pipe.read(buffers)) {
            return result;
        }
        let Some(buffer) = buffers.iter_mut().find(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let block = self.receive_elsewhere(buffer.len().min(PORTION))?;
        buffer[..block.len()].copy_from_slice(&block);
        Ok(block.len())
    }

    /// See [`Pipe::receive`].
    pub(super) fn receive(&self, most: usize) -> Result<Block> {
        let here = self.here(|| self.pipe.receive(most));
        here.unwrap_or_else(|| self.receive_elsewhere(most))
    }

    pub(super) fn write(&self, slices: &[IoSlice<'_>]) -> Result<usize> {
        let here = self.here(|| self.pipe.write(slices));
        here.unwrap_or_else(|| self.write_elsewhere(slices))
    }

    /// Tries an operation that waits for readiness. `None` if epoll refuses the
    /// descriptor.
    fn here<T>(&self, operation: impl FnOnce() -> Result<T>) -> Option<Result<T>> {
        if !self.blocks.load(Ordering::Relaxed) {
            let result = operation();
            let refused = |error: &Error| error.raw_os_error() == Some(Errno::PERM.raw_os_error());
            if !(self.pipe.is_shared() && result.as_ref().is_err_and(refused)) {
                return Some(result);
            }
            self.blocks.store(true, Ordering::Relaxed);
        }
        self.fd().open().err().map(Err)
    }

    fn receive_elsewhere(&self, most: usize) -> Result<Block> {
        run_blocking(|| {
            let mut block = Block::with_room_for(most);
            retry(|| block.receive(most, |spare| pipe::read_into(self.as_fd(), spare)))?;
            Ok(block)
        })?
    }

    fn write_elsewhere(&self, slices: &[IoSlice<'_>]) -> Result<usize> {
        let Some(slice) = slices.iter().find(|slice| !slice.is_empty()) else {
            return Ok(0);
        };
        let slice = &slice[..slice.len().min(PORTION)];
        run_blocking(|| retry(|| pipe::write(self.as_fd(), &[IoSlice::new(slice)])))?
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
        self.pipe.as_fd()
    }
}
