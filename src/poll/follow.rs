//! When a registration moves to the worker that uses it.
//!
//! A socket is registered with the worker whose task first waited on it. If tasks
//! of another worker wait on it from then on (it was accepted, or dialled, here and
//! is served there), each event costs a wake-up of another thread. So after
//! [`ENOUGH`] waits in a row from one other worker, the registration moves there.
//! A socket that is used from everywhere stays where it is.

use std::sync::atomic::{AtomicU32, Ordering};

/// Waits in a row. Moving costs two system calls, a wake-up of a thread that sleeps
/// about as much, so this pays after a few and does not swing to and fro.
const ENOUGH: u32 = 8;

/// Who waited last, from another worker than the one that watches, and how often
/// in a row.
///
/// ```text
///  31                       8 7     0
/// +--------------------------+-------+
/// | number of its poller + 1 | waits |
/// +--------------------------+-------+
/// ```
///
/// Waits of several tasks at once may be lost count of, which only delays the move.
pub(super) struct Streak(AtomicU32);

impl Streak {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// A task of the worker that watches has waited.
    #[inline]
    pub(super) fn end(&self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }

    /// A task of another worker has waited. Returns whether that has now come often
    /// enough in a row.
    pub(super) fn count(&self, poller: u32) -> bool {
        let who = (poller + 1) << 8;
        let before = self.0.load(Ordering::Relaxed);
        let waits = if before & !0xff == who {
            (before & 0xff) + 1
        } else {
            1
        };
        let enough = waits >= ENOUGH;
        self.0
            .store(if enough { 0 } else { who | waits }, Ordering::Relaxed);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::{ENOUGH, Streak};

    #[test]
    fn only_a_streak_of_one_worker_is_enough() {
        let streak = Streak::new();
        for _ in 0..100 {
            assert!(!streak.count(1));
            assert!(!streak.count(2));
        }
        for _ in 1..ENOUGH {
            assert!(!streak.count(3));
        }
        assert!(streak.count(3));
        for _ in 1..ENOUGH {
            assert!(!streak.count(3));
        }
        streak.end();
        assert!(!streak.count(3));
    }
}
