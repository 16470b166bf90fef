//! Loom's atomics, as far as the scene is allowed to have them.
//!
//! Under [`Weakening::Nothing`] each method is loom's. A weakening changes what it
//! names and leaves the rest as it is: a read-modify-write that is split still
//! acquires with its load, and releases with its store.

pub(crate) use loom::sync::atomic::Ordering;

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, PoisonError};

use crate::trace;
use crate::weakening::{Weakening, ordering};

macro_rules! atomic {
    ($name:ident, $int:ty) => {
        pub(crate) struct $name(loom::sync::atomic::$name, Turns);

        #[allow(dead_code, reason = "not every word uses every method")]
        impl $name {
            pub(crate) fn new(value: $int) -> Self {
                Self(loom::sync::atomic::$name::new(value), Turns::new())
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $int {
                self.1.take();
                let value = self.0.load(ordering(order));
                trace::note("reads", value.into());
                value
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $int, order: Ordering) {
                if IN_ORDER.with(Cell::get) {
                    self.0.swap(Self::kept(value), ordering(order));
                } else {
                    self.0.store(Self::kept(value), ordering(order));
                }
                trace::note("writes", value.into());
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $int, order: Ordering) -> $int {
                if Weakening::Split.is_set() {
                    let before = self.load(of_load(order));
                    self.store(value, of_store(order));
                    return before;
                }
                let before = self.0.swap(value, ordering(order));
                trace::note("changes", before.into());
                trace::note("to", value.into());
                before
            }

            #[track_caller]
            pub(crate) fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                if Weakening::Split.is_set() {
                    let before = self.load(of_load(order));
                    self.store(before.wrapping_add(value), of_store(order));
                    return before;
                }
                let before = self.0.fetch_add(value, ordering(order));
                trace::note("adds to", before.into());
                before
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, value: $int, order: Ordering) -> $int {
                self.fetch_add(value.wrapping_neg(), order)
            }

            #[track_caller]
            pub(crate) fn fetch_and(&self, mask: $int, order: Ordering) -> $int {
                if Weakening::Split.is_set() {
                    let before = self.load(of_load(order));
                    self.store(before & mask, of_store(order));
                    return before;
                }
                let before = self.0.fetch_and(Self::kept(mask), ordering(order));
                trace::note("changes", before.into());
                trace::note("to", (before & mask).into());
                before
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $int,
                new: $int,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$int, $int> {
                let silent = Weakening::Silent.is_set() && current == new;
                if !silent && !Weakening::Split.is_set() {
                    let (success, failure) = (ordering(success), ordering(failure));
                    let result = self.0.compare_exchange(current, new, success, failure);
                    match result {
                        Ok(_) => trace::note("changes to", new.into()),
                        Err(now) => trace::note("does not change", now.into()),
                    }
                    return result;
                }
                let now = self.load(of_load(success));
                if now != current {
                    return Err(now);
                }
                if !silent {
                    self.store(new, of_store(success));
                }
                Ok(now)
            }

            /// Does not fail without a reason: the loops around it would only turn
            /// once more.
            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $int,
                new: $int,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$int, $int> {
                self.compare_exchange(current, new, success, failure)
            }

            /// What is left of a value or mask: one whose low four bits, where a word
            /// has its state, are zero may lose the others, where it has its epoch.
            fn kept(value: $int) -> $int {
                if Weakening::Epoch.is_set() && value & 0b1111 == 0 {
                    0
                } else {
                    value
                }
            }
        }
    };
}

/// Loom's atomics cannot be made in a constant.
macro_rules! constant {
    ($($function:tt)*) => { $($function)* };
}
pub(crate) use constant;

atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);

/// A fence, if there is one.
pub(crate) fn fence(order: Ordering) {
    if !Weakening::Fence.is_set() {
        loom::sync::atomic::fence(order);
    }
}

fn of_load(order: Ordering) -> Ordering {
    match order {
        Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst => Ordering::Acquire,
        _ => Ordering::Relaxed,
    }
}

fn of_store(order: Ordering) -> Ordering {
    match order {
        Ordering::Release | Ordering::AcqRel | Ordering::SeqCst => Ordering::Release,
        _ => Ordering::Relaxed,
    }
}

loom::thread_local! {
    static IN_ORDER: Cell<bool> = Cell::new(false);
}

/// Does something whose stores come after all read-modify-writes that were made
/// before.
///
/// A store may come before something that was done earlier by another thread, but
/// not between what that read and what it wrote in its place. Loom does not know.
pub(crate) fn in_order(f: impl FnOnce()) {
    IN_ORDER.with(|in_order| in_order.set(true));
    f();
    IN_ORDER.with(|in_order| in_order.set(false));
}

/// A lock that publishes what its last holder did, if locks do.
pub(crate) struct Mutex<T> {
    exclusion: Exclusion,
    // Nobody ever waits for this one.
    value: std::sync::Mutex<T>,
}

enum Exclusion {
    Publishes(loom::sync::Mutex<()>),
    Only(loom::sync::atomic::AtomicU32),
}

pub(crate) struct MutexGuard<'a, T> {
    // First: it is let go before others may come.
    value: std::sync::MutexGuard<'a, T>,
    _inside: Inside<'a>,
}

enum Inside<'a> {
    Publishes {
        _guard: loom::sync::MutexGuard<'a, ()>,
    },
    Only(&'a loom::sync::atomic::AtomicU32),
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            exclusion: if Weakening::Lock.is_set() {
                Exclusion::Only(loom::sync::atomic::AtomicU32::new(0))
            } else {
                Exclusion::Publishes(loom::sync::Mutex::new(()))
            },
            value: std::sync::Mutex::new(value),
        }
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let inside = match &self.exclusion {
            Exclusion::Publishes(lock) => Inside::Publishes {
                _guard: lock.lock().unwrap_or_else(PoisonError::into_inner),
            },
            Exclusion::Only(held) => {
                while held.swap(1, Ordering::Relaxed) != 0 {
                    loom::thread::yield_now();
                }
                Inside::Only(held)
            }
        };
        Ok(MutexGuard {
            value: self.value.lock().unwrap_or_else(PoisonError::into_inner),
            _inside: inside,
        })
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Inside::Only(held) = self {
            held.store(0, Ordering::Relaxed);
        }
    }
}

/// Makes loom try both orders of two loads.
///
/// Loom tells by the last access to a word, only, whether a store has to be tried
/// before it. After a load by one thread, a load by another, and a store by that
/// other one, it does not try the store before the first load.
pub(crate) struct Turns(loom::sync::atomic::AtomicU32);

impl Turns {
    pub(crate) fn new() -> Self {
        Self(loom::sync::atomic::AtomicU32::new(0))
    }

    pub(crate) fn take(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
