//! Netpoll's task layer: its words, lists and wakers are the files that are
//! shipped; tasks, their workers and waiting are models.

mod atomic {
    pub(crate) use crate::atomic::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, constant};
}
mod clock;
mod home;
#[allow(dead_code, reason = "the scenes use a part of it")]
#[path = "../../src/task/identity.rs"]
mod identity;
#[allow(dead_code, reason = "the scenes use a part of it")]
#[path = "../../src/task/inbox.rs"]
mod inbox;
#[path = "../../src/task/join.rs"]
mod join;
mod local;
#[path = "../../src/task/lock.rs"]
mod lock;
mod seat;
#[expect(
    clippy::module_inception,
    reason = "the file it stands for is named so"
)]
mod task;
#[path = "../../src/task/token.rs"]
mod token;
mod wait;
#[path = "../../src/task/wait_list.rs"]
mod wait_list;
#[path = "../../src/task/waker.rs"]
mod waker;
#[allow(dead_code, reason = "the scenes use a part of it")]
#[path = "../../src/task/word.rs"]
mod word;

pub(crate) use clock::Time;
pub(crate) use identity::{Id, park_until};
pub(crate) use inbox::{Inbox, Link};
pub(crate) use join::Packet;
pub(crate) use lock::Lock;
pub(crate) use task::{leave_slot, spawn, start, take_token};
pub(crate) use wait::{Reason, Wait};
pub(crate) use wait_list::WaitList;
pub(crate) use waker::Waker;
pub(crate) use word::{Found, Outcome, Word};
