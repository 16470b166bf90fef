//! Whether what a lock guards was left in the middle of something.
//!
//! A guard poisons its lock if *its task* began to unwind while it lived. Other
//! tasks of the worker may be parked in the middle of a panic of theirs meanwhile,
//! so [`std::thread::panicking`], which speaks of the thread, does not tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LockResult, PoisonError};

use crate::task::is_unwinding;

/// Whether a lock is poisoned. The lock orders what is done here.
pub(super) struct Flag(AtomicBool);

/// Whether the task was unwinding when it took the lock.
#[derive(Clone, Copy)]
pub(super) struct Before(bool);

impl Before {
    #[inline]
    pub(super) fn now() -> Self {
        Self(is_unwinding())
    }
}

impl Flag {
    pub(super) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The lock is about to be let go.
    #[inline]
    pub(super) fn leave(&self, before: Before) {
        if !before.0 && is_unwinding() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// What is got in spite of the poison, if there is some.
    #[inline]
    pub(super) fn wrap<T>(&self, value: T) -> LockResult<T> {
        if self.is_set() {
            Err(PoisonError::new(value))
        } else {
            Ok(value)
        }
    }
}
