//! The servers.
//!
//! | file | idea |
//! |---|---|
//! | `echo` | accepting, and one connection, in blocking style |
//! | `registry` | which connections are open, so that a stop reaches them |
//! | `shutdown` | what the signals start |
//! | `report` | what tasks have to say, said by somebody who may block |
//! | `counters` | what is counted for each request |
//! | `figures` | the line a second |
//!
//! Who runs where: connections and the acceptor are tasks. The main thread writes
//! what they have to say, a thread waits for signals, another shows figures, and
//! all three sleep while nothing happens.

mod counters;
mod echo;
mod figures;
mod registry;
mod report;
mod shutdown;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netpoll::net::TcpListener;
use netpoll::{Builder, Runtime};

use crate::args::ServeEcho;
use crate::console::Console;
use crate::failure::{Failure, advised};
use crate::signals::Signals;
use crate::units::many;
use registry::Registry;
use report::{News, Report};

/// What all parts of a running server share.
struct Server {
    runtime: Runtime,
    listener: TcpListener,
    registry: Registry,
    report: Report,
    console: Console,
    totals: Totals,
    grace: Duration,
}

/// What happens rarely enough to be counted in one place.
#[derive(Debug, Default)]
struct Totals {
    accepted: AtomicU64,
    cut_off: AtomicU64,
    /// How often accepting, or starting a task for a connection, failed.
    failed: AtomicU64,
}

/// Whether to say what to try next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hints {
    Shown,
    Hidden,
}

/// How often tasks' complaints are passed on.
const COMPLAIN_EVERY: Duration = Duration::from_secs(1);

/// Tasks that are woken by the deadline of a stop get this long to notice.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs an echo server until it is told to stop.
pub(crate) fn echo(options: &ServeEcho, hints: Hints) -> Result<(), Failure> {
    let refused = |error| Failure::Listen(options.listen, error);
    let listener = TcpListener::bind(options.listen).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let signals = Signals::register().map_err(|error| Failure::Start("signal handling", error))?;
    let mut builder = Builder::new();
    if let Some(workers) = options.workers {
        builder = builder.workers(workers.get());
    }
    let runtime = builder
        .build()
        .map_err(|error| Failure::Start("the runtime", error))?;
    let server = Arc::new(Server {
        runtime,
        listener,
        registry: Registry::default(),
        report: Report::default(),
        console: Console::new(),
        totals: Totals::default(),
        grace: options.grace,
    });
    shutdown::watch(signals, &server)
        .map_err(|error| Failure::Start("a thread for signals", error))?;
    if !options.quiet {
        figures::start(Arc::clone(&server))
            .map_err(|error| Failure::Start("a thread for the figures", error))?;
    }
    let acceptor = echo::start(&server).map_err(|error| Failure::Start("a task", error))?;

    let workers = many(server.runtime.workers() as u64, "worker");
    let console = &server.console;
    console.say(&format!("listening on {address} (echo, {workers})"));
    if hints == Hints::Shown {
        console.say(&format!(
            "  try it      nc {} {}\n  options     netpoll --help\n  stop        Ctrl-C",
            address.ip(),
            address.port()
        ));
    }

    server.pass_on_news();
    if acceptor.join().is_err() {
        return Err(Failure::Bug);
    }
    server.finish();
    Ok(())
}

impl Server {
    /// Writes what tasks report, until the server stops.
    fn pass_on_news(&self) {
        loop {
            match self.report.wait() {
                News::Stop => return,
                News::Failures(count, error) => {
                    let times = match count {
                        1 => String::new(),
                        _ => format!(" {count} times"),
                    };
                    self.console
                        .complain(&format!("accepting failed{times}: {}", advised(&error)));
                }
            }
            if self.report.stops_within(COMPLAIN_EVERY) {
                return;
            }
        }
    }

    /// Waits for the open connections, and says what there was in all.
    fn finish(&self) {
        let open = self.registry.open();
        if open > 0 {
            self.console.say(&format!(
                "stopping: {} open, for at most {} s; again to stop at once",
                many(open as u64, "connection"),
                self.grace.as_secs()
            ));
        }
        let left = self.registry.wait_until_empty(LAST_WORDS);
        self.console.end_live();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.console.say(&format!(
            "stopped: {} accepted, {} echoed, {} cut off, {} to accept",
            many(count(&self.totals.accepted), "connection"),
            many(counters::sum().bytes, "byte"),
            count(&self.totals.cut_off) + left as u64,
            many(count(&self.totals.failed), "failure"),
        ));
    }
}
