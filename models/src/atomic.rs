//! Loom's atomics, as far as the scene is allowed to have them.
//!
//! Under [`Weakening::Nothing`] each method is loom's. A weakening changes what it
//! names and leaves the rest as it is: a read-modify-write that is split still
//! acquires with its load, and releases with its store.

pub(crate) use loom::sync::Mutex;
pub(crate) use loom::sync::atomic::Ordering;

use crate::trace;
use crate::weakening::{Weakening, ordering};

macro_rules! atomic {
    ($name:ident, $int:ty) => {
        pub(crate) struct $name(loom::sync::atomic::$name);

        #[allow(dead_code, reason = "not every word uses every method")]
        impl $name {
            pub(crate) fn new(value: $int) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $int {
                let value = self.0.load(ordering(order));
                trace::note("reads", value.into());
                value
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $int, order: Ordering) {
                self.0.store(Self::kept(value), ordering(order));
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
