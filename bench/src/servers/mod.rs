//! The servers. Each sends back what it receives, says its address when it listens,
//! and runs until it is killed.
//!
//! A server is one file: to add one, write it and list its `SERVER` here.
#![forbid(unsafe_code)]

mod netpoll;
mod raw;
mod threads;
mod tokio;

use std::io::{self, Write};
use std::net::SocketAddr;

/// A server that can be measured.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// One line for the report.
    pub(crate) about: &'static str,
    /// Whether it runs unless it is asked for by name.
    pub(crate) usual: bool,
    /// How many connections it is made for.
    pub(crate) most: usize,
    /// Serves with buffers of a size, where connections have buffers of their own.
    run: fn(usize) -> io::Result<()>,
}

/// The name of the server that the others are compared with.
pub(crate) const FLOOR: &str = "raw";

/// All servers, in the order of the report.
pub(crate) static SERVERS: [Server; 6] = [
    raw::SERVER,
    raw::AGAIN,
    netpoll::SERVER,
    netpoll::HEAP,
    tokio::SERVER,
    threads::SERVER,
];

/// The server of a name.
pub(crate) fn find(name: &str) -> Option<&'static Server> {
    SERVERS.iter().find(|server| server.name == name)
}

impl Server {
    /// Serves until the process is killed, or something fails.
    pub(crate) fn run(&self, buffer: usize) -> io::Result<()> {
        (self.run)(buffer)
    }
}

/// Tells the parent where the server listens.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()
}
