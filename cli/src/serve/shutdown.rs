//! Signals, and what they start.
//!
//! 1. The first SIGINT or SIGTERM closes the listener and gives every open
//!    connection until the end of the grace period.
//! 2. Connections go on until their clients close, or the deadline comes: reading
//!    ends then, and what the socket still takes of the output is sent.
//! 3. When none is left the main thread says what there was, and the process ends.
//! 4. A second signal ends the process where it is.
//!
//! The thread that waits for signals writes nothing, so that nothing holds it up.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::Server;

/// The signals, handled from the moment this exists.
#[derive(Debug)]
pub(super) struct Signals(signal_hook::iterator::Signals);

/// The same signal twice within this long is one wish: `timeout` sends one to the
/// process and one to its group, terminals and supervisors one each.
const SAME_WISH: Duration = Duration::from_millis(50);

impl Signals {
    pub(super) fn register() -> io::Result<Self> {
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map(Self)
    }

    /// Waits for them on a thread.
    pub(super) fn watch(self, server: Arc<Server>) -> io::Result<()> {
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || self.obey(&server))
            .map(drop)
    }

    fn obey(mut self, server: &Server) {
        let mut first = None;
        for signal in self.0.forever() {
            match first {
                None => {
                    first = Some((signal, Instant::now()));
                    server.stop();
                }
                Some((same, at)) if same == signal && at.elapsed() < SAME_WISH => {}
                Some(_) => {
                    server.console.abandon();
                    std::process::exit(128 + signal);
                }
            }
        }
    }
}

impl Server {
    /// Begins to stop.
    fn stop(&self) {
        self.registry.set_deadline(Instant::now() + self.grace);
        self.listener.close();
        self.report.stop();
    }
}
