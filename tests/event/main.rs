//! Handler mode: connections without a task for each.

#[path = "../common/mod.rs"]
mod common;

mod balance;
mod callbacks;
mod clients;
mod detach;
mod handles;
mod lifecycle;
mod limits;
mod linger;
mod memory;
mod operated;
mod operators;
mod panics;
mod placement;
mod sharing;
mod support;
