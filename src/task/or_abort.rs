//! What must not unwind.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f`. If it panics, the process ends, with this message after the panic's own.
///
/// The panic is caught, not left to a guard's destructor: at the end of a task there
/// is nobody below to catch it, and a panic that nobody catches runs no destructors.
pub(crate) fn or_abort<R>(message: &str, f: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_| {
        eprintln!("netpoll: {message}");
        std::process::abort()
    })
}
