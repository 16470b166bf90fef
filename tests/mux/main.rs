//! Many writers on one connection.

#[path = "../common/mod.rs"]
mod common;

mod delivery;
mod ending;
mod forks;
mod handles;
mod room;
mod support;
