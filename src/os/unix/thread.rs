//! std's extensions of threads, so that a file which names them compiles.
//!
//! They are for [`std::thread::JoinHandle`]. A [`JoinHandle`](crate::thread::JoinHandle)
//! of ours does not have them: a task is no thread, and shares the one of its
//! worker with others, so there is no `pthread_t` that would mean the task. What one does
//! with it (priority, affinity, a signal, `pthread_join`) would hit the worker. Threads
//! that need it are std's: `std::thread::spawn`.

#[allow(
    deprecated,
    reason = "whether a name of std is deprecated is std's business"
)]
pub use std::os::unix::thread::{JoinHandleExt, RawPthread};
