//! Accepting connections.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netpoll::io::Closed;
use netpoll::thread::{self, JoinHandle};

use super::stream::Stream;
use super::{Server, counters};
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
fn accept(server: &Server) {
    loop {
        let accepted = Stream::accept(&server.listener);
        match accepted.and_then(|stream| server.service.admit(stream)) {
            Ok(()) => {
                server.totals.accepted.fetch_add(1, Ordering::Relaxed);
                counters::stir();
            }
            Err(error) if Closed::is_cause_of(&error) => return,
            Err(error) => {
                server.totals.failed.fetch_add(1, Ordering::Relaxed);
                server.report.failed("accepting", advised(&error));
                thread::sleep(REST);
            }
        }
    }
}
