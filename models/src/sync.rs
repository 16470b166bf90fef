//! Netpoll's locks and what is done once: the words and lists are the files that are
//! shipped.

mod atomic {
    pub(crate) use crate::atomic::{AtomicU32, Mutex, Ordering, constant};
}
#[path = "../../src/sync/raw/condition.rs"]
mod condition;
#[path = "../../src/sync/raw/once.rs"]
mod once;
#[path = "../../src/sync/raw/rw_lock.rs"]
mod rw_lock;

pub(crate) use condition::Condition;
pub(crate) use once::Once;
pub(crate) use rw_lock::RwLock;
