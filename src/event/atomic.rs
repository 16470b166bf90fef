//! What the mailbox is built from. The model checker compiles the same file with its own
//! versions of these.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard};
