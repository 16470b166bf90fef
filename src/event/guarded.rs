//! Calling what is a user's: a panic ends one connection, and nothing else.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sched;

/// Calls what is a user's. The error is `None` if it panicked.
#[inline]
pub(super) fn guarded<T>(call: impl FnOnce() -> io::Result<T>) -> Result<T, Option<io::Error>> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Some(error)),
        Err(payload) => {
            sched::task_panicked(&*payload);
            // Its destructor may panic, too.
            let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
            Err(Some(io::Error::other(Panicked)))
        }
    }
}

/// Drops what may have a destructor of a user's.
pub(super) fn drop_guarded<T>(value: T) {
    let _ = guarded(move || {
        drop(value);
        Ok(())
    });
}

/// The cause of the error that a connection ends with whose handler has panicked.
#[derive(Debug)]
struct Panicked;

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the handler panicked")
    }
}

impl std::error::Error for Panicked {}
