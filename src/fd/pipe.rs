//! An end of a pipe: bytes by `read(2)` and `write(2)`.
//!
//! These calls have no flag like the `MSG_DONTWAIT` of sockets. So it matters whose the
//! open file is:
//!
//! | | mode |
//! |---|---|
//! | ours: nobody else has the open file | non-blocking, since we set it; blocking again for who gets it |
//! | shared with others, maybe | theirs, and left alone; the kernel is told for each call not to wait |
//!
//! A short read proves nothing: a pipe in packet mode, and a terminal, give less than
//! there is.

use std::io::{IoSlice, IoSliceMut, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Fd, ShortRead};
use crate::buf::Block;
use crate::sys::pipe;
use crate::sys::socket::{MOST_SLICES, options};

/// See the [module](self).
pub(crate) struct Pipe {
    fd: Fd,
    shared: bool,
}

impl Pipe {
    /// For an end that nobody else has; puts it into non-blocking mode.
    pub(crate) fn ours(fd: OwnedFd) -> Self {
        // Fails for a number that is not open, and for what cannot be read at all.
        let _ = options::set_nonblocking(fd.as_fd(), true);
        Self {
            fd: Fd::new(fd),
            shared: false,
        }
    }

    /// For a descriptor whose open file others may have as well.
    pub(crate) fn shared(fd: OwnedFd) -> Self {
        Self {
            fd: Fd::new(fd),
            shared: true,
        }
    }

    pub(crate) fn fd(&self) -> &Fd {
        &self.fd
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// The descriptor for somebody else: in blocking mode if it is ours.
    pub(crate) fn into_owned(self) -> OwnedFd {
        let fd = self.fd.into_owned();
        if !self.shared {
            // Fails for no descriptor that is open.
            let _ = options::set_nonblocking(fd.as_fd(), false);
        }
        fd
    }

    /// Another descriptor for somebody else, which does not affect the users of this
    /// one.
    pub(crate) fn duplicate(&self) -> Result<OwnedFd> {
        // With a mode of its own, where that can be had: not without /proc.
        let reopened = (!self.shared).then(|| pipe::reopen(self.as_fd()));
        match reopened {
            Some(Ok(fd)) => Ok(fd),
            _ => pipe::duplicate(self.as_fd()),
        }
    }

    /// Reads what is there; waits if there is nothing. Zero is the end, or no room.
    pub(crate) fn read(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        let count = buffers.len().min(MOST_SLICES);
        let buffers = &mut buffers[..count];
        self.fd
            .read_with(ShortRead::ProvesNothing, |fd| match self.shared {
                true => pipe::read_shared(fd, buffers),
                false => pipe::read(fd, buffers),
            })
    }

    /// Reads at most so many bytes, which are not zero, into a block that there is only
    /// once there are bytes. Empty at the end.
    pub(crate) fn receive(&self, most: usize) -> Result<Block> {
        let short = ShortRead::ProvesNothing;
        self.fd.receive(short, most, |fd, block| match self.shared {
            true => block.fill(most, |buffer| {
                pipe::read_shared(fd, &mut [IoSliceMut::new(buffer)])
            }),
            false => block.receive(most, |spare| pipe::read_into(fd, spare)),
        })
    }

    /// Writes all of the first [`MOST_SLICES`] slices, as a blocking pipe does.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> Result<usize> {
        self.fd.write_slices(slices, |fd, rest| match self.shared {
            true => pipe::write_shared(fd, rest),
            false => pipe::write(fd, rest),
        })
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
