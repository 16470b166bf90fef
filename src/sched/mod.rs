//! Layer 4: the machine that runs tasks.
//!
//! A [`Runtime`] is a set of workers: threads that each have their own epoll, run
//! queue, timers and stacks. What a worker does for its own tasks takes no lock.
//!
//! | file | idea |
//! |---|---|
//! | `builder` | how a runtime is set up |
//! | `runtime` | its handle, and the one that starts by itself |
//! | `own_thread` | one that has its caller's thread for a worker |
//! | `placement` | which worker gets a new task |
//! | `worker` | the loop |
//! | `blocking` | the threads that block instead of the workers |
//! | `machine` | what the workers share; how it ends |
//! | `monitor` | who watches them |
//! | `hooks`, `report` | what a program is told |

#![forbid(unsafe_code)]

mod blocking;
mod builder;
mod hooks;
mod machine;
mod monitor;
mod own_thread;
mod placement;
mod report;
mod runtime;
mod worker;

pub use blocking::blocking;
pub use builder::Builder;
pub use monitor::{Doing, Stuck};
pub use report::{Metrics, Shutdown, TaskReport};
pub use runtime::Runtime;

pub(crate) use blocking::{keep_thread, run_blocking, run_blocking_until};
pub(crate) use machine::Spawn;
pub(crate) use own_thread::OwnThread;
pub(crate) use runtime::{Workers, spawn, task_panicked};
