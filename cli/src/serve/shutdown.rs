//! What the signals start.
//!
//! 1. The first SIGINT or SIGTERM closes the listener, and sets the end of the grace
//!    period as the deadline of the open connections.
//! 2. What they may still do depends on what holds them:
//!    - With a task for each, they go on until their clients close, or the deadline
//!      comes: reading ends then, and what the socket still takes of the output is sent.
//!      (A proxy does not know where a request ends: to it, each that is open is in the
//!      middle of one.)
//!    - In an event loop, those end at once of which nothing was received that was not
//!      answered. The others are waited for, until they are answered, or the deadline
//!      comes: what a client has begun to send, and what it has not taken yet.
//!
//!    Those count as cut off at the deadline of which something has come that is not
//!    answered, or that have not taken all of their answers.
//! 3. When none is left the main thread says what there was, and the process ends.
//! 4. A second signal ends the process where it is.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::Server;
use crate::signals::Signals;

/// Obeys the signals from now on.
pub(super) fn watch(signals: Signals, server: &Arc<Server>) -> io::Result<()> {
    let (stopped, abandoned) = (Arc::clone(server), Arc::clone(server));
    signals.watch(move || stopped.stop(), move || abandoned.console.abandon())
}

impl Server {
    /// Begins to stop.
    fn stop(&self) {
        self.service.stop(Instant::now() + self.grace);
        self.listener.close();
        self.report.stop();
    }
}
