//! Runtimes: how tasks spread over workers, who watches, how one ends.

#[path = "../common/mod.rs"]
mod common;
mod ends;
mod fork;
mod life;
mod parking;
mod placement;
mod watching;

use netpoll::{Builder, Runtime};

fn runtime(workers: usize) -> Runtime {
    Builder::new().workers(workers).build().unwrap()
}
