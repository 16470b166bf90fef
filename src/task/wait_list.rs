//! Who waits for something, first come first.

use std::collections::VecDeque;

use super::waker::Waker;
use super::word::Outcome;

/// A list of wakers; whoever keeps it puts it under a lock. Two words, and no memory
/// beside them for one who waits: each descriptor has two lists, each task one.
#[derive(Default)]
pub(crate) struct WaitList {
    first: Option<Waker>,
    /// None without a first.
    #[allow(clippy::box_collection, reason = "nearly always there is none")]
    others: Option<Box<VecDeque<Waker>>>,
}

impl WaitList {
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            others: None,
        }
    }

    pub(crate) fn push(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.others.get_or_insert_default().push_back(waker);
        }
    }

    fn pop(&mut self) -> Option<Waker> {
        let next = self.others.as_mut().and_then(|others| others.pop_front());
        std::mem::replace(&mut self.first, next)
    }

    /// Takes a waker out; a wait that ended otherwise does this.
    pub(crate) fn remove(&mut self, waker: Waker) {
        if self.first == Some(waker) {
            self.pop();
        } else if let Some(others) = &mut self.others {
            others.retain(|other| *other != waker);
        }
    }

    /// Ends the wait of the first who still waits.
    pub(crate) fn wake_one(&mut self) {
        while let Some(waker) = self.pop() {
            if waker.wake(Outcome::Woken) {
                return;
            }
        }
    }

    pub(crate) fn wake_all(&mut self, outcome: Outcome) {
        while let Some(waker) = self.pop() {
            waker.wake(outcome);
        }
    }

    /// How many are in it.
    pub(crate) fn len(&self) -> usize {
        let others = self.others.as_ref().map_or(0, |others| others.len());
        usize::from(self.first.is_some()) + others
    }
}
