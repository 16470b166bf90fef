//! Locks, channels, and what is done once, in the shape of [`std::sync`].
//!
//! With std's, who has to wait blocks its thread, which on a worker is the thread of
//! all its tasks. A [`std::sync::Mutex`] that a task holds while it waits for something
//! can so block its worker for good: the next task there that locks it stops the only
//! thread that could run the first. These here park the task. They may be held across
//! anything, and every name that [`std::sync`] has is here, so that a port changes the
//! `use` lines only.
//!
//! Tasks and plain threads may use one and the same lock or channel together, and
//! across runtimes; a thread that runs no task blocks, as in std.
//!
//! | | |
//! |---|---|
//! | [`Mutex`], [`RwLock`] | a value, with a lock around it |
//! | [`Condvar`], [`Barrier`] | waiting for what others do |
//! | [`mpsc`] | channels |
//! | [`Once`], [`OnceLock`], [`LazyLock`] | what is done once |
//! | [`Arc`], [`Weak`], [`atomic`], the errors | std's own: nothing in them waits |
//!
//! # What waiting is like
//!
//! None of these waits is cancelled by the end of a runtime, as none of them can fail.
//! In a destructor that runs because of a panic they park the task, too; the worker's
//! other tasks see [`std::thread::panicking`] meanwhile. Inside of
//! [`no_park`](crate::thread::no_park), and in a process that was forked from one with a
//! runtime, what would have to wait panics. What need not wait works there.
//!
//! Whatever may wait (`lock`, `read`, `write`, `send`, `recv`) counts as an operation,
//! also where it need not: a task that does many gives way to others of its worker. The
//! calls that only try never do.
//!
//! A lock is *poisoned* by the panic of the task that has it, and not by that of another
//! task of the same worker; see [`Mutex`](Mutex#poisoning).
//!
//! # When to stay with std's
//!
//! Where a lock is held for some nanoseconds, and never across a wait, std's is as good,
//! and smaller: one word instead of some. What has to be shared with code that asks for
//! std's types has to stay with them.

// Only the locks that lend what is in a cell are excepted.
#![deny(unsafe_code)]

mod barrier;
mod condvar;
mod lazy_lock;
pub mod mpsc;
mod mutex;
mod once;
mod once_lock;
mod poison;
mod raw;
mod rw_lock;

pub use barrier::{Barrier, BarrierWaitResult};
#[doc(alias = "Cond")]
pub use condvar::Condvar;
pub use condvar::WaitTimeoutResult;
pub use lazy_lock::LazyLock;
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, OnceState};
pub use once_lock::OnceLock;
pub use rw_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};

/// A [`Once`] that has not been done, for the initial value of a static.
#[deprecated(note = "as in std: `Once::new()` is a constant expression too")]
#[expect(clippy::declare_interior_mutable_const, reason = "std has it")]
pub const ONCE_INIT: Once = Once::new();
