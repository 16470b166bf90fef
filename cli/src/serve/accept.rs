//! Accepting connections, and a task for each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netpoll::io::Closed;
use netpoll::thread::{self, JoinHandle};

use super::registry::Ticket;
use super::stream::Stream;
use super::{Outcome, Server, counters};
use crate::failure::advised;

/// The rest that the acceptor takes after each failure. Without descriptors
/// `accept` rests by itself; this is for failures that nobody has thought of.
const REST: Duration = Duration::from_millis(1);

/// Starts to accept connections, on a task.
pub(super) fn start(server: &Arc<Server>) -> io::Result<JoinHandle<()>> {
    let task = Arc::clone(server);
    thread::Builder::new()
        .name("acceptor".into())
        .spawn_on(&server.runtime, move || accept(&task))
}

/// Accepts until the listener is closed.
fn accept(server: &Arc<Server>) {
    loop {
        match Stream::accept(&server.listener).and_then(|stream| serve(server, stream)) {
            Ok(()) => {}
            Err(error) if Closed::is_cause_of(&error) => return,
            Err(error) => {
                server.totals.failed.fetch_add(1, Ordering::Relaxed);
                server.report.failed("accepting", advised(&error));
                thread::sleep(REST);
            }
        }
    }
}

/// Starts a task for a connection.
fn serve(server: &Arc<Server>, stream: Stream) -> io::Result<()> {
    let connection = Connection {
        ticket: server.registry.enter(&stream)?,
        server: Arc::clone(server),
        stream,
    };
    thread::Builder::new().spawn(move || connection.run())?;
    server.totals.accepted.fetch_add(1, Ordering::Relaxed);
    counters::stir();
    Ok(())
}

/// A connection that the registry knows of until it is dropped.
pub(super) struct Connection {
    pub(super) server: Arc<Server>,
    pub(super) ticket: Ticket,
    pub(super) stream: Stream,
}

impl Connection {
    fn run(self) {
        if self.server.service.serve(&self) == Outcome::CutOff {
            self.server.totals.cut_off.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.server.registry.leave(&self.ticket);
        counters::stir();
    }
}
