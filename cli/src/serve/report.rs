//! What tasks, handlers and the signal thread have to say, to the main thread.
//!
//! Whoever says something only puts it down: writing it may block, and must not
//! hold up a worker.

use std::collections::BTreeMap;
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
    /// What has failed, how often, and why it did the last time.
    failures: BTreeMap<String, (u64, String)>,
}

/// What there is to pass on.
#[derive(Debug)]
pub(super) enum News {
    /// The server stops.
    Stop,
    /// Lines about what has failed.
    Failures(Vec<String>),
}

impl Report {
    /// Something failed that somebody should know of. There are few things that can: they
    /// are kept until they are passed on.
    pub(super) fn failed(&self, what: &str, why: String) {
        let mut state = self.lock();
        let entry = state.failures.entry(what.to_owned()).or_default();
        *entry = (entry.0 + 1, why);
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
            .wait_while(self.lock(), |state| {
                !state.stop && state.failures.is_empty()
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.stop {
            return News::Stop;
        }
        let failures = std::mem::take(&mut state.failures);
        let line = |(what, (count, why))| match count {
            1 => format!("{what} failed: {why}"),
            _ => format!("{what} failed {count} times: {why}"),
        };
        News::Failures(failures.into_iter().map(line).collect())
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
