//! Model checks of the lock-free words of `netpoll`.
//!
//! [loom](https://docs.rs/loom) runs a scene with every interleaving of its
//! threads, or with all in which they are interrupted so often at most, and with
//! every value that a load may return. `atomic` makes up for what loom leaves out. The files that are
//! checked are the files that are shipped: `task` and `poll` include them from
//! where they lie, each in a module tree where `super::atomic` leads to loom.
//!
//! A model that cannot fail proves nothing. So each scene is run as it is, where it
//! has to hold, and once for each [`Weakening`] that takes away something it relies
//! on, where it has to fail, and in the way that is expected. `tests/` says which.
//!
//! | folder or file | idea |
//! |---|---|
//! | `tests/` | which scene breaks under which weakening |
//! | `scenes/` | what the threads of a model do, and what must hold |
//! | `task`, `poll`, `sync`, `event` | netpoll's files, and models of what they stand on |
//! | `atomic`, `weakening` | loom's atomics, or something less |
//! | `bell`, `data` | sleeping, and what is published |
//! | `check`, `trace` | running a scene, and printing how it failed |
//!
//! `cargo test --release -p netpoll-models` runs all.

mod atomic;
mod bell;
mod check;
mod data;
mod event;
mod poll;
mod scenes;
mod sync;
mod task;
mod trace;
mod weakening;

pub use check::check;
pub use scenes::{
    condition, direction, end, fresh, inbox, join, lock, mailbox, once, registration, rw_lock,
    token, word,
};
pub use weakening::Weakening;
