//! The servers. Each sends back what it receives, says its address when it listens,
//! and runs until it is killed.
//!
//! A server is one file: to add one, write it and list its `SERVER` here.
#![deny(unsafe_code)]

mod compio;
mod go;
mod may;
mod monoio;
mod netpoll;
mod netpoll_buffered;
mod netpoll_event;
mod raw;
mod raw_phases;
mod rpc;
mod smol;
mod threads;
mod tokio;
mod tokio_shared;
mod two_workers;
mod uring;

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
    /// Serves. The number is the size of the buffers where connections have buffers of
    /// their own; for servers of [`MIXED`], the steps of the work; for those of [`RPC`],
    /// that of a frame.
    run: fn(usize) -> io::Result<()>,
}

/// The name of the server that the others are compared with.
pub(crate) const FLOOR: &str = "raw";

/// The name of the server that is the floor once more.
pub(crate) const CONTROL: &str = "raw-again";

/// The servers that echo, in the order of the report.
pub(crate) static SERVERS: [Server; 18] = [
    raw::SERVER,
    raw::AGAIN,
    raw_phases::SERVER,
    raw::THREADS,
    netpoll::SERVER,
    netpoll_buffered::SERVER,
    netpoll::HEAP,
    netpoll::THREADS,
    netpoll_event::SERVER,
    tokio::SERVER,
    tokio_shared::SERVER,
    monoio::URING,
    monoio::EPOLL,
    compio::SERVER,
    may::SERVER,
    smol::SERVER,
    threads::SERVER,
    go::SERVER,
];

/// The servers that have two workers, and work to do for some requests.
pub(crate) static MIXED: [Server; 5] = [
    two_workers::NETPOLL,
    two_workers::NETPOLL_BLOCKING,
    two_workers::TOKIO,
    two_workers::TOKIO_BLOCKING,
    go::MIXED,
];

/// The servers that answer frames of a fixed size, each in its own time; the number is the
/// size. Many callers share a connection.
pub(crate) static RPC: [Server; 6] = [
    rpc::NETPOLL,
    rpc::NETPOLL_LOCK,
    rpc::EVENT,
    rpc::EVENT_TASKS,
    rpc::TOKIO,
    go::RPC,
];

/// All servers.
pub(crate) fn all() -> impl Iterator<Item = &'static Server> {
    SERVERS.iter().chain(&MIXED).chain(&RPC)
}

/// The server of a name.
pub(crate) fn find(name: &str) -> Option<&'static Server> {
    all().find(|server| server.name == name)
}

impl Server {
    /// Serves until the process is killed, or something fails.
    pub(crate) fn run(&self, number: usize) -> io::Result<()> {
        (self.run)(number)
    }

    /// Prepares to run it. The error says why this machine cannot.
    pub(crate) fn prepare(&self) -> Result<(), String> {
        match self.name {
            "go" | "go-2" | "go-rpc" => go::build(),
            "monoio" | "compio" => uring::probe(),
            _ => Ok(()),
        }
    }
}

/// The versions of the rivals.
pub(crate) fn versions() -> String {
    let lock = include_str!("../../../Cargo.lock");
    let mut versions: Vec<String> = ["tokio", "monoio", "compio", "may", "smol"]
        .into_iter()
        .filter_map(|name| Some(format!("{name} {}", locked(lock, name)?)))
        .collect();
    versions.extend(go::version());
    versions.join(", ")
}

/// The version of a package in a lock file.
fn locked<'lock>(lock: &'lock str, name: &str) -> Option<&'lock str> {
    let line = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|known| **known != line);
    lines
        .nth(1)?
        .strip_prefix("version = \"")?
        .strip_suffix('"')
}

/// Tells the parent where the server listens.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for server in all() {
            assert_eq!(all().filter(|other| other.name == server.name).count(), 1);
            assert!(std::ptr::eq(find(server.name).unwrap(), server));
        }
        for name in [FLOOR, CONTROL] {
            assert!(find(name).is_some());
        }
    }

    #[test]
    fn versions_are_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"may\"\nversion = \"0.3.51\"\n";
        assert_eq!(locked(lock, "may"), Some("0.3.51"));
        assert_eq!(locked(lock, "ma"), None);
        assert!(versions().contains("tokio 1."), "{}", versions());
    }
}
