//! What is of Unix, in the shape of [`std::os::unix`].
//!
//! [`net`] has sockets that park the task. The rest is std's.

pub mod net;
pub mod thread;

#[allow(
    deprecated,
    reason = "whether a name of std is deprecated is std's business"
)]
pub use std::os::unix::raw;
pub use std::os::unix::{ffi, fs, io, prelude, process};
