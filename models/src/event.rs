//! Netpoll's event loops: the mailbox of a loop is the file that is shipped.

mod atomic {
    pub(crate) use crate::atomic::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, fence};
}
#[allow(dead_code, reason = "the scenes use a part of it")]
#[path = "../../src/event/mailbox.rs"]
mod mailbox;

pub(crate) use mailbox::Mailbox;
