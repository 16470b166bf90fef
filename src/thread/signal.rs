//! A flag that one task or thread waits for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::task::{Outcome, Reason, Time, Wait, Waker};

/// See the [module](self). It is given from any thread, any number of times, and
/// taken once for all of them.
///
/// ```text
///             give                 wait
///   GIVEN <----------- QUIET -----------------> AWAITED
///     |                  ^                         |
///     |       wait       |                         |
///     +------------------+                         |
///     ^                give, and wake              |
///     +--------------------------------------------+
/// ```
pub(super) struct Signal(Mutex<State>);

enum State {
    Quiet,
    Given,
    Awaited(Waker),
}

impl Signal {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::Quiet))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was done before is seen by who waits, afterwards.
    pub(super) fn give(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Given);
        if let State::Awaited(waker) = before {
            waker.wake(Outcome::Woken);
        }
    }

    /// Waits until it is given, unless it was, and takes it.
    ///
    /// # Panics
    ///
    /// As [`Wait::begin`], if it was not given.
    pub(super) fn wait(&self, reason: Reason) {
        while !self.take() {
            let wait = Wait::begin(reason);
            if self.announce(wait.waker()) {
                wait.park(Time::NEVER);
            }
        }
    }

    fn take(&self) -> bool {
        let mut state = self.state();
        let given = matches!(*state, State::Given);
        if given {
            *state = State::Quiet;
        }
        given
    }

    /// Says who waits. Fails if it was given meanwhile.
    fn announce(&self, waker: Waker) -> bool {
        let mut state = self.state();
        let given = matches!(*state, State::Given);
        if !given {
            *state = State::Awaited(waker);
        }
        !given
    }
}

#[cfg(test)]
mod tests {
    use super::Signal;
    use crate::task::{Reason, Wait};

    #[test]
    fn what_comes_between_looking_and_announcing_is_not_missed() {
        let signal = Signal::new();
        assert!(!signal.take());
        let wait = Wait::begin(Reason::Park);
        signal.give();
        assert!(!signal.announce(wait.waker()));
        assert!(signal.take());
        // And what comes after is told.
        assert!(signal.announce(wait.waker()));
        signal.give();
        assert!(wait.cancel());
    }
}
