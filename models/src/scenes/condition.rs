//! Waiting for what others do under a lock.
//!
//! Tasks are threads here, and each word, waker and list that they wait with is the
//! file that is shipped.

use std::sync::Arc;

use loom::thread::JoinHandle;

use crate::Weakening;
use crate::data::Data;
use crate::sync::Condition;
use crate::task::{self, Lock, Outcome, Reason, Time, Wait};

struct Guarded {
    lock: Lock,
    changed: Condition,
    /// How many may go on.
    data: Data,
}

impl Guarded {
    fn new() -> Arc<Self> {
        task::start();
        Arc::new(Self {
            lock: Lock::new(),
            changed: Condition::new(),
            data: Data::new(),
        })
    }

    fn lock(&self) {
        self.lock.lock(Reason::Lock);
    }

    /// Waits until it may go on.
    fn wait(&self) {
        self.lock();
        while self.data.read() == 0 {
            let wait = Wait::begin(Reason::Condition);
            self.changed.wait(wait, &self.lock, Time::NEVER);
        }
        self.data.write(self.data.read() - 1);
        self.lock.unlock();
    }

    fn waiter(self: &Arc<Self>, number: u32) -> JoinHandle<()> {
        let this = self.clone();
        task::spawn(number, move || this.wait())
    }

    fn set(&self, value: u32) {
        self.lock();
        self.data.write(value);
        self.lock.unlock();
    }
}

/// Who waits is woken by a change that it has not seen, also if it is told after the
/// lock was let go.
pub fn no_change_is_missed() {
    let guarded = Guarded::new();
    let waiter = guarded.waiter(1);
    if Weakening::Order.is_set() {
        guarded.changed.notify_one();
        guarded.set(1);
    } else {
        guarded.set(1);
        guarded.changed.notify_one();
    }
    waiter.join().unwrap();
}

/// A change that all are told of is missed by none of two.
pub fn all_are_told() {
    let guarded = Guarded::new();
    let waiters = [guarded.waiter(1), guarded.waiter(2)];
    guarded.set(2);
    if Weakening::Order.is_set() {
        guarded.changed.notify_one();
    } else {
        guarded.changed.notify_all();
    }
    for waiter in waiters {
        waiter.join().unwrap();
    }
}

/// One whose time is up takes no notification from the other: it says that it was
/// notified, and so goes on in its place, or the other one is.
pub fn who_is_late_takes_nothing() {
    let guarded = Guarded::new();
    let late = task::spawn(1, {
        let guarded = guarded.clone();
        move || {
            guarded.lock();
            if guarded.data.read() == 0 {
                let wait = Wait::begin(Reason::Condition);
                let outcome = guarded.changed.wait(wait, &guarded.lock, Time::PAST);
                let in_time = outcome == Outcome::Woken && !Weakening::Cancel.is_set();
                if in_time && guarded.data.read() == 1 {
                    guarded.changed.notify_one();
                }
            }
            guarded.lock.unlock();
        }
    });
    let patient = guarded.waiter(2);
    guarded.set(1);
    guarded.changed.notify_one();
    late.join().unwrap();
    patient.join().unwrap();
}
