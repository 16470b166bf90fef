//! The word that says whether a task sleeps: the whole of park and unpark.
//!
//! A task (or a plain thread, which has such a word too) waits in three steps:
//! it *arms* its word, gives the waker to whoever shall wake it, and *parks*.
//! Each wait has an epoch of its own. A waker carries the epoch of the wait it
//! was made for, so one that comes after that wait has ended does nothing, and
//! of several wakers exactly one wins: the wait ends once, with one outcome.
//!
//! ```text
//!  31                                4 3       2 1     0
//! +-----------------------------------+---------+-------+
//! | epoch                             | outcome | state |
//! +-----------------------------------+---------+-------+
//!
//!              arm: epoch + 1              park
//!   RUNNING ------------------> ARMED ------------> PARKED
//!      ^                          |                    |
//!      |                    wake  |              wake  |  and deliver the
//!      |         finish           v                    v  task to its worker
//!      +----------------------- WOKEN <----------------+
//! ```
//!
//! Only the owner makes the steps `arm`, `park` and `finish`; `wake` is for
//! everybody. A task is pinned to its worker, and only that worker resumes it,
//! from its own queue: a waker that finds `PARKED` before the task has left its
//! stack merely puts it into the queue, which the worker reads afterwards. That
//! is why no state is needed for "about to leave the stack".
//!
//! Orderings: `wake` is a release that pairs with the acquire of `park` (when it
//! loses) and of `finish`; without it the task could miss what the waker wrote
//! before waking it. `arm` needs none: a waker reaches others only through a
//! word or a lock that publishes it.

use super::atomic::{AtomicU32, Ordering};

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Outcome {
    /// Somebody woke the task: what it waits for may have happened.
    Woken = 0,
    /// The deadline of the wait has come.
    Deadline = 1,
    /// What the task waits on was closed.
    Closed = 2,
    /// The task shall not wait for this any more.
    Cancelled = 3,
    /// The wait blocked a worker, and for as long as it may. Never in the word.
    GaveUp = 4,
}

impl Outcome {
    fn from_bits(word: u32) -> Self {
        match (word >> OUTCOME_SHIFT) & 0b11 {
            0 => Self::Woken,
            1 => Self::Deadline,
            2 => Self::Closed,
            _ => Self::Cancelled,
        }
    }
}

const STATE: u32 = 0b11;
const RUNNING: u32 = 0;
const ARMED: u32 = 1;
const PARKED: u32 = 2;
const WOKEN: u32 = 3;

const OUTCOME_SHIFT: u32 = 2;

/// The bits of the epoch, at the place where they stand in the word.
pub(crate) const EPOCH: u32 = !0b1111;
const EPOCH_ONE: u32 = 0b1_0000;

/// What `wake` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The wait that the waker was made for is over.
    Stale,
    /// The task had not parked yet; it will see the outcome when it tries.
    Armed,
    /// The task sleeps: whoever gets this must deliver it to its worker.
    Parked,
}

/// The state word of a task; see the [module](self).
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(RUNNING))
    }

    /// Begins a wait and returns its epoch. Owner only.
    #[inline]
    pub(crate) fn arm(&self) -> u32 {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & STATE, RUNNING, "one wait at a time");
        let epoch = (word & EPOCH).wrapping_add(EPOCH_ONE);
        self.0.store(epoch | ARMED, Ordering::Relaxed);
        epoch
    }

    /// Goes to sleep, or says that the wait has been ended already. Owner only.
    #[inline]
    pub(crate) fn park(&self) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        word & STATE == ARMED
            && self
                .0
                .compare_exchange(
                    word,
                    (word & EPOCH) | PARKED,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                )
                .is_ok()
    }

    /// Ends the wait of this epoch, if it has not ended yet.
    #[inline]
    pub(crate) fn wake(&self, epoch: u32, outcome: Outcome) -> Found {
        debug_assert_ne!(outcome, Outcome::GaveUp);
        let woken = epoch | ((outcome as u32) << OUTCOME_SHIFT) | WOKEN;
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let found = match word & STATE {
                _ if word & EPOCH != epoch => return Found::Stale,
                ARMED => Found::Armed,
                PARKED => Found::Parked,
                _ => return Found::Stale,
            };
            match self
                .0
                .compare_exchange_weak(word, woken, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return found,
                Err(now) => word = now,
            }
        }
    }

    /// Ends whatever wait the task is in, and says whether it sleeps. Only for the
    /// owner, from its worker's loop: then the task cannot move on meanwhile.
    pub(crate) fn wake_present(&self, outcome: Outcome) -> bool {
        let epoch = self.0.load(Ordering::Relaxed) & EPOCH;
        self.wake(epoch, outcome) == Found::Parked
    }

    /// Whether the wait has been ended. Owner only.
    #[inline]
    pub(crate) fn is_woken(&self) -> bool {
        self.0.load(Ordering::Acquire) & STATE == WOKEN
    }

    /// Leaves the wait, and says how it was ended, if it was. Owner only; a task
    /// that was `PARKED` and `WOKEN` calls it after it was delivered.
    #[inline]
    pub(crate) fn finish(&self) -> Option<Outcome> {
        let mut word = self.0.load(Ordering::Acquire);
        if word & STATE != WOKEN {
            // A waker may still come: only a read-modify-write tells for certain.
            word = self.0.fetch_and(EPOCH, Ordering::AcqRel);
        } else {
            self.0.store(word & EPOCH, Ordering::Relaxed);
        }
        (word & STATE == WOKEN).then(|| Outcome::from_bits(word))
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Outcome, Word};

    #[test]
    fn a_wake_before_parking_is_remembered() {
        let word = Word::new();
        let epoch = word.arm();
        assert_eq!(word.wake(epoch, Outcome::Closed), Found::Armed);
        assert!(!word.park());
        assert_eq!(word.finish(), Some(Outcome::Closed));
    }

    #[test]
    fn the_first_waker_wins() {
        let word = Word::new();
        let epoch = word.arm();
        assert!(word.park());
        assert_eq!(word.wake(epoch, Outcome::Deadline), Found::Parked);
        assert_eq!(word.wake(epoch, Outcome::Woken), Found::Stale);
        assert!(word.is_woken());
        assert_eq!(word.finish(), Some(Outcome::Deadline));
    }

    #[test]
    fn a_stale_waker_does_not_end_a_later_wait() {
        let word = Word::new();
        let old = word.arm();
        assert_eq!(word.finish(), None);
        assert_eq!(word.wake(old, Outcome::Woken), Found::Stale);
        let new = word.arm();
        assert!(word.park());
        assert_eq!(word.wake(old, Outcome::Woken), Found::Stale);
        assert!(!word.is_woken());
        assert_eq!(word.wake(new, Outcome::Woken), Found::Parked);
        assert_eq!(word.finish(), Some(Outcome::Woken));
    }
}
