//! What is counted for each request: on the thread that serves it, without a
//! locked instruction, in a cache line that no other thread writes.
//!
//! Tasks and handlers of one worker share its counters. They change them between two
//! waits, so no two do so at once, and loading, adding and storing loses nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;

/// One worker's.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
    forwarded: AtomicU64,
}

/// Those of all workers.
static ALL: Mutex<Vec<&'static Counters>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: &'static Counters = {
        let counters: &'static Counters = Box::leak(Box::default());
        all().push(counters);
        counters
    };
}

fn all() -> std::sync::MutexGuard<'static, Vec<&'static Counters>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sum over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// What was answered: frames, or what came at once.
    pub(super) requests: u64,
    /// Bytes sent back, to clients; or handed to the event loop for that.
    pub(super) bytes: u64,
    /// Bytes sent on, to targets.
    pub(super) forwarded: u64,
}

/// Adds up.
pub(super) fn sum() -> Sum {
    let mut sum = Sum::default();
    for counters in all().iter() {
        sum.requests += counters.requests.load(Ordering::Relaxed);
        sum.bytes += counters.bytes.load(Ordering::Relaxed);
        sum.forwarded += counters.forwarded.load(Ordering::Relaxed);
    }
    sum
}

fn add(counter: &AtomicU64, amount: u64) {
    // One writer; see the head.
    counter.store(counter.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
}

/// Counts requests.
pub(super) fn count_requests(requests: u64) {
    OWN.with(|own| add(&own.requests, requests));
    stir();
}

/// Counts bytes that were sent back.
pub(super) fn count_bytes(bytes: usize) {
    OWN.with(|own| add(&own.bytes, bytes as u64));
    stir();
}

/// Counts bytes that were sent on, and such that were sent back.
pub(super) fn count_moved(on: u64, back: u64) {
    OWN.with(|own| {
        add(&own.forwarded, on);
        add(&own.bytes, back);
    });
    stir();
}

/// Whether the thread that shows figures wants to be woken.
static ASLEEP: AtomicBool = AtomicBool::new(false);
static SLEEPER: OnceLock<Thread> = OnceLock::new();

/// Something happened that the figures show.
#[inline]
pub(super) fn stir() {
    // Unordered with what was counted just before: `figures` explains why that
    // does.
    if ASLEEP.load(Ordering::Relaxed) {
        wake();
    }
}

#[cold]
fn wake() {
    if ASLEEP.swap(false, Ordering::Relaxed)
        && let Some(thread) = SLEEPER.get()
    {
        thread.unpark();
    }
}

/// From now on whoever counts something wakes the calling thread, once. The same
/// thread at every call.
pub(super) fn ask_to_be_woken() {
    SLEEPER.get_or_init(std::thread::current);
    ASLEEP.store(true, Ordering::Relaxed);
}

/// Whether nobody has woken the thread that asked.
pub(super) fn still_asked() -> bool {
    ASLEEP.load(Ordering::Relaxed)
}
