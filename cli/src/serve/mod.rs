//! The servers.
//!
//! | file | idea |
//! |---|---|
//! | `accept` | accepting connections |
//! | `stream` | a connection of either network |
//! | `tasks` | a task for each connection |
//! | `registry` | which of these are open, so that a stop reaches them |
//! | `handlers` | an event loop for all of them |
//! | `echo/` | what comes in goes back; by either |
//! | `proxy/` | what comes in goes on to another server, and what that says goes back; by tasks |
//! | `linger` | ending one without a reset |
//! | `shutdown` | what the signals start |
//! | `report` | what tasks have to say, said by somebody who may block |
//! | `counters` | what is counted for each request |
//! | `figures` | the line a second |
//!
//! Who runs where: the acceptor is a task, and connections are tasks, or belong to the
//! workers' event loop. The main thread writes what they have to say, a thread waits for
//! signals, another shows figures, and all three sleep while nothing happens.

mod accept;
mod counters;
mod echo;
mod figures;
mod handlers;
mod linger;
mod proxy;
mod registry;
mod report;
mod shutdown;
mod stream;
mod tasks;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netpoll::net::{Listener, TcpListener, resolve_unix_addr};
use netpoll::os::unix::net::UnixListener;
use netpoll::{Builder, Runtime};

use crate::args::{ServeEcho, ServeProxy, Serving};
use crate::console::Console;
use crate::failure::Failure;
use crate::place::Place;
use crate::signals::Signals;
use crate::units::many;
use counters::Sum;
use echo::Echo;
use figures::Rates;
use proxy::Proxy;
use report::{News, Report};
use stream::Stream;
use tasks::Tasks;

/// What all parts of a running server share.
struct Server {
    about: Arc<dyn About>,
    service: Arc<dyn Service>,
    runtime: Runtime,
    listener: Listener,
    report: Arc<Report>,
    console: Console,
    totals: Totals,
    grace: Duration,
}

/// What there is to say about a server.
trait About: Send + Sync {
    /// What it is, in a few words.
    fn name(&self) -> String;

    /// What the line a second says, beside what it says of all servers.
    fn rates(&self, rates: &Rates) -> String;

    /// What the last line says.
    fn totals(&self, sum: &Sum) -> String;

    /// What is said before that.
    fn details(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What has the connections, from their beginning to their end.
trait Service: Send + Sync {
    /// Takes one that was accepted, on the acceptor's task. Does not wait.
    fn admit(&self, stream: Stream) -> io::Result<()>;

    /// How many there are.
    fn open(&self) -> usize;

    /// The server stops: they have until then. Does not wait.
    fn stop(&self, deadline: Instant);

    /// Waits until none is left, after the server was stopped, and none is accepted any
    /// more. Returns how many were cut off at the deadline: closed although something had
    /// come that was not answered, or was to be sent that was not taken.
    fn wait(&self) -> u64;
}

/// What happens rarely enough to be counted in one place.
#[derive(Debug, Default)]
struct Totals {
    accepted: AtomicU64,
    /// How often accepting, or finding somebody who serves it, failed.
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

/// Runs an echo server until it is told to stop.
pub(crate) fn echo(options: &ServeEcho, hints: Hints) -> Result<(), Failure> {
    let report = Arc::default();
    let echo = Echo::new(options);
    let service = echo.service(&report);
    run(&options.serving, Arc::new(echo), service, report, hints)
}

/// Runs a proxy until it is told to stop.
pub(crate) fn proxy(options: &ServeProxy) -> Result<(), Failure> {
    let report = Arc::default();
    let proxy = Arc::new(Proxy::new(options, Arc::clone(&report)));
    let about = Arc::clone(&proxy);
    let service = Arc::new(Tasks::new(move |connection| proxy.serve(connection)));
    run(&options.serving, about, service, report, Hints::Hidden)
}

fn run(
    options: &Serving,
    about: Arc<dyn About>,
    service: Arc<dyn Service>,
    report: Arc<Report>,
    hints: Hints,
) -> Result<(), Failure> {
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
        about,
        service,
        runtime,
        listener,
        report,
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
    let name = server.about.name();
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
        let open = self.service.open();
        let stopping = || {
            if open > 0 {
                self.console.say(&format!(
                    "stopping: {} open, for at most {} s; again to stop at once",
                    many(open as u64, "connection"),
                    self.grace.as_secs()
                ));
            }
        };
        // Saying it may take as long as whoever reads it likes.
        let cut_off = thread::scope(|scope| {
            let _ = thread::Builder::new().spawn_scoped(scope, stopping);
            self.service.wait()
        });
        self.console.end_live();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        for line in self.about.details() {
            self.console.say(&line);
        }
        self.console.say(&format!(
            "stopped: {} accepted, {}, {cut_off} cut off, {} to accept",
            many(count(&self.totals.accepted), "connection"),
            self.about.totals(&counters::sum()),
            many(count(&self.totals.failed), "failure"),
        ));
    }
}
