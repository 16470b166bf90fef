//! The token of `thread::park`.
//!
//! The first thread is the task that parks. A deadline that has come ends its wait
//! from the thread of its own worker, so from its own, while somebody unparks it.

use std::sync::Arc;

use loom::sync::atomic::AtomicU32;
use loom::thread::{self, JoinHandle};

use crate::atomic::Ordering;
use crate::bell::wait_until;
use crate::data::Data;
use crate::task::{self, Id, Outcome, Reason, Time, Wait, leave_slot, park_until, take_token};

struct Parker {
    id: Id,
    data: [Data; 2],
    /// What who unparks has said before; it publishes nothing.
    said: [AtomicU32; 2],
    /// How many have unparked it; that publishes nothing, either.
    unparked: AtomicU32,
}

impl Parker {
    fn new() -> Arc<Self> {
        task::start();
        Arc::new(Self {
            id: Id::current(),
            data: [Data::new(), Data::new()],
            said: [AtomicU32::new(0), AtomicU32::new(0)],
            unparked: AtomicU32::new(0),
        })
    }

    /// Somebody who does something, and then unparks this use of the slot.
    fn unparker(self: &Arc<Self>, id: Id, which: usize) -> JoinHandle<()> {
        let this = self.clone();
        thread::spawn(move || {
            this.data[which].write(7);
            this.said[which].store(1, Ordering::Relaxed);
            id.unpark();
            this.unparked.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn is_said(&self, which: usize) -> bool {
        self.said[which].load(Ordering::Relaxed) != 0
    }
}

/// Whenever it comes, an unpark ends a park, which then sees what was done before.
pub fn an_unpark_publishes() {
    let parker = Parker::new();
    let unparker = parker.unparker(parker.id, 0);
    park_until(Time::NEVER);
    assert_eq!(parker.data[0].read(), 7);
    unparker.join().unwrap();
    assert!(!take_token(), "one token, one park");
}

/// A token that is taken without a wait publishes by itself, without the word.
pub fn a_token_publishes() {
    let parker = Parker::new();
    let unparker = parker.unparker(parker.id, 0);
    wait_until(take_token);
    assert_eq!(parker.data[0].read(), 7);
    unparker.join().unwrap();
}

/// Who gives a token that is there already publishes as well.
pub fn a_token_that_is_there_publishes() {
    let parker = Parker::new();
    let unparkers = [0, 1].map(|which| parker.unparker(parker.id, which));
    wait_until(|| parker.unparked.load(Ordering::Relaxed) == 2);
    park_until(Time::NEVER);
    assert_eq!(parker.data[0].read(), 7);
    assert_eq!(parker.data[1].read(), 7);
    for unparker in unparkers {
        unparker.join().unwrap();
    }
    assert!(!take_token(), "two tokens are one");
}

/// A park that its deadline ends takes the token, and then sees what was said with
/// it, or leaves it to the next.
pub fn a_deadline_loses_no_token() {
    let parker = Parker::new();
    let unparker = parker.unparker(parker.id, 0);
    park_until(Time::PAST);
    if !parker.is_said(0) {
        park_until(Time::NEVER);
        assert!(parker.is_said(0), "it was woken for nothing");
    }
    unparker.join().unwrap();
}

/// An unpark that comes so late that its park was ended by the deadline does not end
/// what the task waits for next, and is not lost if it found no park.
pub fn a_late_unpark_ends_no_other_wait() {
    let parker = Parker::new();
    let unparker = parker.unparker(parker.id, 0);
    park_until(Time::PAST);
    let wait = Wait::begin(Reason::Read);
    let waker = wait.waker();
    let other = thread::spawn(move || {
        waker.wake(Outcome::Closed);
    });
    let outcome = wait.park(Time::NEVER);
    assert_eq!(outcome, Outcome::Closed, "a late unpark ended it");
    if !parker.is_said(0) {
        park_until(Time::NEVER);
        assert!(parker.is_said(0), "it was woken for nothing");
    }
    unparker.join().unwrap();
    other.join().unwrap();
}

/// One that is meant for the task that had the slot before, which may have waited
/// for it, leaves nothing for the next task, and takes nothing from it.
pub fn a_token_for_an_earlier_task_is_dropped() {
    let parker = Parker::new();
    let early = parker.unparker(parker.id, 0);
    park_until(Time::PAST);
    leave_slot();
    let late = parker.unparker(Id::current(), 1);
    park_until(Time::NEVER);
    assert!(parker.is_said(1), "an earlier token ended it");
    assert_eq!(parker.data[1].read(), 7);
    early.join().unwrap();
    late.join().unwrap();
    assert!(!take_token(), "an earlier token is left");
}
