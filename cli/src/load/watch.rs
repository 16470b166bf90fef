//! How the main thread waits: for something to be done, for Ctrl-C, for the next
//! second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How often the progress is shown.
const TICK: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Watch {
    thread: Thread,
    interrupted: AtomicBool,
}

impl Watch {
    /// For the calling thread.
    pub(super) fn new() -> Self {
        Self {
            thread: thread::current(),
            interrupted: AtomicBool::new(false),
        }
    }

    /// Makes the thread look again.
    pub(super) fn ring(&self) {
        self.thread.unpark();
    }

    /// Ctrl-C.
    pub(super) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.ring();
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// Waits until it is done, or until then, and calls `tick` every second meanwhile.
    /// Who gets it done has to [ring](Self::ring).
    pub(super) fn wait(
        &self,
        until: Option<Instant>,
        done: impl Fn() -> bool,
        mut tick: impl FnMut(),
    ) {
        let mut next = Instant::now() + TICK;
        while !done() {
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                return;
            }
            if now >= next {
                tick();
                next += TICK;
            } else {
                let soonest = until.map_or(next, |until| until.min(next));
                thread::park_timeout(soonest - now);
            }
        }
    }
}
