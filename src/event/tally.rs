//! What is counted of an event loop, on all workers.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::remote::{Remote, lock};
use crate::task::{Outcome, Reason, Time, Wait, WaitList};

/// What an event loop has, on all workers.
#[derive(Default)]
pub(super) struct Tally {
    /// Its part of each worker.
    parts: OnceLock<Weak<Parts>>,
    /// How many of the workers get new connections, if not all.
    serving: AtomicUsize,
    /// Whether connections are to stay where they were placed.
    pub(super) stays: AtomicBool,
    live: AtomicUsize,
    pub(super) accepted: AtomicU64,
    pub(super) stalled: AtomicU64,
    pub(super) moved: AtomicU64,
    waiters: Mutex<WaitList>,
}

/// An event loop's part of each worker.
pub(super) type Parts = [Arc<Remote>];

impl Tally {
    pub(super) fn set_parts(&self, parts: &Arc<Parts>) {
        let _ = self.parts.set(Arc::downgrade(parts));
    }

    /// Its part of each worker; none where there is but one part.
    pub(super) fn parts(&self) -> Option<Arc<Parts>> {
        self.parts.get()?.upgrade()
    }

    pub(super) fn set_serving(&self, workers: usize) {
        self.serving.store(workers.max(1), Ordering::Relaxed);
    }

    /// Those of the workers that get new connections.
    pub(super) fn serving<'a>(&self, parts: &'a Parts) -> &'a Parts {
        match self.serving.load(Ordering::Relaxed) {
            0 => parts,
            serving => &parts[..serving.min(parts.len())],
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// Waits until there is none. Returns whether there is none.
    pub(super) fn wait_for_none(&self, deadline: Time) -> bool {
        loop {
            let wait = {
                let mut waiters = lock(&self.waiters);
                if self.live() == 0 {
                    return true;
                }
                if deadline.is_past() {
                    return false;
                }
                let wait = Wait::begin(Reason::Condition);
                waiters.push(wait.waker());
                wait
            };
            let waker = wait.waker();
            wait.park(deadline);
            lock(&self.waiters).remove(waker);
        }
    }
}

/// A connection that counts, in its event loop and on its worker, as long as this is there.
pub(super) struct Counted {
    remote: Arc<Remote>,
}

impl Counted {
    pub(super) fn new(remote: &Arc<Remote>) -> Self {
        remote.connections.fetch_add(1, Ordering::Relaxed);
        remote.tally.live.fetch_add(1, Ordering::Relaxed);
        Self {
            remote: Arc::clone(remote),
        }
    }

    pub(super) fn remote(&self) -> &Arc<Remote> {
        &self.remote
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.remote.connections.fetch_sub(1, Ordering::Relaxed);
        let tally = &self.remote.tally;
        if tally.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            lock(&tally.waiters).wake_all(Outcome::Woken);
        }
    }
}
