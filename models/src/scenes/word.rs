//! Park and unpark.
//!
//! The first thread owns the word. It arms it before it starts its wakers, as a
//! task does before it gives its waker away.

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

use crate::bell::{Bell, wait_until};
use crate::data::Data;
use crate::task::{Found, Outcome, Word};

struct Sleeper {
    word: Word,
    bell: Bell,
    data: [Data; 2],
}

impl Sleeper {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: Word::new(),
            bell: Bell::new(),
            data: [Data::new(), Data::new()],
        })
    }

    /// Somebody who writes something, and then wakes.
    fn waker(self: &Arc<Self>, epoch: u32, which: usize, outcome: Outcome) -> JoinHandle<Found> {
        let this = self.clone();
        thread::spawn(move || {
            this.data[which].write(7);
            let found = this.word.wake(epoch, outcome);
            if found == Found::Parked {
                this.bell.ring();
            }
            found
        })
    }

    /// What a task does to wait.
    fn park(&self) -> Outcome {
        if self.word.park() {
            self.bell.sleep();
        }
        self.word.finish().expect("who sleeps was woken")
    }
}

/// What was written before waking is seen after the wait, asleep or not.
pub fn a_wake_publishes() {
    let sleeper = Sleeper::new();
    let epoch = sleeper.word.arm();
    let waker = sleeper.waker(epoch, 0, Outcome::Closed);
    assert_eq!(sleeper.park(), Outcome::Closed);
    assert_eq!(sleeper.data[0].read(), 7);
    waker.join().unwrap();
    assert_eq!(sleeper.bell.take(), 0);
}

/// The same for a thread, which may look at its word before it is rung.
pub fn looking_suffices() {
    let sleeper = Sleeper::new();
    let epoch = sleeper.word.arm();
    let waker = sleeper.waker(epoch, 0, Outcome::Closed);
    if sleeper.word.park() {
        wait_until(|| sleeper.word.is_woken());
        assert_eq!(sleeper.data[0].read(), 7);
    }
    assert_eq!(sleeper.word.finish(), Some(Outcome::Closed));
    assert_eq!(sleeper.data[0].read(), 7);
    waker.join().unwrap();
}

/// Of two wakers exactly one ends the wait, with its outcome, and delivers the task
/// once, if it sleeps.
pub fn one_waker_wins() {
    let sleeper = Sleeper::new();
    let epoch = sleeper.word.arm();
    let wakers = [
        sleeper.waker(epoch, 0, Outcome::Woken),
        sleeper.waker(epoch, 1, Outcome::Deadline),
    ];
    let winner = match sleeper.park() {
        Outcome::Woken => 0,
        _ => 1,
    };
    assert_eq!(sleeper.data[winner].read(), 7);
    let found = wakers.map(|waker| waker.join().unwrap());
    assert_ne!(found[winner], Found::Stale, "the winner knows it");
    assert_eq!(found[1 - winner], Found::Stale, "there is one winner");
    assert_eq!(sleeper.bell.take(), 0, "it is delivered once");
}

/// Leaving a wait without sleeping, and waking it, agree on who came first.
pub fn giving_up_is_certain() {
    let sleeper = Sleeper::new();
    let epoch = sleeper.word.arm();
    let waker = sleeper.waker(epoch, 0, Outcome::Woken);
    let woken = sleeper.word.finish().is_some();
    if woken {
        assert_eq!(sleeper.data[0].read(), 7);
    }
    let found = waker.join().unwrap();
    assert_eq!(woken, found == Found::Armed, "they disagree");
}

/// A waker of the first wait, whenever it comes, does not end the second.
pub fn a_stale_waker_ends_nothing() {
    let sleeper = Sleeper::new();
    let first = sleeper.word.arm();
    let stale = sleeper.waker(first, 0, Outcome::Closed);
    sleeper.word.finish();

    let second = sleeper.word.arm();
    assert!(sleeper.word.park(), "nobody has ended the second wait");
    let timer = sleeper.waker(second, 1, Outcome::Deadline);
    sleeper.bell.sleep();
    let outcome = sleeper.word.finish();
    assert_eq!(outcome, Some(Outcome::Deadline), "a stale waker ended it");
    assert_eq!(sleeper.data[1].read(), 7);

    assert_eq!(timer.join().unwrap(), Found::Parked);
    assert_ne!(stale.join().unwrap(), Found::Parked);
    assert_eq!(sleeper.bell.take(), 0);
}

/// Two waits that are slept through, each with a waker of its own, while the timer
/// of the first comes when it likes.
pub fn one_wait_after_another() {
    let sleeper = Sleeper::new();
    let first = sleeper.word.arm();
    let wakers = [
        sleeper.waker(first, 0, Outcome::Woken),
        sleeper.waker(first, 1, Outcome::Deadline),
    ];
    sleeper.park();

    let second = sleeper.word.arm();
    let last = {
        let sleeper = sleeper.clone();
        thread::spawn(move || {
            if sleeper.word.wake(second, Outcome::Closed) == Found::Parked {
                sleeper.bell.ring();
            }
        })
    };
    assert_eq!(sleeper.park(), Outcome::Closed, "a stale waker ended it");
    last.join().unwrap();
    let won = wakers.map(|waker| waker.join().unwrap() != Found::Stale);
    assert!(won[0] != won[1], "there is one winner");
    assert_eq!(sleeper.bell.take(), 0);
}
