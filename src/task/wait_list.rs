//! Who waits for something, first come first.

use std::collections::VecDeque;

use super::waker::Waker;
use super::word::Outcome;

/// A list of wakers; whoever keeps it puts it under a lock.
#[derive(Default)]
pub(crate) struct WaitList(VecDeque<Waker>);

impl WaitList {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn push(&mut self, waker: Waker) {
        self.0.push_back(waker);
    }

    /// Takes a waker out; a wait that ended otherwise does this.
    pub(crate) fn remove(&mut self, waker: Waker) {
        self.0.retain(|other| *other != waker);
    }

    /// Ends the wait of the first who still waits.
    pub(crate) fn wake_one(&mut self) {
        while let Some(waker) = self.0.pop_front() {
            if waker.wake(Outcome::Woken) {
                return;
            }
        }
    }

    pub(crate) fn wake_all(&mut self, outcome: Outcome) {
        for waker in self.0.drain(..) {
            waker.wake(outcome);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
