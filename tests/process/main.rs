//! `netpoll::process`: the same as std, and the worker goes on.

mod children;
#[path = "../common/mod.rs"]
mod common;
mod output;
mod parking;
mod pipes;
#[path = "../common/same.rs"]
mod same;
mod scarce;
