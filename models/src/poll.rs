//! Netpoll's poll layer: the word of a direction is the file that is shipped.

mod atomic {
    pub(crate) use crate::atomic::{AtomicU64, Mutex, Ordering};
}
#[allow(dead_code, reason = "the scenes use a part of it")]
#[path = "../../src/poll/direction.rs"]
mod direction;

pub(crate) use direction::{Direction, Registered};

use crate::task::{Outcome, Waker};
