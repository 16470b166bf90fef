//! A lock without data whose waiters park.
//!
//! ```text
//!  state:   0        free
//!           1        held
//!           3        held, and there may be waiters in the list
//! ```
//!
//! Who lets go of the lock wakes the first waiter, which then tries like any
//! other: a task that is running may get there first. That is Go's normal mode,
//! and what makes a lock that is taken often fast.
//!
//! Orderings: taking acquires and letting go releases, so that what the last
//! holder did is seen. The `WAITERS` bit changes only under the list's lock.

use std::convert::Infallible;

use super::atomic::{AtomicU32, Mutex, Ordering, constant};
use super::{Outcome, Reason, Time, Wait, WaitList};

const HELD: u32 = 1;
const WAITERS: u32 = 2;
const HELD_WITH_WAITERS: u32 = HELD | WAITERS;

/// See the [module](self).
pub(crate) struct Lock {
    state: AtomicU32,
    waiters: Mutex<WaitList>,
}

impl Lock {
    constant! {
        pub(crate) fn new() -> Self {
            Self {
                state: AtomicU32::new(0),
                waiters: Mutex::new(WaitList::new()),
            }
        }
    }

    /// Takes the lock, however long it takes.
    #[inline]
    pub(crate) fn lock(&self, reason: Reason) {
        if !self.try_lock() {
            self.lock_slow(reason);
        }
    }

    #[cold]
    fn lock_slow(&self, reason: Reason) {
        let wait = || self.wait(reason, || Ok::<_, Infallible>(Time::NEVER));
        while let Ok(Some(_)) = wait() {}
    }

    /// Takes the lock, if it is free.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        self.state
            .compare_exchange(0, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            || self.try_lock_slow()
    }

    fn try_lock_slow(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & HELD == 0 {
            match self.state.compare_exchange_weak(
                state,
                state | HELD,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Waits once for the lock to become free, then tries again. `deadline` is
    /// asked for when the waiter is listed, so that one that is set afterwards,
    /// followed by [`Lock::rouse`], is not missed; it may refuse the wait.
    ///
    /// Returns `None` if the lock was taken, otherwise how the wait ended: the
    /// caller looks at what may have changed and comes again.
    pub(crate) fn wait<E>(
        &self,
        reason: Reason,
        deadline: impl FnOnce() -> Result<Time, E>,
    ) -> Result<Option<Outcome>, E> {
        let wait = Wait::begin(reason);
        let waker = wait.waker();
        {
            let mut waiters = lock(&self.waiters);
            loop {
                if self.try_lock_slow() {
                    return Ok(None);
                }
                // Only while it is held, so that who lets go sees the bit.
                let noted = self.state.compare_exchange(
                    HELD,
                    HELD | WAITERS,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                if matches!(noted, Ok(_) | Err(HELD_WITH_WAITERS)) {
                    break;
                }
            }
            waiters.push(waker);
        }
        let outcome = match deadline() {
            Ok(deadline) => wait.park(deadline),
            Err(error) => {
                let woken = wait.cancel();
                let mut waiters = lock(&self.waiters);
                waiters.remove(waker);
                if woken {
                    // The lock was meant for this one; the next one shall have it.
                    waiters.wake_one();
                }
                return Err(error);
            }
        };
        if outcome != Outcome::Woken {
            lock(&self.waiters).remove(waker);
        }
        Ok((!self.try_lock()).then_some(outcome))
    }

    /// Lets go of the lock and wakes the first who waits.
    #[inline]
    pub(crate) fn unlock(&self) {
        if self
            .state
            .compare_exchange(HELD, 0, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            self.unlock_slow();
        }
    }

    #[cold]
    fn unlock_slow(&self) {
        let mut waiters = lock(&self.waiters);
        // Free first: who is woken and finds it held still may not come again, and
        // would have taken the wake-up of the next one with it.
        let left = if waiters.len() > 1 { WAITERS } else { 0 };
        self.state.store(left, Ordering::Release);
        waiters.wake_one();
    }

    /// Makes all who wait look again at what they wait for.
    pub(crate) fn rouse(&self) {
        lock(&self.waiters).wake_all(Outcome::Woken);
    }
}

fn lock(waiters: &Mutex<WaitList>) -> impl std::ops::DerefMut<Target = WaitList> {
    waiters
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
