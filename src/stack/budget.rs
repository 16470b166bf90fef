//! The counts behind [permits](super::permit): how many stacks fit below
//! `vm.max_map_count`, how many there are, and how many are promised.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sys::memory;

/// How many idle stacks a pool keeps where guards cost mappings.
pub(super) const HOARD: usize = 64;

/// How many stacks fit, and how many there are. The counters are relaxed: each
/// is a number by itself, and the stacks are handed over by other means.
#[derive(Debug)]
pub(super) struct Budget {
    limits: OnceLock<Limits>,
    /// Permits out.
    live: AtomicUsize,
    /// Stacks with a guard that costs mappings.
    cut: AtomicUsize,
    pools: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    max_map_count: usize,
    stacks: usize,
}

impl Limits {
    fn new(max_map_count: usize, in_use: usize) -> Limits {
        let headroom = max_map_count / 16;
        Limits {
            max_map_count,
            stacks: max_map_count.saturating_sub(in_use + headroom) / 2,
        }
    }

    fn read() -> Limits {
        // Without /proc: the kernel's default, and what a program of some size
        // has mapped.
        Limits::new(
            memory::max_mappings().unwrap_or(65_530),
            memory::mappings().unwrap_or(1_000),
        )
    }
}

impl Budget {
    pub(super) const fn new() -> Budget {
        Budget {
            limits: OnceLock::new(),
            live: AtomicUsize::new(0),
            cut: AtomicUsize::new(0),
            pools: AtomicUsize::new(0),
        }
    }

    /// A budget of so many stacks.
    #[cfg(test)]
    pub(super) fn of(stacks: usize) -> Budget {
        let budget = Budget::new();
        let max_map_count = 65_530;
        let limits = Limits {
            max_map_count,
            stacks,
        };
        budget.limits.set(limits).unwrap();
        budget
    }

    fn limits(&self) -> Limits {
        *self.limits.get_or_init(Limits::read)
    }

    /// Counts a permit, if it fits.
    pub(super) fn admit(&self) -> io::Result<()> {
        let hoards = HOARD * self.pools.load(Ordering::Relaxed);
        let most = self.limits().stacks.saturating_sub(hoards);
        let live = self.live.fetch_add(1, Ordering::Relaxed);
        if live < most {
            return Ok(());
        }
        self.leave();
        Err(self.exhausted(live))
    }

    /// Stops counting a permit.
    pub(super) fn leave(&self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a stack that is about to be cut, if it fits.
    pub(super) fn charge(&self) -> io::Result<()> {
        let cut = self.cut.fetch_add(1, Ordering::Relaxed);
        if cut < self.limits().stacks {
            return Ok(());
        }
        self.refund();
        Err(self.exhausted(cut))
    }

    /// Counts a stack that turned out to need it.
    pub(super) fn charge_late(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// Stops counting a stack that was not cut after all.
    pub(super) fn refund(&self) {
        self.cut.fetch_sub(1, Ordering::Relaxed);
    }

    /// The error of an `mprotect` that found no mapping left.
    pub(super) fn out_of_mappings(&self) -> io::Error {
        self.exhausted(self.cut())
    }

    pub(super) fn cut(&self) -> usize {
        self.cut.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    pub(super) fn pool_opened(&self) {
        self.pools.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pool_closed(&self) {
        self.pools.fetch_sub(1, Ordering::Relaxed);
    }

    #[cold]
    fn exhausted(&self, live: usize) -> io::Error {
        let limit = self.limits().max_map_count;
        let more = limit.saturating_mul(4);
        let text = format!(
            "no room for another stack: {live} stacks live, each takes two memory mappings \
             (without MADV_GUARD_INSTALL of Linux 6.13), and vm.max_map_count is {limit}; \
             raise it with `sysctl -w vm.max_map_count={more}`"
        );
        io::Error::new(io::ErrorKind::OutOfMemory, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_a_stack_and_headroom_for_the_rest() {
        assert_eq!(Limits::new(65_530, 100).stacks, 30_667);
        assert_eq!(Limits::new(65_530, 70_000).stacks, 0);
        assert!(Limits::read().stacks > 100);
    }

    #[test]
    fn permits_end_at_the_cap_and_say_how_to_raise_it() {
        let budget = Budget::of(2);
        budget.admit().unwrap();
        budget.admit().unwrap();
        let error = budget.admit().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let text = error.to_string();
        for part in [
            "2 stacks live",
            "vm.max_map_count is 65530",
            "`sysctl -w vm.max_map_count=262120`",
        ] {
            assert!(text.contains(part), "{text}");
        }
        budget.leave();
        budget.admit().unwrap();
        assert_eq!(budget.live(), 2);
    }

    #[test]
    fn a_pool_takes_its_hoard_off_the_permits() {
        let budget = Budget::of(2 * HOARD + 1);
        budget.pool_opened();
        budget.pool_opened();
        budget.admit().unwrap();
        budget.admit().unwrap_err();
        budget.pool_closed();
        budget.admit().unwrap();
    }
}
