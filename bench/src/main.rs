//! What a request costs on netpoll, beside a hand-written epoll server and beside
//! other runtimes.
//!
//! ```text
//! cargo run --release -p netpoll-bench                          everything
//! cargo run --release -p netpoll-bench -- --quick               whether it works, for CI
//! cargo run --release -p netpoll-bench -- --cases 64x100 --only netpoll,tokio
//! ```
//!
//! # Method
//!
//! All servers of a case are alive at once, each a process of its own, pinned to one
//! core. Each has a load client, a process too, pinned to another core; it opens its
//! connections at the beginning and keeps them. (A client for each server, because
//! one process may not open the connections of all.) A *slice* of some 120 ms goes to
//! one server: its client keeps a fixed number of requests in flight on every
//! connection, checks every byte that comes back, and at the end waits until the last
//! has come. A *round* is a slice for every server, in random order. After some rounds
//! all of them are started anew, because where a process happens to lie in memory makes
//! a difference.
//!
//! The figure is the CPU time that the server's threads used in the slice, as the
//! scheduler counts it, divided by the requests; and of that the ratio to the `raw`
//! server in the same round, so that what disturbs the machine for longer than a
//! round disturbs both. The report has medians and quartiles over the rounds.
//! `raw-again` is `raw` once more: what it differs from 1 by is noise.
//!
//! On loopback, what a server sends is received in its own time: its CPU includes
//! the kernel's part of the client's receiving. That is the same for all.
//!
//! Latency is another matter, and measured by another load: see `load/open.rs`.

mod accounting;
mod args;
mod cases;
mod children;
mod contest;
mod idle;
mod load;
mod micro;
mod place;
mod plan;
mod proxy;
mod raw_data;
mod report;
mod run;
mod servers;
mod statistics;
mod work;

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{self, ExitCode};

use clap::Parser;

use args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netpoll-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> io::Result<()> {
    match arguments.command {
        None => run::run(&arguments.options),
        Some(Command::Server {
            name,
            number,
            place,
        }) => {
            place.settle()?;
            servers::find(&name)
                .ok_or_else(|| io::Error::other(format!("there is no server {name}")))?
                .run(number)
        }
        Some(Command::Load {
            address,
            shape,
            place,
        }) => {
            place.settle()?;
            load::obey(address, shape)
        }
        Some(Command::Micro) => micro::compare(),
        Some(Command::Proxy(options)) => proxy::compare(&options),
        Some(Command::Exec { place, command }) => {
            place.settle()?;
            let mut program = process::Command::new(&command[0]);
            Err(program.args(&command[1..]).exec())
        }
    }
}
