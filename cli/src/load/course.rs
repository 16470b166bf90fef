//! The course of a load: when it starts, what of it is measured, when it is over.
//!
//! ```text
//!  begin              warm-up over                    over
//!    |---- warm-up ------|---------- measured ----------|--- last answers ---|
//!    0
//! ```
//!
//! Moments are in nanoseconds after the start. A request belongs to where it was due,
//! wherever its answer comes.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::watch::Watch;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Course {
    start: OnceLock<Instant>,
    warm_up: u64,
    /// When it is over, if that is known in advance.
    end: Option<u64>,
    /// How many requests may still be measured, if that is bounded.
    tickets: Option<AtomicU64>,
    stopped: AtomicBool,
    /// Connections that have not come to their end.
    open: AtomicUsize,
    watch: Arc<Watch>,
}

impl Course {
    pub(super) fn new(plan: &Plan, connections: usize, watch: Arc<Watch>) -> Self {
        Self {
            start: OnceLock::new(),
            warm_up: nanoseconds(plan.warm_up),
            end: plan
                .duration()
                .map(|length| nanoseconds(plan.warm_up + length)),
            tickets: plan.requests.map(AtomicU64::new),
            stopped: AtomicBool::new(false),
            open: AtomicUsize::new(connections),
            watch,
        }
    }

    /// Starts the clock.
    pub(super) fn begin(&self) {
        self.start.get_or_init(Instant::now);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.start.get().is_some()
    }

    /// What time it is; zero before the start.
    pub(super) fn now(&self) -> u64 {
        self.start
            .get()
            .map_or(0, |start| nanoseconds(start.elapsed()))
    }

    /// When the warm-up ends.
    pub(super) fn warm_up(&self) -> u64 {
        self.warm_up
    }

    /// When it ends, if that is known in advance.
    pub(super) fn end(&self) -> Option<u64> {
        self.end
    }

    /// The same, once it has begun, as the main thread's clock has it.
    pub(super) fn end_of_clock(&self) -> Option<Instant> {
        let end = Duration::from_nanos(self.end?);
        self.start.get()?.checked_add(end)
    }

    /// Whether a request that is due then is measured.
    pub(super) fn measures(&self, due: u64) -> bool {
        due >= self.warm_up
    }

    /// Takes the right to so many measured requests, or to fewer, if no more are left.
    pub(super) fn take_tickets(&self, wanted: u64) -> u64 {
        let Some(tickets) = &self.tickets else {
            return wanted;
        };
        let left = tickets.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left.saturating_sub(wanted))
        });
        left.unwrap_or_else(|left| left).min(wanted)
    }

    /// Ends it before its time. Whoever waits has to be woken.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether no request is begun any more at this moment.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.stopped.load(Ordering::Acquire) || self.end.is_some_and(|end| now >= end)
    }

    /// A connection has come to its end.
    pub(super) fn leave(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.watch.ring();
        }
    }

    /// How many connections have not come to their end.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
