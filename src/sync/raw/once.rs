//! The word of something that is done once.
//!
//! ```text
//!  31            3      2       1     0
//! +---------------+----------+---------+
//! | 0             | AWAITED  |  state  |
//! +---------------+----------+---------+
//!
//!                 begins                 it returned
//!   INCOMPLETE ------------> RUNNING -----------------> COMPLETE
//!                            ^     |
//!              begins again  |     |  it panicked
//!                            |     v
//!                           POISONED
//! ```
//!
//! `AWAITED`: there are waiters in the list. It is set under the list's lock, by a
//! step that changes nothing else, and taken away with the end of `RUNNING`. So who
//! ends it either sees the bit, and finds the waiter under the lock, or the waiter
//! finds that it has ended. Who waits for the completion may do so before anybody
//! has begun; beginning leaves the bit.
//!
//! Orderings: the end releases, and every look acquires, so that what was done once
//! is seen by all who find it done. What was done before a panic is seen by who
//! begins again.

use std::sync::PoisonError;

use super::atomic::{AtomicU32, Mutex, Ordering, constant};
use crate::task::{Outcome, Reason, Time, Wait, WaitList};

const STATE: u32 = 0b11;
const INCOMPLETE: u32 = 0;
const POISONED: u32 = 1;
const RUNNING: u32 = 2;
const COMPLETE: u32 = 3;

const AWAITED: u32 = 0b100;

/// See the [module](self).
pub(crate) struct Once {
    word: AtomicU32,
    waiters: Mutex<WaitList>,
}

/// An earlier attempt panicked.
#[derive(Debug)]
pub(crate) struct Poisoned;

impl Once {
    constant! {
        pub(crate) fn new() -> Self {
            Self {
                word: AtomicU32::new(INCOMPLETE),
                waiters: Mutex::new(WaitList::new()),
            }
        }
    }

    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.word.load(Ordering::Acquire) == COMPLETE
    }

    /// Sees to it that it is done: by running `f`, which is told whether an earlier
    /// attempt panicked, or by waiting for who runs already.
    ///
    /// # Errors
    ///
    /// If an earlier attempt panicked, unless that is forgiven.
    pub(crate) fn call(&self, forgive: bool, f: impl FnOnce(bool)) -> Result<(), Poisoned> {
        loop {
            let word = self.word.load(Ordering::Acquire);
            match word & STATE {
                COMPLETE => return Ok(()),
                POISONED if !forgive => return Err(Poisoned),
                RUNNING => self.wait_for_change(word),
                before => {
                    let running = RUNNING | (word & AWAITED);
                    let began = self.word.compare_exchange(
                        word,
                        running,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if began.is_ok() {
                        let mut run = Run {
                            once: self,
                            end: POISONED,
                        };
                        f(before == POISONED);
                        run.end = COMPLETE;
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits until it is done.
    ///
    /// # Errors
    ///
    /// If an attempt panicked, unless that is forgiven.
    pub(crate) fn wait(&self, forgive: bool) -> Result<(), Poisoned> {
        loop {
            let word = self.word.load(Ordering::Acquire);
            match word & STATE {
                COMPLETE => return Ok(()),
                POISONED if !forgive => return Err(Poisoned),
                _ => self.wait_for_change(word),
            }
        }
    }

    /// Waits until an attempt has ended, unless the word has changed already.
    fn wait_for_change(&self, word: u32) {
        let wait = Wait::begin(Reason::Once);
        {
            let mut waiters = lock(&self.waiters);
            if word & AWAITED == 0 {
                let noted = self.word.compare_exchange(
                    word,
                    word | AWAITED,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                if noted.is_err() {
                    return;
                }
            } else if self.word.load(Ordering::Relaxed) != word {
                return;
            }
            waiters.push(wait.waker());
        }
        wait.park(Time::NEVER);
    }

    fn end(&self, end: u32) {
        if self.word.swap(end, Ordering::AcqRel) & AWAITED != 0 {
            let mut waiters = std::mem::take(&mut *lock(&self.waiters));
            waiters.wake_all(Outcome::Woken);
        }
    }
}

/// An attempt. It ends when this is dropped, whether by a panic or not.
struct Run<'a> {
    once: &'a Once,
    end: u32,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.once.end(self.end);
    }
}

fn lock(waiters: &Mutex<WaitList>) -> impl std::ops::DerefMut<Target = WaitList> {
    waiters.lock().unwrap_or_else(PoisonError::into_inner)
}
