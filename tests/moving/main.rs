//! Moving bytes: from descriptor to descriptor, both ways at once, in halves, without
//! copying, in memory; and waiting for what is no socket.

#[path = "../common/mod.rs"]
mod common;

mod both_ways;
mod copies;
mod ends;
mod halves;
mod in_memory;
mod pattern;
mod readiness;
mod signals;
mod zerocopy;
