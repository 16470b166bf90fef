//! Sleeping until somebody rings, for scenes in which one thread sleeps.
//!
//! A bell carries no data: it neither releases nor acquires, so that what a word
//! publishes is published by the word alone. (The kernel, and the inbox that a
//! woken task comes through, would do it as well.) Loom knows no such sleep, so the
//! sleeper looks again and again; of two who do, each would only let the other run.

use std::sync::OnceLock;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread::Thread;

/// How often a sleeper looks up before it says that it was forgotten. Loom lets
/// the others run whenever it does.
const PATIENCE: usize = 40;

/// See the [module](self).
pub(crate) struct Bell(AtomicU32);

impl Bell {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn ring(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Sleeps until it rings, and takes the ring: exactly one.
    pub(crate) fn sleep(&self) {
        wait_until(|| self.0.load(Ordering::Relaxed) != 0);
        assert_eq!(self.0.swap(0, Ordering::Relaxed), 1, "it rang twice");
    }

    /// Takes the rings that were not slept for.
    pub(crate) fn take(&self) -> u32 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Lets the others run until something holds.
pub(crate) fn wait_until(holds: impl Fn() -> bool) {
    for _ in 0..PATIENCE {
        if holds() {
            return;
        }
        loom::thread::yield_now();
    }
    panic!("a sleeper was forgotten");
}

/// A bell for scenes in which several sleep.
///
/// Loom knows that its sleeper is blocked, and takes one that is never rung for a
/// deadlock. What was done before ringing is visible to who was rung: so it is with
/// an eventfd.
pub(crate) struct ParkedBell {
    rings: AtomicU32,
    sleeper: OnceLock<Thread>,
}

impl ParkedBell {
    pub(crate) fn new() -> Self {
        Self {
            rings: AtomicU32::new(0),
            sleeper: OnceLock::new(),
        }
    }

    pub(crate) fn ring(&self) {
        self.rings.fetch_add(1, Ordering::Relaxed);
        // Who has not slept yet finds the number.
        if let Some(sleeper) = self.sleeper.get() {
            sleeper.unpark();
        }
    }

    /// Sleeps until it rings, unless it has rung since the last time.
    pub(crate) fn sleep(&self) {
        self.sleeper.get_or_init(loom::thread::current);
        while self.rings.swap(0, Ordering::Relaxed) == 0 {
            loom::thread::park();
        }
    }
}
