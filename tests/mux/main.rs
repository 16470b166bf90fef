//! Many writers on one connection.

#[path = "../common/mod.rs"]
mod common;

mod delivery;
mod ending;
mod handles;
mod room;
mod support;
