//! Descriptors that no task waits on one by one: their events are taken in batches.
//!
//! A task waits on a [`Descriptor`](super::descriptor::Descriptor) and is woken by it.
//! Here it is the other way around: one task of the worker takes the events of many
//! descriptors at once, each under a key of its own choosing, and waits only when there
//! are none. That is what an event loop needs. A descriptor that is watched has no slot,
//! no waiters and no deadlines; whoever watches it keeps account of all that.
//!
//! Keys come back untouched, and late: an event that was taken from the kernel before
//! its descriptor was unwatched is delivered all the same. Who reuses a key for another
//! descriptor puts a generation into it.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::BorrowedFd;

use super::poller;
use crate::sys::epoll::Flags;
use crate::task::{Outcome, Reason, Time, Wait, Waker};

/// Keys are smaller than this. The bit tells their events from those of descriptors.
pub(super) const WATCHED: u64 = 1 << 63;

/// What happened to a descriptor that is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) key: u64,
    pub(crate) flags: Flags,
}

/// What has come for the calling worker and was not taken yet, and who waits for more.
struct Batch {
    events: RefCell<Vec<Watched>>,
    waiting: Cell<Option<Waker>>,
}

thread_local! {
    static BATCH: Batch = const {
        Batch {
            events: RefCell::new(Vec::new()),
            waiting: Cell::new(None),
        }
    };
}

const HAS_A_POLLER: &str = "a task runs on a worker, and a worker has a poller";

/// Watches a descriptor from the calling task's worker: edge-triggered, for everything.
/// What is there already is reported as an event. The key is less than 2^63 - 1.
pub(crate) fn watch(fd: BorrowedFd<'_>, key: u64) -> io::Result<()> {
    debug_assert!(
        key < WATCHED - 2,
        "the largest tokens are the bell's and the alarm's"
    );
    poller::here().expect(HAS_A_POLLER).add(fd, key | WATCHED)
}

/// Ends that, on the worker that watches. Closing the last duplicate does it, too.
pub(crate) fn unwatch(fd: BorrowedFd<'_>) {
    poller::here().expect(HAS_A_POLLER).delete(fd);
}

/// Forgets what came for a worker that the calling thread was before.
pub(super) fn start_anew() {
    BATCH.with(|batch| {
        batch.events.borrow_mut().clear();
        batch.waiting.set(None);
    });
}

/// Moves the events that have come to the end of a list. Returns whether there were any.
pub(crate) fn take_watched(into: &mut Vec<Watched>) -> bool {
    BATCH.with(|batch| {
        let mut events = batch.events.borrow_mut();
        let any = !events.is_empty();
        into.append(&mut events);
        any
    })
}

/// Waits until there are events to take, or somebody uses the waker that `listed` gets,
/// or the deadline comes. One task of a worker waits here at a time.
pub(crate) fn wait_for_watched(deadline: Time, listed: impl FnOnce(Waker)) -> Outcome {
    let wait = Wait::begin(Reason::Events);
    BATCH.with(|batch| {
        if !batch.events.borrow().is_empty() {
            return;
        }
        batch.waiting.set(Some(wait.waker()));
    });
    listed(wait.waker());
    let is_waiting = BATCH.with(|batch| batch.waiting.get().is_some());
    let outcome = if is_waiting {
        wait.park(deadline)
    } else {
        drop(wait);
        Outcome::Woken
    };
    BATCH.with(|batch| batch.waiting.set(None));
    outcome
}

/// Notes an event for the calling worker. [`deliver`] must follow.
#[inline]
pub(super) fn note(token: u64, flags: Flags) {
    let key = token & !WATCHED;
    BATCH.with(|batch| batch.events.borrow_mut().push(Watched { key, flags }));
}

/// Wakes who waits for the events that were noted.
pub(super) fn deliver() {
    if let Some(waker) = BATCH.with(|batch| batch.waiting.take()) {
        waker.wake(Outcome::Woken);
    }
}
