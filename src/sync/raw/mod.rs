//! What waits, without what it guards: words and lists, no data and no unsafe code.
//!
//! The model checker compiles these files a second time, with its own atomics.

mod atomic;
mod condition;
mod once;
mod rw_lock;

pub(super) use condition::Condition;
pub(super) use once::{Once, Poisoned};
pub(super) use rw_lock::RwLock;
