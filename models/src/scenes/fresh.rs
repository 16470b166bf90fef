//! Tasks that have not started: left for one worker, taken by any.
//!
//! The steps are those of netpoll's `Home` and of its workers' loop; the inbox is the
//! file that is shipped. A worker here takes from the other whenever it finds
//! something. Netpoll's may leave it, which comes to the same as having looked a
//! moment earlier.
//!
//! Their queue is a set, of which is known that each number is taken once, with what
//! was done before it was put there, and no more: above all, who looks whether it is
//! empty may see what was there a while ago. (A queue under a lock would be a fence.)

use std::sync::Arc;

use loom::sync::atomic::AtomicU32;
use loom::thread;

use crate::Weakening;
use crate::atomic::{Ordering, Turns, fence};
use crate::bell::ParkedBell;
use crate::data::Data;
use crate::task::Inbox;

struct Machine {
    homes: [Home; 2],
    /// What each task is, and whether it has started.
    tasks: [Data; 2],
    started: AtomicU32,
}

struct Home {
    inbox: Inbox,
    bell: ParkedBell,
    fresh: Fresh,
}

struct Fresh(AtomicU32, Turns);

const LEFT: u32 = 1;
const STARTED: u32 = 2;

impl Fresh {
    fn push(&self, number: u32) {
        self.0.fetch_or(1 << number, Ordering::Release);
    }

    fn pop(&self) -> Option<u32> {
        self.1.take();
        let mut set = self.0.load(Ordering::Relaxed);
        while set != 0 {
            match self.0.compare_exchange(
                set,
                set & (set - 1),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(set.trailing_zeros()),
                Err(now) => set = now,
            }
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.1.take();
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Home {
    fn new() -> Self {
        Self {
            inbox: Inbox::new(),
            bell: ParkedBell::new(),
            fresh: Fresh(AtomicU32::new(0), Turns::new()),
        }
    }

    fn leave_fresh(&self, number: u32) {
        self.fresh.push(number);
        fence(Ordering::SeqCst);
        if Weakening::Rouse.is_set() {
            return;
        }
        if self.inbox.is_asleep() && self.inbox.rouse() {
            self.bell.ring();
        }
    }

    fn fall_asleep(&self) -> bool {
        if !self.inbox.fall_asleep() {
            return false;
        }
        fence(Ordering::SeqCst);
        Weakening::Look.is_set() || self.fresh.is_empty() || !self.inbox.rouse()
    }

    fn wake_up(&self) {
        self.inbox
            .take(|_| unreachable!(), |_| unreachable!("nothing was sent"));
    }
}

impl Machine {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            homes: [Home::new(), Home::new()],
            tasks: [Data::new(), Data::new()],
            started: AtomicU32::new(0),
        })
    }

    fn leave_fresh(&self, home: usize, number: u32) {
        self.tasks[number as usize].write(LEFT);
        self.homes[home].leave_fresh(number);
    }

    fn start(&self, number: u32) {
        let task = &self.tasks[number as usize];
        assert_eq!(task.read(), LEFT, "it starts once");
        task.write(STARTED);
        // The last one lets the workers end.
        if self.started.fetch_add(1, Ordering::Relaxed) + 1 == self.tasks.len() as u32 {
            self.homes.iter().for_each(|home| home.bell.ring());
        }
    }

    fn all_started(&self) -> bool {
        // Not a mere load, which may return what was there a while ago.
        self.started.fetch_add(0, Ordering::Relaxed) == self.tasks.len() as u32
    }

    /// The loop of a worker.
    fn work(&self, own: usize) {
        let (home, other) = (&self.homes[own], &self.homes[1 - own]);
        while !self.all_started() {
            if let Some(number) = home.fresh.pop().or_else(|| other.fresh.pop()) {
                self.start(number);
            } else if home.fall_asleep() {
                home.bell.sleep();
                home.wake_up();
            }
        }
    }

    fn worker(self: &Arc<Self>, own: usize) -> thread::JoinHandle<()> {
        let this = self.clone();
        thread::spawn(move || this.work(own))
    }

    /// Two workers, and one outside that leaves two tasks, at these homes.
    fn run(homes: [usize; 2]) {
        let machine = Self::new();
        let workers = [0, 1].map(|own| machine.worker(own));
        for (number, home) in (0..).zip(homes) {
            machine.leave_fresh(home, number);
        }
        for worker in workers {
            worker.join().unwrap();
        }
        for task in &machine.tasks {
            assert_eq!(task.read(), STARTED);
        }
    }
}

/// Of two tasks that are left for one worker each starts once, here or there, and
/// none is left while everybody sleeps.
pub fn each_starts_once() {
    Machine::run([0, 0]);
}

/// The same with one for each worker.
pub fn each_starts_once_with_two_homes() {
    Machine::run([0, 1]);
}
