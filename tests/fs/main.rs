//! `netpoll::fs`: the same as std, and the worker goes on.

#[path = "../common/mod.rs"]
mod common;
mod directories;
mod files;
mod parking;
mod paths;
#[path = "../common/same.rs"]
mod same;
