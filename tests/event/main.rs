//! Handler mode: connections without a task for each.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/fork.rs"]
mod fork;

mod answers;
mod back_pressure;
mod balance;
mod bounds;
mod broken;
mod callbacks;
mod clients;
mod cut_off;
mod deadlines;
mod destructors;
mod detach;
mod forks;
mod framed;
mod handles;
mod lifecycle;
mod limits;
mod linger;
mod memory;
mod operated;
mod operators;
mod panics;
mod pauses;
mod placement;
mod read_timeouts;
mod sharing;
mod support;
mod withheld;
mod writing;
