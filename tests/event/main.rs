//! Handler mode: connections without a task for each.

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod back_pressure;
mod balance;
mod callbacks;
mod clients;
mod destructors;
mod detach;
mod handles;
mod lifecycle;
mod limits;
mod linger;
mod memory;
mod operators;
mod panics;
mod read_timeouts;
mod support;
