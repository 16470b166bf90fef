//! Operations of the reading direction: receive, peek, accept.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Fd, error_of, would_block};
use crate::buf::Block;
use crate::poll::{Timeout, Way};
use crate::sys::socket::Fault;
use crate::sys::socket::envelope::Received;

/// Whether an operation that returned less than was asked for has drained the
/// descriptor, so that the next one need not be tried before there is an event.
///
/// That holds for a plain receive on a TCP socket, and for nothing else: not for
/// a peek, an accept, a datagram, a Unix socket (ancillary data splits reads), or
/// a pipe in packet mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShortRead {
    /// Less than this has drained it.
    Drains(usize),
    ProvesNothing,
}

/// What an operation returns, as far as readiness is concerned.
pub(crate) trait Amount {
    /// The number of bytes, for operations that have one.
    fn amount(&self) -> usize;
}

impl Amount for usize {
    fn amount(&self) -> usize {
        *self
    }
}

/// A datagram, and where it comes from.
impl<A> Amount for (usize, A) {
    fn amount(&self) -> usize {
        self.0
    }
}

impl Amount for Received {
    fn amount(&self) -> usize {
        self.length
    }
}

/// A connection that was accepted, and from where. It is something, even if the listener
/// was closed in the same moment: nobody else will ever have it.
impl<A> Amount for (OwnedFd, A) {
    fn amount(&self) -> usize {
        1
    }
}

impl Amount for Block {
    fn amount(&self) -> usize {
        self.len()
    }
}

impl Fd {
    /// Reads at most so many bytes into a block, which there is only while `read` is
    /// tried: a wait holds none. Empty at the end.
    pub(crate) fn receive(
        &self,
        short: ShortRead,
        most: usize,
        mut read: impl FnMut(BorrowedFd<'_>, &mut Block) -> Result<usize, Fault>,
    ) -> io::Result<Block> {
        self.read_with(short, |fd| {
            let mut block = Block::with_room_for(most);
            read(fd, &mut block)?;
            Ok(block)
        })
    }

    /// Tries an operation of the reading direction, and waits, until it succeeds
    /// or fails.
    #[inline]
    pub(crate) fn read_with<T: Amount>(
        &self,
        short: ShortRead,
        attempt: impl FnMut(BorrowedFd<'_>) -> Result<T, Fault>,
    ) -> io::Result<T> {
        let result = self.read_alone(short, attempt);
        self.spend();
        result
    }

    fn read_alone<T: Amount>(
        &self,
        short: ShortRead,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> Result<T, Fault>,
    ) -> io::Result<T> {
        let mut timeout = Timeout::new(self.timeout(Way::Read));
        let _locked = self.lock(Way::Read, &mut timeout).map_err(error_of)?;
        self.check(Way::Read).map_err(error_of)?;
        let direction = self.registration.direction(Way::Read);
        let mut worth_trying = direction.is_ready() || self.is_nonblocking();
        loop {
            if worth_trying {
                let short_proves = direction.consume();
                match attempt(self.as_fd()) {
                    Ok(result) => {
                        let drained = short_proves
                            && matches!(short, ShortRead::Drains(all) if (1..all).contains(&result.amount()));
                        if !drained {
                            direction.set_ready(false);
                        }
                        if result.amount() == 0 {
                            self.take_deferred_for_reader()?;
                        }
                        // What a closed descriptor's number stands for has no bytes.
                        if self.is_closed() && result.amount() == 0 {
                            return Err(super::Closed::error());
                        }
                        return Ok(result);
                    }
                    Err(Fault::WouldBlock) if self.is_closed() => {}
                    Err(Fault::WouldBlock) if self.is_nonblocking() => {
                        return Err(would_block());
                    }
                    Err(Fault::WouldBlock) => {}
                    Err(Fault::Interrupted) => {
                        direction.set_ready(false);
                        continue;
                    }
                    Err(Fault::Error(errno)) => {
                        direction.set_ready(false);
                        return Err(self.cause(errno));
                    }
                }
            }
            self.wait(Way::Read, &mut timeout).map_err(error_of)?;
            worth_trying = true;
        }
    }

    /// The error of a failed operation; on a closed descriptor it failed because
    /// of that.
    pub(super) fn cause(&self, errno: impl Into<io::Error>) -> io::Error {
        if self.is_closed() {
            super::Closed::error()
        } else {
            errno.into()
        }
    }
}
