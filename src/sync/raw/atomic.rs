//! What the words of this folder are built from. The model checker compiles the
//! same files with its own versions of these.

pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a constructor `const`; the model checker's atomics have none that are.
macro_rules! constant {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility const fn $($rest)*
    };
}
pub(crate) use constant;
