//! Errors of I/O that std has no kind for.

#![forbid(unsafe_code)]

pub use crate::fd::{Cancelled, Closed};

pub use crate::buf::{Blocks, blocks};
