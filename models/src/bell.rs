//! Sleeping until somebody rings, for scenes in which one thread sleeps.
//!
//! A bell carries no data: it neither releases nor acquires, so that what a word
//! publishes is published by the word alone. (The kernel, and the inbox that a
//! woken task comes through, would do it as well.) Loom knows no such sleep, so the
//! sleeper looks again and again; of two who do, each would only let the other run.

use loom::sync::atomic::{AtomicU32, Ordering};

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
