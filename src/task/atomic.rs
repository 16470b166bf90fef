//! What the lock-free words of this layer are built from. The model checker
//! compiles the same files with its own versions of these.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};

/// Makes a constructor `const`; the model checker's atomics have none that are.
macro_rules! constant {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility const fn $($rest)*
    };
}
pub(crate) use constant;
