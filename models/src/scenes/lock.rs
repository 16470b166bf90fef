//! The lock whose waiters park.
//!
//! Tasks are threads here, and each word, waker and list that they wait with is the
//! file that is shipped.

use std::sync::Arc;

use loom::sync::atomic::AtomicU32;

use crate::Weakening;
use crate::atomic::Ordering;
use crate::data::Data;
use crate::task::{self, Lock, Outcome, Reason, Time};

struct Guarded {
    lock: Lock,
    /// How often it was taken.
    count: Data,
    /// Whether waiting for it is refused.
    refused: AtomicU32,
}

impl Guarded {
    fn new() -> Arc<Self> {
        task::start();
        Arc::new(Self {
            lock: Lock::new(),
            count: Data::new(),
            refused: AtomicU32::new(0),
        })
    }

    /// Takes the lock, however long it takes.
    fn lock(&self) {
        self.lock.lock(Reason::Lock);
    }

    fn wait(&self) -> Option<Outcome> {
        let Ok(waited) = self.lock.wait(Reason::Turn, || Ok::<_, ()>(Time::NEVER)) else {
            unreachable!("the wait was not refused");
        };
        waited
    }

    fn count(&self) {
        self.count.write(self.count.read() + 1);
    }

    fn once(&self) {
        self.lock();
        self.count();
        self.lock.unlock();
    }

    /// Counts, unless waiting is refused.
    fn once_unless_refused(&self) -> bool {
        let ask = || match self.refused.load(Ordering::Relaxed) {
            0 => Ok(Time::NEVER),
            _ => Err(()),
        };
        while !self.lock.try_lock() {
            match self.lock.wait(Reason::Turn, ask) {
                Ok(None) => break,
                Ok(Some(_)) => {}
                Err(()) => return false,
            }
        }
        self.count();
        self.lock.unlock();
        true
    }
}

/// One holds the lock at a time, and sees what the last one did.
pub fn one_at_a_time() {
    let guarded = Guarded::new();
    let other = task::spawn(1, {
        let guarded = guarded.clone();
        move || guarded.once()
    });
    guarded.once();
    other.join().unwrap();
    guarded.lock();
    assert_eq!(guarded.count.read(), 2);
}

/// Who comes to wait while the lock is let go is not forgotten.
pub fn nobody_is_forgotten() {
    let guarded = Guarded::new();
    assert!(guarded.lock.try_lock());
    let waiter = task::spawn(1, {
        let guarded = guarded.clone();
        move || guarded.lock()
    });
    guarded.lock.unlock();
    waiter.join().unwrap();
}

/// Nor is the second of two; and who gets there before both sees what was done.
pub fn the_second_is_not_forgotten() {
    let guarded = Guarded::new();
    assert!(guarded.lock.try_lock());
    let waiters = [1, 2].map(|number| {
        let guarded = guarded.clone();
        task::spawn(number, move || guarded.once())
    });
    guarded.count();
    guarded.lock.unlock();
    for waiter in waiters {
        waiter.join().unwrap();
    }
    guarded.lock();
    assert_eq!(guarded.count.read(), 3);
}

/// A waiter that is refused after it was listed, and was meant to have the lock,
/// passes that on.
pub fn who_is_refused_passes_it_on() {
    let guarded = Guarded::new();
    assert!(guarded.lock.try_lock());
    let refused = task::spawn(1, {
        let guarded = guarded.clone();
        move || {
            if let Ok(None) = guarded.lock.wait(Reason::Turn, || Err(())) {
                guarded.lock.unlock();
            }
        }
    });
    let patient = task::spawn(2, {
        let guarded = guarded.clone();
        move || guarded.once()
    });
    guarded.lock.unlock();
    refused.join().unwrap();
    patient.join().unwrap();
}

/// A waiter whose deadline comes leaves the list; the next one is woken instead.
pub fn who_is_late_is_passed_over() {
    let guarded = Guarded::new();
    assert!(guarded.lock.try_lock());
    let late = task::spawn(1, {
        let guarded = guarded.clone();
        move || {
            if let Ok(None) = guarded.lock.wait(Reason::Turn, || Ok::<_, ()>(Time::PAST)) {
                guarded.lock.unlock();
            }
        }
    });
    let patient = task::spawn(2, {
        let guarded = guarded.clone();
        move || guarded.once()
    });
    guarded.lock.unlock();
    late.join().unwrap();
    patient.join().unwrap();
}

/// A waiter that is woken, finds the lock taken still, or again, and does not come
/// back, because its deadline has come meanwhile, leaves nobody asleep.
pub fn who_does_not_come_again_forgets_nobody() {
    let guarded = Guarded::new();
    assert!(guarded.lock.try_lock());
    let once = task::spawn(1, {
        let guarded = guarded.clone();
        move || {
            if guarded.wait().is_none() {
                guarded.lock.unlock();
            }
        }
    });
    let patient = task::spawn(2, {
        let guarded = guarded.clone();
        move || guarded.once()
    });
    guarded.lock.unlock();
    if guarded.lock.try_lock() {
        guarded.lock.unlock();
    }
    once.join().unwrap();
    patient.join().unwrap();
}

/// A deadline that is moved, after which the waiters are roused, is seen by who
/// comes to wait, or wakes who waits already: here the lock is never let go.
pub fn a_moved_deadline_is_noticed() {
    let guarded = Guarded::new();
    assert!(guarded.lock.try_lock());
    let waiter = task::spawn(1, {
        let guarded = guarded.clone();
        move || assert!(!guarded.once_unless_refused())
    });
    if Weakening::Order.is_set() {
        guarded.lock.rouse();
        guarded.refused.store(1, Ordering::Relaxed);
    } else {
        guarded.refused.store(1, Ordering::Relaxed);
        guarded.lock.rouse();
    }
    waiter.join().unwrap();
}
