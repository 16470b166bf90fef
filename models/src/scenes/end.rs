//! The end of a machine: whether every task has ended.
//!
//! The steps are those of netpoll's `Home::leave_fresh`, `Home::task_ended` and
//! `Home::all_ended`. A task that starts is a thread of its own; that passes on what
//! was done before, as a queue does.

use std::sync::Arc;

use loom::sync::atomic::AtomicU32;
use loom::thread::{self, JoinHandle};

use crate::Weakening;
use crate::atomic::{AtomicU64, Ordering};

struct Machine {
    homes: [Home; 3],
    /// The tasks that are left, in truth: nobody but the scene knows.
    left: AtomicU32,
}

struct Home {
    came: AtomicU64,
    ended: AtomicU64,
}

impl Home {
    fn new() -> Self {
        Self {
            came: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }

    fn task_comes(&self) {
        self.came.fetch_add(1, Ordering::Relaxed);
    }

    fn task_ended(&self) {
        let ended = self.ended.load(Ordering::Relaxed);
        self.ended.store(ended + 1, Ordering::Release);
    }
}

impl Machine {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            homes: [Home::new(), Home::new(), Home::new()],
            left: AtomicU32::new(0),
        })
    }

    /// Starts a task that comes to one home, and ends where it has been taken to.
    fn start(
        self: &Arc<Self>,
        [home, taken_to]: [usize; 2],
        body: impl FnOnce(&Arc<Self>) + 'static,
    ) -> JoinHandle<()> {
        self.left.fetch_add(1, Ordering::Relaxed);
        self.homes[home].task_comes();
        let this = self.clone();
        thread::spawn(move || {
            body(&this);
            this.left.fetch_sub(1, Ordering::Relaxed);
            this.homes[taken_to].task_ended();
        })
    }

    fn all_ended(&self) -> bool {
        let ended = || -> u64 {
            let each = self.homes.iter();
            each.map(|home| home.ended.load(Ordering::Acquire)).sum()
        };
        let came = || -> u64 {
            let each = self.homes.iter();
            each.map(|home| home.came.load(Ordering::Acquire)).sum()
        };
        if Weakening::Order.is_set() {
            let came = came();
            came == ended()
        } else {
            let ended = ended();
            came() == ended
        }
    }

    /// What a worker that has nothing to run does.
    fn look(&self) -> bool {
        let all_ended = self.all_ended();
        if all_ended {
            // Not a mere load, which may return what was there a while ago.
            assert_eq!(self.left.fetch_add(0, Ordering::Relaxed), 0, "one is left");
        }
        all_ended
    }
}

/// A task that starts another one on another home, which starts one where the first
/// came from, keeps the machine until the last has ended.
pub fn nobody_is_left() {
    let machine = Machine::new();
    machine.start([0, 0], |machine| {
        machine.start([1, 1], |machine| {
            machine.start([0, 2], |_| {});
        });
    });
    machine.look();
}

/// The same where each ends on another home than it came to.
pub fn nobody_who_moved_is_left() {
    let machine = Machine::new();
    machine.start([0, 1], |machine| {
        machine.start([1, 2], |machine| {
            machine.start([2, 0], |_| {});
        });
    });
    machine.look();
}

/// When the last one has ended, that is seen; also where two were started at once
/// for one home.
pub fn the_end_is_seen() {
    let machine = Machine::new();
    let first = machine.start([0, 0], |machine| {
        let other = machine.start([1, 1], |_| {});
        other.join().unwrap();
    });
    let second = machine.start([1, 2], |_| {});
    machine.look();
    first.join().unwrap();
    second.join().unwrap();
    assert!(machine.look(), "the end is missed");
}
