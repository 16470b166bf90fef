//! Many writers on one connection.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/fork.rs"]
mod fork;

mod delivery;
mod ending;
mod forks;
mod handles;
mod room;
mod support;
