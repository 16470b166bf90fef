//! tiny_http, a server with a pool of threads that grows as needed, on netpoll: what the
//! build script has made of it. See `../../port.rs`.

// The source is somebody else's.
#![allow(warnings, clippy::all, clippy::pedantic)]

include!(concat!(env!("OUT_DIR"), "/source/lib.rs"));

/// The lines that were changed, as a diff.
pub const DIFF: &str = include_str!(concat!(env!("OUT_DIR"), "/uses.diff"));

pub use tiny_http as original;
