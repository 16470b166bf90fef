//! `netpoll::sync`: the same results as std's, and what tasks need beyond that.

#[path = "../common/mod.rs"]
mod common;
#[macro_use]
mod same;

mod barrier;
mod condvar;
mod hazards;
mod lazy_lock;
mod mpsc;
mod mutex;
mod names;
mod once;
mod once_lock;
mod poisoning;
mod rw_lock;
