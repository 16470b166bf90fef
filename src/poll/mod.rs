//! Layer 3: one epoll for each worker, and what it knows of a descriptor.
//!
//! A [`Descriptor`] says whether an operation is worth trying, and lets a task
//! wait until it is. It promises that readiness is never lost and that no waiter
//! is forgotten; it may call ready what is not. It demands that whoever waits
//! holds the descriptor open meanwhile and tries again afterwards.
//!
//! An event loop does not want a waiter for each descriptor; see [`watch`](mod@watch).
//!
//! The poller knows wakers, not tasks or workers: an event makes a direction
//! ready, which wakes who waits there.

mod atomic;
mod descriptor;
mod direction;
mod follow;
mod poller;
mod watch;

pub(crate) use descriptor::{Registration, Stop, Timeout, Way};
pub(crate) use poller::{Poller, can_watch};
pub(crate) use watch::{Watched, take_watched, unwatch, wait_for_watched, watch};

use crate::task::{Outcome, Waker};
