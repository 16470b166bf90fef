//! What a task leaves behind for who joins it.

use std::any::Any;
use std::sync::PoisonError;

use super::atomic::{Mutex, MutexGuard};
use super::{Reason, Time, Wait, WaitList};

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
            waiters.wake_all(super::Outcome::Woken);
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        !matches!(*self.state(), State::Running(_))
    }

    /// Waits until the task has ended, and takes what it left.
    pub(crate) fn join(&self) -> Ended<T> {
        loop {
            let wait = {
                let mut state = self.state();
                match &mut *state {
                    State::Running(waiters) => {
                        let wait = Wait::begin(Reason::Join);
                        waiters.push(wait.waker());
                        wait
                    }
                    _ => match std::mem::replace(&mut *state, State::Taken) {
                        State::Ended(ended) => return ended,
                        _ => unreachable!("a task is joined once"),
                    },
                }
            };
            wait.park(Time::NEVER);
        }
    }
}
