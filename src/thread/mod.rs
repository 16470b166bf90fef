//! Tasks, in the shape of [`std::thread`].
//!
//! A task costs a page of memory while it is parked, and nanoseconds to switch to.
//! It runs on one worker thread from its first instruction to its last.

// Only `scope` is excepted.
#![deny(unsafe_code)]

mod block_on;
mod builder;
mod current;
mod handle;
mod local;
mod run;
mod scope;
mod signal;
mod sleep;

pub use block_on::block_on;
pub use builder::Builder;
#[doc(alias = "go")]
pub use builder::spawn;
#[doc(alias = "goid")]
pub use current::ThreadId;
#[doc(alias = "gopark")]
pub use current::park;
#[expect(deprecated, reason = "std has them")]
pub use current::park_timeout_ms;
pub use current::{Thread, current, park_timeout};
pub use handle::JoinHandle;
pub use local::AccessError;
#[doc(alias = "task_local")]
pub use local::LocalKey;
pub use scope::{Scope, ScopedJoinHandle, scope};
#[expect(deprecated, reason = "std has it")]
pub use sleep::sleep_ms;
pub use sleep::{sleep, sleep_until};
pub use std::thread::{Result, available_parallelism};

/// Lets the other tasks of the worker run, and comes back. On a thread that runs
/// no task it yields to other threads, as in std.
///
/// # Examples
///
/// ```
/// use netpoll::thread;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// let done = Arc::new(AtomicBool::new(false));
/// let seen = Arc::clone(&done);
/// let waiting = thread::spawn(move || {
///     while !seen.load(Ordering::Acquire) {
///         thread::yield_now();
///     }
/// });
/// done.store(true, Ordering::Release);
/// waiting.join().unwrap();
/// ```
#[doc(alias = "Gosched")]
pub fn yield_now() {
    crate::task::yield_now();
}

/// Whether the calling task is unwinding because of a panic; on any other thread,
/// whether the thread is.
///
/// [`std::thread::panicking`] speaks of the thread: while one task of a worker waits in
/// a destructor that a panic runs, it is true for all of them.
///
/// # Examples
///
/// ```
/// use netpoll::thread;
///
/// struct Transaction;
///
/// impl Drop for Transaction {
///     fn drop(&mut self) {
///         println!("{}", if thread::panicking() { "roll back" } else { "commit" });
///     }
/// }
///
/// drop(Transaction);
/// assert!(!thread::panicking());
/// ```
#[must_use]
pub fn panicking() -> bool {
    crate::task::is_unwinding()
}

/// Runs a closure that must not park: a park inside of it panics.
///
/// For code that is only right while no other task of the worker runs: a borrow of
/// a `RefCell` in a thread-local that others use too, or a scoped thread-local
/// (a pointer to a frame that is set, used, and restored).
///
/// On a thread that runs no task, it only runs the closure.
///
/// # Panics
///
/// Where the closure parks, or calls [`yield_now`].
///
/// # Examples
///
/// ```
/// use netpoll::thread;
/// use std::time::Duration;
///
/// let task = thread::spawn(|| thread::no_park(|| thread::sleep(Duration::from_millis(1))));
/// assert!(task.join().is_err());
/// assert_eq!(thread::no_park(|| 1 + 1), 2);
/// ```
pub fn no_park<R>(f: impl FnOnce() -> R) -> R {
    crate::task::no_park(f)
}
