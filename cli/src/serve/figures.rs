//! The line a second: what the server is doing.
//!
//! A thread compares the counters every second and shows what changed. When
//! nothing has, it asks to be woken and looks again a second later; if there is
//! still nothing, it sleeps until it is. An idle server makes no system call.
//!
//! Why it looks once more: who counts adds first and then looks whether somebody
//! wants to be woken, with nothing that orders the two, because that would cost
//! each request a locked instruction. In the moment when the thread asks, both may
//! miss each other. A second later what was counted then can be seen, and whoever
//! counts now can see that somebody asked.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::Server;
use super::counters::{self, Sum};
use crate::units::{many, size};

const PERIOD: Duration = Duration::from_secs(1);

/// Starts the thread.
pub(super) fn start(server: Arc<Server>) -> io::Result<()> {
    thread::Builder::new()
        .name("figures".into())
        .spawn(move || watch(&server))
        .map(drop)
}

/// What the line is made of. What stays the same is not shown again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Snapshot {
    accepted: u64,
    open: usize,
    sum: Sum,
}

impl Snapshot {
    fn take(server: &Server) -> Self {
        Self {
            accepted: server.totals.accepted.load(Ordering::Relaxed),
            open: server.service.open(),
            sum: counters::sum(),
        }
    }
}

fn watch(server: &Server) {
    let mut before = Snapshot::default();
    let mut at = Instant::now();
    // Whether the line shows that something is going on.
    let mut lively = false;
    loop {
        counters::ask_to_be_woken();
        sleep(at + PERIOD);
        let asleep = counters::still_asked();
        let now = Instant::now();
        let snapshot = Snapshot::take(server);
        if snapshot != before || lively {
            server
                .console
                .show(&line(server, &before, &snapshot, now - at));
            lively = snapshot.sum != before.sum;
        } else if asleep {
            while counters::still_asked() {
                thread::park();
            }
        }
        before = snapshot;
        at = Instant::now();
    }
}

/// Sleeps whatever wakes the thread.
fn sleep(until: Instant) {
    while let Some(left @ 1..) = until
        .checked_duration_since(Instant::now())
        .map(|left| left.as_nanos())
    {
        thread::park_timeout(Duration::from_nanos(left as u64));
    }
}

/// How much a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) accepted: f64,
    pub(super) requests: f64,
    pub(super) bytes: f64,
    pub(super) forwarded: f64,
}

fn line(server: &Server, before: &Snapshot, now: &Snapshot, passed: Duration) -> String {
    let rate = |before: u64, now: u64| (now - before) as f64 / passed.as_secs_f64();
    let rates = Rates {
        accepted: rate(before.accepted, now.accepted),
        requests: rate(before.sum.requests, now.sum.requests),
        bytes: rate(before.sum.bytes, now.sum.bytes),
        forwarded: rate(before.sum.forwarded, now.sum.forwarded),
    };
    let mut line = format!(
        "{}, {}, {}",
        many(now.open as u64, "connection"),
        server.about.rates(&rates),
        many(server.runtime.tasks() as u64, "task"),
    );
    if let Some(bytes) = resident() {
        line += &format!(", {} resident", size(bytes as f64));
    }
    line
}

/// Resident memory in bytes, if the system says. (`statm` has it in pages, and how
/// long those are is not to be had from std.)
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_known() {
        assert!(resident().unwrap() > 100_000);
    }
}
