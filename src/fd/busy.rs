//! What the kernel refuses for the moment, without an event that would tell when it
//! no longer does: connecting to a Unix listener whose backlog is full, and sending
//! to a Unix socket whose queue is full.
//!
//! A blocking call would sleep in the kernel until there is room. Here it is tried
//! again after pauses that grow, up to [`LONGEST`]; closing, or a deadline that moves,
//! is noticed at the end of the pause.

use std::io;
use std::time::Duration;

use super::{Fd, error_of, would_block};
use crate::poll::{Stop, Timeout, Way};
use crate::task::{Outcome, Reason, Time, Wait};

const FIRST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_millis(50);

impl Fd {
    /// Tries until something comes of it, or the writing direction's deadline comes, or
    /// its timeout.
    pub(crate) fn write_patiently<T>(
        &self,
        attempt: impl FnMut() -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let timeout = Timeout::new(self.timeout(Way::Write));
        self.try_patiently(timeout, attempt)
    }

    /// Tries until something comes of it, but not for longer than the timeout.
    pub(crate) fn try_patiently<T>(
        &self,
        mut timeout: Timeout,
        mut attempt: impl FnMut() -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        self.spend();
        let mut pause = FIRST;
        loop {
            self.check(Way::Write).map_err(error_of)?;
            let result = attempt().map_err(|error| self.cause(error))?;
            if let Some(result) = result {
                return Ok(result);
            }
            if self.is_nonblocking() {
                return Err(would_block());
            }
            self.pause_to_try_again(pause, &mut timeout)
                .map_err(error_of)?;
            pause = LONGEST.min(pause * 2);
        }
    }

    fn pause_to_try_again(&self, pause: Duration, timeout: &mut Timeout) -> Result<(), Stop> {
        self.registration.expired(Way::Write, timeout)?;
        let until = Time::now()
            .after(pause)
            .min(self.registration.deadline(Way::Write))
            .min(timeout.at());
        // Nobody has this wait's waker.
        match Wait::begin(Reason::Pause).park(until) {
            Outcome::Cancelled => Err(Stop::Cancelled),
            Outcome::GaveUp => Err(Stop::Deadline),
            Outcome::Woken | Outcome::Deadline | Outcome::Closed => Ok(()),
        }
    }
}
