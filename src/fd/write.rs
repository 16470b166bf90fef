//! Operations of the writing direction.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{Ordering, fence};

use super::{Fd, error_of, would_block};
use crate::poll::{Timeout, Way};
use crate::sys::socket::{Errno, Fault, options};

impl Fd {
    /// Writes until all is written, as a blocking socket does; if that fails on
    /// the way, says how much was, and the next call fails. (The kernel reports an
    /// error once, so the one that ended the write is kept for that call.)
    ///
    /// Readiness is consumed only when the socket turns out to be full: a socket
    /// that takes what is sent, which is nearly always, costs one look.
    #[inline]
    pub(crate) fn write_with(
        &self,
        length: usize,
        attempt: impl FnMut(BorrowedFd<'_>, usize) -> Result<usize, Fault>,
    ) -> io::Result<usize> {
        let result = self.write_alone(length, attempt);
        self.spend();
        result
    }

    fn write_alone(
        &self,
        length: usize,
        mut attempt: impl FnMut(BorrowedFd<'_>, usize) -> Result<usize, Fault>,
    ) -> io::Result<usize> {
        let mut timeout = Timeout::new(self.timeout(Way::Write));
        let _locked = self.lock(Way::Write, &mut timeout).map_err(error_of)?;
        self.check(Way::Write).map_err(error_of)?;
        if self.deferred.load(Ordering::Relaxed) != 0 {
            return Err(self.take_deferred());
        }
        let direction = self.registration.direction(Way::Write);
        let mut written = 0;
        let mut worth_trying = direction.is_ready() || self.is_nonblocking();
        let mut consumed = false;
        let result = loop {
            if worth_trying {
                match attempt(self.as_fd(), written) {
                    Ok(n) => {
                        written += n;
                        if written >= length {
                            break Ok(());
                        }
                    }
                    Err(Fault::WouldBlock) if self.is_nonblocking() => {
                        break Err(would_block());
                    }
                    Err(Fault::WouldBlock) if consumed => worth_trying = false,
                    Err(Fault::WouldBlock) => {}
                    Err(Fault::Interrupted) => continue,
                    Err(Fault::Error(errno)) => {
                        if written > 0 {
                            self.deferred.store(errno.raw_os_error(), Ordering::Relaxed);
                        }
                        break Err(self.cause(errno));
                    }
                }
                if !consumed {
                    // It is full, or nearly. Consume, and look once more: the event
                    // that says otherwise may have come in between. The fence is for
                    // `dispatch`, which only looks whether this is ready already:
                    // either it sees that this was consumed, or the next attempt
                    // sees the room that the event was about.
                    direction.consume();
                    fence(Ordering::SeqCst);
                    consumed = true;
                }
                if worth_trying {
                    continue;
                }
            }
            if let Err(stop) = self.wait(Way::Write, &mut timeout) {
                break Err(error_of(stop));
            }
            worth_trying = true;
            consumed = false;
        };
        if consumed {
            // Not known to be full any more.
            direction.set_ready(false);
        }
        match result {
            Err(error) if written == 0 => Err(error),
            _ => Ok(written),
        }
    }

    #[cold]
    fn take_deferred(&self) -> io::Error {
        let errno = self.deferred.swap(0, Ordering::Relaxed);
        self.cause(io::Error::from_raw_os_error(errno))
    }

    /// The error that ended a write which had written something. The kernel leaves it
    /// for the next operation of either direction: a reader must not take a reset for
    /// the end of the stream. That the peer reads no more is the writer's business.
    pub(super) fn take_deferred_for_reader(&self) -> io::Result<()> {
        match self.deferred.load(Ordering::Relaxed) {
            0 => Ok(()),
            errno if errno == Errno::PIPE.raw_os_error() => Ok(()),
            _ => Err(self.take_deferred()),
        }
    }

    /// The error that waits at the socket, which is cleared.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        if let Some(error) = options::take_error(self.open()?)? {
            return Ok(Some(error));
        }
        Ok(self.take_deferred_for_reader().err())
    }
}
