//! What is counted, once for each worker: there are as many histograms as workers,
//! however many connections there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

/// One worker's. Only its tasks write here, so the lock is free but for the moment
/// in which the figures are added up.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Tally {
    /// Measured requests that were begun.
    sent: AtomicU64,
    /// Requests that were answered, those of the warm-up included.
    answered: AtomicU64,
    /// Bytes that came back as they were sent, those of the warm-up included.
    bytes: AtomicU64,
    /// Requests that were due before the end, and never begun.
    behind: AtomicU64,
    /// When the last answer to a measured request came.
    last: AtomicU64,
    /// Nanoseconds, of measured requests.
    latencies: Mutex<Histogram<u64>>,
}

/// Longer than any answer takes; what is above counts as that.
const LONGEST: u64 = 3600 * 1_000_000_000;

/// Digits of a latency that are kept.
const DIGITS: u8 = 3;

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are right")
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            last: AtomicU64::new(0),
            latencies: Mutex::new(histogram()),
        }
    }

    pub(super) fn count_sent(&self, requests: u64) {
        self.sent.fetch_add(requests, Ordering::Relaxed);
    }

    pub(super) fn count_answered(&self, requests: u64) {
        self.answered.fetch_add(requests, Ordering::Relaxed);
    }

    pub(super) fn count_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_behind(&self, requests: u64) {
        self.behind.fetch_add(requests, Ordering::Relaxed);
    }

    /// For latencies of requests whose answers came now.
    pub(super) fn latencies(&self, now: u64) -> Latencies<'_> {
        self.last.fetch_max(now, Ordering::Relaxed);
        Latencies(self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes latencies.
pub(super) struct Latencies<'a>(MutexGuard<'a, Histogram<u64>>);

impl Latencies<'_> {
    pub(super) fn record(&mut self, nanoseconds: u64) {
        // A clock that stands still for a moment is no reason to count nothing.
        self.0.saturating_record(nanoseconds.max(1));
    }
}

/// What changes all the time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Live {
    pub(super) answered: u64,
    pub(super) bytes: u64,
}

impl Live {
    pub(super) fn of(tallies: &[impl AsRef<Tally>]) -> Self {
        let mut live = Self::default();
        for tally in tallies.iter().map(AsRef::as_ref) {
            live.answered += tally.answered.load(Ordering::Relaxed);
            live.bytes += tally.bytes.load(Ordering::Relaxed);
        }
        live
    }
}

/// The sums, at the end.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) bytes: u64,
    pub(super) behind: u64,
    pub(super) last: u64,
    pub(super) latencies: Histogram<u64>,
}

impl Totals {
    pub(super) fn of(tallies: &[impl AsRef<Tally>]) -> Self {
        let mut totals = Self {
            sent: 0,
            bytes: 0,
            behind: 0,
            last: 0,
            latencies: histogram(),
        };
        for tally in tallies.iter().map(AsRef::as_ref) {
            totals.sent += tally.sent.load(Ordering::Relaxed);
            totals.bytes += tally.bytes.load(Ordering::Relaxed);
            totals.behind += tally.behind.load(Ordering::Relaxed);
            totals.last = totals.last.max(tally.last.load(Ordering::Relaxed));
            let added = totals.latencies.add(&*tally.lock());
            added.expect("all histograms have the same bounds");
        }
        totals
    }
}
