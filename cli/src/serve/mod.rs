//! The servers.
//!
//! | file | idea |
//! |---|---|
//! | `accept` | accepting, and a task for each connection |
//! | `stream` | a connection of either network |
//! | `echo` | what comes in goes back |
//! | `proxy/` | what comes in goes on to another server, and what that says goes back |
//! | `registry` | which connections are open, so that a stop reaches them |
//! | `shutdown` | what the signals start |
//! | `report` | what tasks have to say, said by somebody who may block |
//! | `counters` | what is counted for each request |
//! | `figures` | the line a second |
//!
//! Who runs where: connections and the acceptor are tasks. The main thread writes
//! what they have to say, a thread waits for signals, another shows figures, and
//! all three sleep while nothing happens.

mod accept;
mod counters;
mod echo;
mod figures;
mod proxy;
mod registry;
mod report;
mod shutdown;
mod stream;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netpoll::net::{Listener, TcpListener, resolve_unix_addr};
use netpoll::os::unix::net::UnixListener;
use netpoll::{Builder, Runtime};

use crate::args::{ServeEcho, ServeProxy, Serving};
use crate::console::Console;
use crate::failure::Failure;
use crate::place::Place;
use crate::signals::Signals;
use crate::units::many;
use accept::Connection;
use counters::Sum;
use figures::Rates;
use registry::Registry;
use report::{News, Report};

/// What all parts of a running server share.
struct Server {
    service: Box<dyn Service>,
    runtime: Runtime,
    listener: Listener,
    registry: Registry,
    report: Report,
    console: Console,
    totals: Totals,
    grace: Duration,
}

/// What a server does with its connections.
trait Service: Send + Sync {
    /// What it is, in a few words.
    fn name(&self) -> String;

    /// Serves a connection to its end, on its task.
    fn serve(&self, connection: &Connection) -> Outcome;

    /// What the line a second says, beside what it says of all servers.
    fn rates(&self, rates: &Rates) -> String;

    /// What the last line says.
    fn totals(&self, sum: &Sum) -> String;

    /// What is said before that.
    fn details(&self) -> Vec<String> {
        Vec::new()
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// By itself.
    Ended,
    /// By the deadline of a stop.
    CutOff,
}

/// Whether this is the deadline that a stop sets, and not a connection that timed
/// out by itself.
fn is_deadline(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut
        && error.raw_os_error().is_none()
        && error.get_ref().is_none()
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
    run(&options.serving, Box::new(echo::Echo), hints)
}

/// Runs a proxy until it is told to stop.
pub(crate) fn proxy(options: ServeProxy) -> Result<(), Failure> {
    let service = Box::new(proxy::Proxy::new(&options));
    run(&options.serving, service, Hints::Hidden)
}

fn run(options: &Serving, service: Box<dyn Service>, hints: Hints) -> Result<(), Failure> {
    let refused = |error| Failure::Listen(options.listen.clone(), error);
    let (listener, address) = listen(&options.listen).map_err(refused)?;
    let signals = Signals::register().map_err(|error| Failure::Start("signal handling", error))?;
    let mut builder = Builder::new();
    if let Some(workers) = options.workers {
        builder = builder.workers(workers.get());
    }
    let runtime = builder
        .build()
        .map_err(|error| Failure::Start("the runtime", error))?;
    let server = Arc::new(Server {
        service,
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
    let acceptor = accept::start(&server).map_err(|error| Failure::Start("a task", error))?;

    let workers = many(server.runtime.workers() as u64, "worker");
    let console = &server.console;
    let name = server.service.name();
    console.say(&format!("listening on {address} ({name}, {workers})"));
    if hints == Hints::Shown {
        console.say(&format!(
            "  try it      nc {}\n  options     netpoll --help\n  stop        Ctrl-C",
            address.to_string().replace(':', " ")
        ));
    }

    server.pass_on_news();
    if acceptor.join().is_err() {
        return Err(Failure::Bug);
    }
    server.finish();
    Ok(())
}

/// Listens; tells where, with the port that the system has chosen.
fn listen(place: &Place) -> io::Result<(Listener, Place)> {
    match place {
        Place::Tcp(address) => {
            let listener = TcpListener::bind(address)?;
            let address = listener.local_addr()?.to_string();
            Ok((Listener::Tcp(listener), Place::Tcp(address)))
        }
        Place::Unix(path) => {
            let listener = UnixListener::bind_addr(&resolve_unix_addr(path)?)?;
            listener.set_unlink_on_close(true)?;
            Ok((Listener::Unix(listener), place.clone()))
        }
    }
}

impl Server {
    /// Writes what tasks report, until the server stops.
    fn pass_on_news(&self) {
        loop {
            match self.report.wait() {
                News::Stop => return,
                News::Failures(lines) => {
                    for line in lines {
                        self.console.complain(&line);
                    }
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
        for line in self.service.details() {
            self.console.say(&line);
        }
        self.console.say(&format!(
            "stopped: {} accepted, {}, {} cut off, {} to accept",
            many(count(&self.totals.accepted), "connection"),
            self.service.totals(&counters::sum()),
            count(&self.totals.cut_off) + left as u64,
            many(count(&self.totals.failed), "failure"),
        ));
    }
}
