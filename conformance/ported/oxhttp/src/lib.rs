//! OxHTTP, a server with a thread for each connection, on netpoll: what the build script
//! has made of it. See `../../port.rs`.

// The source is somebody else's.
#![allow(warnings, clippy::all, clippy::pedantic)]

include!(concat!(env!("OUT_DIR"), "/source/lib.rs"));

/// The lines that were changed, as a diff.
pub const DIFF: &str = include_str!(concat!(env!("OUT_DIR"), "/uses.diff"));

pub use oxhttp as original;
