//! A network runtime for Rust on Linux: code that reads like blocking code, on
//! tasks that cost a page of memory, parked on epoll.

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!(
    "netpoll runs on 64-bit Linux on x86-64 and aarch64 only: it is built on epoll, and on stack switching for these two"
);

mod fd;
pub mod io;
pub mod net;
mod poll;
mod sched;
mod stack;
mod sys;
mod task;
pub mod thread;

pub use sched::{Builder, Runtime};
pub use sys::epoll;
