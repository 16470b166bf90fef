//! `netpoll::io`: what it has in common with std, and what it has not.

#[path = "../common/mod.rs"]
mod common;

mod buffers;
mod copies;
mod model;
mod names;
mod pipes;
mod scripts;
mod standard_input;
mod tasks;
