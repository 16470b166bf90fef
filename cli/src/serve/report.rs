//! What tasks and the signal thread have to say, to the main thread.
//!
//! Whoever says something only puts it down: writing it may block, and must not
//! hold up a worker.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Report {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    failures: u64,
    last: Option<io::Error>,
}

/// What there is to pass on.
#[derive(Debug)]
pub(super) enum News {
    /// The server stops.
    Stop,
    /// So many connections could not be served, the last of them because of this.
    Failures(u64, io::Error),
}

impl Report {
    /// A connection could not be accepted, or not be served.
    pub(super) fn failed(&self, error: io::Error) {
        let mut state = self.lock();
        state.failures += 1;
        state.last = Some(error);
        self.changed.notify_all();
    }

    /// The server stops.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// Waits for news.
    pub(super) fn wait(&self) -> News {
        let mut state = self
            .changed
            .wait_while(self.lock(), |state| !state.stop && state.last.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        match state.last.take() {
            Some(error) if !state.stop => {
                News::Failures(std::mem::take(&mut state.failures), error)
            }
            _ => News::Stop,
        }
    }

    /// Waits this long, or until the server stops; returns whether it does.
    pub(super) fn stops_within(&self, length: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), length, |state| !state.stop)
            .unwrap_or_else(PoisonError::into_inner);
        state.stop
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
