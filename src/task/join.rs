//! What a task leaves behind for who joins it.

use std::any::Any;
use std::sync::PoisonError;

use super::atomic::{Mutex, MutexGuard};
use super::{Outcome, Reason, Time, Wait, WaitList};

/// What `JoinHandle::join` returns: the value, or what the task panicked with.
pub(crate) type Ended<T> = Result<T, Box<dyn Any + Send + 'static>>;

/// The place that a task and its join handle share.
pub(crate) struct Packet<T>(Mutex<State<T>>);

enum State<T> {
    Running(WaitList),
    Ended(Ended<T>),
    Taken,
}

impl<T> Packet<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State::Running(WaitList::new())))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task has ended.
    pub(crate) fn end(&self, ended: Ended<T>) {
        let before = std::mem::replace(&mut *self.state(), State::Ended(ended));
        if let State::Running(mut waiters) = before {
            waiters.wake_all(Outcome::Woken);
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        !matches!(*self.state(), State::Running(_))
    }

    /// Waits until the task has ended, and takes what it left.
    pub(crate) fn join(&self) -> Ended<T> {
        loop {
            if let Ok(ended) = self.join_until(Reason::Join, Time::NEVER) {
                return ended;
            }
        }
    }

    /// As [`join`](Self::join), but not beyond a deadline, or the end that the reason
    /// allows a wait to have; says which it was.
    pub(crate) fn join_until(&self, reason: Reason, deadline: Time) -> Result<Ended<T>, Outcome> {
        loop {
            let wait = {
                let mut state = self.state();
                match &mut *state {
                    State::Running(waiters) => {
                        let wait = Wait::begin(reason);
                        waiters.push(wait.waker());
                        wait
                    }
                    _ => match std::mem::replace(&mut *state, State::Taken) {
                        State::Ended(ended) => return Ok(ended),
                        _ => unreachable!("a task is joined once"),
                    },
                }
            };
            let waker = wait.waker();
            match wait.park(deadline) {
                Outcome::Woken => {}
                outcome => {
                    if let State::Running(waiters) = &mut *self.state() {
                        waiters.remove(waker);
                        return Err(outcome);
                    }
                    // It has ended meanwhile, which counts for more.
                }
            }
        }
    }
}
