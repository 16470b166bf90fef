//! Who watches a descriptor: a poller that may go away, or another one.
//!
//! The steps are those of netpoll's `Descriptor`, and of dropping a `Poller`. The
//! directions are the file that is shipped. Poller zero goes away; the others stay. A
//! registration with one of those reports what is ready already.

use std::sync::Arc;

use crate::Weakening;
use crate::atomic::{AtomicU32, AtomicU64, Mutex, Ordering};
use crate::poll::{Direction, Registered};
use crate::task::{self, Outcome, Reason, Time, Wait};

struct Descriptor {
    direction: Direction,
    registration: AtomicU64,
    registering: Mutex<()>,
    /// The generations of the pollers.
    pollers: [AtomicU32; 3],
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct PollerId {
    index: u32,
    generation: u32,
}

impl PollerId {
    /// Each is used for the first time.
    fn new(index: u32) -> Self {
        Self {
            index,
            generation: 0,
        }
    }

    fn to_bits(self) -> u64 {
        (u64::from(self.index) + 1) << 32 | u64::from(self.generation)
    }

    fn from_bits(bits: u64) -> Option<Self> {
        (bits != 0).then(|| Self {
            index: (bits >> 32) as u32 - 1,
            generation: bits as u32,
        })
    }
}

impl Descriptor {
    /// One that poller zero watches.
    fn new() -> Arc<Self> {
        task::start();
        Arc::new(Self {
            direction: Direction::new(),
            registration: AtomicU64::new(PollerId::new(0).to_bits()),
            registering: Mutex::new(()),
            pollers: [0; 3].map(AtomicU32::new),
        })
    }

    fn watcher(&self) -> Option<PollerId> {
        let registration = self.registration.load(Ordering::Acquire);
        PollerId::from_bits(registration)
            .filter(|id| self.pollers[id.index as usize].load(Ordering::Acquire) == id.generation)
    }

    fn poller_goes_away(&self) {
        let id = PollerId::new(0);
        self.pollers[0].fetch_add(1, Ordering::Release);
        if self.registration.load(Ordering::Acquire) == id.to_bits() {
            self.direction.rouse();
        }
    }

    /// Returns whether it is registered with this poller now.
    fn register_here(&self, here: PollerId) -> bool {
        let _registering = self.registering.lock();
        if self.watcher().is_some() {
            return false;
        }
        self.registration.store(here.to_bits(), Ordering::Release);
        true
    }

    /// Moves the registration from poller zero, if that still watches; without
    /// another poller, adding it there fails.
    fn follow(&self, here: Option<PollerId>) {
        let _registering = self.registering.lock();
        if self.watcher() != Some(PollerId::new(0)) {
            return;
        }
        self.registration.store(0, Ordering::Relaxed);
        if let Some(here) = here {
            self.registration.store(here.to_bits(), Ordering::Release);
        }
        self.direction.rouse();
    }

    /// Waits until it is watched by a poller that stays: that one will say what is
    /// ready, now or later.
    fn wait(&self, here: PollerId) {
        loop {
            if self.watcher().is_none() && self.register_here(here) {
                self.direction.set_ready(false);
                return;
            }
            let mut watcher = None;
            if Weakening::Order.is_set() {
                watcher = self.watcher();
            }
            let wait = Wait::begin(Reason::Read);
            let waker = wait.waker();
            match self.direction.register(waker) {
                Registered::Waits => {}
                Registered::IsReady => return,
                Registered::IsClosed => unreachable!("nobody closes it"),
            }
            if !Weakening::Order.is_set() {
                watcher = self.watcher();
            }
            if watcher == Some(PollerId::new(0)) {
                wait.park(Time::NEVER);
                self.direction.deregister(waker);
            } else {
                drop(wait);
                self.direction.deregister(waker);
                if watcher.is_some() {
                    return;
                }
            }
        }
    }
}

/// Who comes to wait while the poller that watches goes away does not sleep.
pub fn nobody_sleeps_unwatched() {
    let descriptor = Descriptor::new();
    let poller = task::spawn(1, {
        let descriptor = descriptor.clone();
        move || descriptor.poller_goes_away()
    });
    descriptor.wait(PollerId::new(1));
    poller.join().unwrap();
}

/// The same for one who waits in the list, because another waits already.
pub fn nobody_sleeps_unwatched_in_the_list() {
    let descriptor = Descriptor::new();
    // A waiter that does not move, of a task without a thread.
    let wait = Wait::begin(Reason::Read);
    let registered = descriptor.direction.register(wait.waker());
    assert_eq!(registered, Registered::Waits);
    let waiter = task::spawn(1, {
        let descriptor = descriptor.clone();
        move || descriptor.wait(PollerId::new(1))
    });
    descriptor.poller_goes_away();
    waiter.join().unwrap();
    // By the poller that went away, or by the one that came instead.
    assert_eq!(wait.park(Time::NEVER), Outcome::Woken);
}

/// Nor where the registration moves at that moment, if it gets there first.
pub fn nobody_sleeps_unwatched_while_it_moves() {
    let descriptor = Descriptor::new();
    let poller = task::spawn(1, {
        let descriptor = descriptor.clone();
        move || descriptor.poller_goes_away()
    });
    let mover = task::spawn(2, {
        let descriptor = descriptor.clone();
        move || descriptor.follow(Some(PollerId::new(2)))
    });
    descriptor.wait(PollerId::new(1));
    poller.join().unwrap();
    mover.join().unwrap();
}

/// Nor where moving it fails half way.
pub fn nobody_sleeps_unwatched_where_moving_fails() {
    let descriptor = Descriptor::new();
    let mover = task::spawn(1, {
        let descriptor = descriptor.clone();
        move || descriptor.follow(None)
    });
    descriptor.wait(PollerId::new(1));
    mover.join().unwrap();
}
