//! Receiving for a handler that waits.

use std::io;
use std::time::Duration;

use super::deadlines::read_too_late;
use super::place::Place;
use super::request::too_long;
use super::slot::flag;
use crate::buf::{LinkBuffer, Source};
use crate::fd::Closed;
use crate::sys::socket::{self, Fault};
use crate::task::{self, Outcome, Time};

impl Source for Place {
    /// Receives more for a handler that waits.
    fn fill(&self, buffer: &LinkBuffer, missing: usize) -> io::Result<usize> {
        task::spend();
        loop {
            // What came while it was parked comes first.
            let stash = self.with_slot(|slot| {
                let stash = slot
                    .extra
                    .as_mut()
                    .map(|extra| std::mem::take(&mut extra.stash));
                stash.unwrap_or_default()
            });
            let mut stash = stash.ok_or_else(Closed::error)?;
            let stashed = stash.len();
            if stashed > 0 {
                stash.append_to(buffer);
                self.given.set(self.given.get() + stashed as u64);
                return Ok(stashed);
            }
            self.check_open()?;
            let read_deadline = self.read_deadline();
            if read_deadline.is_past() {
                return Err(read_too_late());
            }
            let received = {
                let mut state = self.home.state.borrow_mut();
                let now = state.now;
                let options = state.options(self.key.get());
                let slot = state.slot(self.key.get()).ok_or_else(Closed::error)?;
                if slot.has(flag::FINISHED) {
                    return Ok(0);
                }
                let limit = options.map_or(0, |options| options.frame_limit);
                let need = buffer.len().saturating_add(missing);
                if need > limit {
                    return Err(too_long(need, limit));
                }
                slot.active_at = now;
                let fd = slot.fd();
                let received = buffer.receive(64 << 10, |room| socket::receive_into(fd, room));
                match received {
                    Ok(0) => slot.set(flag::FINISHED),
                    Ok(_) => slot.set(flag::READABLE),
                    Err(Fault::WouldBlock) => {
                        slot.note_drained();
                        if slot.has(flag::FINISHED) {
                            return Ok(0);
                        }
                    }
                    Err(_) => {}
                }
                received
            };
            match received {
                Ok(n) => {
                    self.given.set(self.given.get() + n as u64);
                    return Ok(n);
                }
                Err(Fault::Interrupted) => continue,
                Err(Fault::WouldBlock) => {}
                Err(Fault::Error(errno)) => {
                    self.home.state.borrow_mut().fail(self.key.get(), errno);
                    return Err(errno.into());
                }
            }
            let consumed = self.given.get() - buffer.len() as u64;
            let waited = match self.waited.get() {
                (then, waited) if then == consumed => waited,
                _ => Duration::ZERO,
            };
            let begun = Time::now();
            let timeout = self.read_timeout();
            let timed_out_at = timeout.map_or(Time::NEVER, |timeout| {
                begun.after(timeout.saturating_sub(waited))
            });
            let deadline = timed_out_at.min(read_deadline);
            let outcome = self.wait(deadline, |extra, waker| extra.reader = Some(waker))?;
            let waited = waited + Time::now().since(begun);
            self.waited.set((consumed, waited));
            self.with_slot(|slot| {
                if let Some(extra) = &mut slot.extra {
                    extra.reader = None;
                }
            });
            if outcome == Outcome::Deadline && timed_out_at <= read_deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the peer did not send in time what is read",
                ));
            }
        }
    }
}

impl Place {
    /// Whether nobody has closed it.
    fn check_open(&self) -> io::Result<()> {
        let is_closing = self.with_slot(|slot| slot.has(flag::CLOSING | flag::GONE));
        match is_closing {
            Some(false) => Ok(()),
            _ => self.check().and(Err(Closed::error())),
        }
    }

    fn read_timeout(&self) -> Option<Duration> {
        let mut state = self.home.state.borrow_mut();
        let options = state.options(self.key.get())?;
        let slot = state.slot(self.key.get())?;
        let own = slot
            .extra
            .as_ref()
            .and_then(|extra| extra.timeouts.as_ref());
        own.map_or(options.read_timeout, |own| own.read)
    }
}
