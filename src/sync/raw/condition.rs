//! Waiting, without a lock, for what others do under it.
//!
//! Who waits is listed before it lets go of the lock. So whoever takes the lock
//! afterwards, and changes what is waited for, finds it in the list: nothing is
//! missed in between. Of two orders, a notification comes first or the deadline:
//! the waker says which, and a notification that comes second goes to the next one.

use std::sync::PoisonError;

use super::atomic::{Mutex, constant};
use crate::task::{Lock, Outcome, Reason, Time, Wait, WaitList};

/// See the [module](self).
pub(crate) struct Condition(Mutex<WaitList>);

impl Condition {
    constant! {
        pub(crate) fn new() -> Self {
            Self(Mutex::new(WaitList::new()))
        }
    }

    /// Lets go of the lock, waits, and takes the lock again. Returns how the wait
    /// ended: [`Outcome::Deadline`] if nobody has notified it.
    ///
    /// The caller has begun the wait, which may panic; from here on nothing does.
    pub(crate) fn wait(&self, wait: Wait, lock: &Lock, deadline: Time) -> Outcome {
        let waker = wait.waker();
        self.waiters().push(waker);
        lock.unlock();
        let outcome = wait.park(deadline);
        if outcome != Outcome::Woken {
            self.waiters().remove(waker);
        }
        lock.lock(Reason::Lock);
        outcome
    }

    /// Ends the wait of one who still waits.
    pub(crate) fn notify_one(&self) {
        self.waiters().wake_one();
    }

    /// Ends the waits of all who wait now.
    pub(crate) fn notify_all(&self) {
        // The list is not locked while they are woken: they will want it.
        let mut waiters = std::mem::take(&mut *self.waiters());
        waiters.wake_all(Outcome::Woken);
    }

    fn waiters(&self) -> impl std::ops::DerefMut<Target = WaitList> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
