//! Which task, and `park` and `unpark` by it.

use std::sync::Arc;

use super::clock::Time;
use super::local;
use super::seat::Seat;
use super::task::{TASKS, Task};
use super::wait::{Reason, Wait};
use super::waker::Waker;
use super::word::Outcome;

/// Names one task, or one thread that is no task. A name comes again after four
/// thousand million tasks that had the same slot, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    index: u32,
    incarnation: u32,
}

impl Id {
    pub(super) fn of(task: &Task) -> Self {
        Self {
            index: task.index,
            incarnation: task.token.incarnation(),
        }
    }

    /// The calling task, or thread.
    pub(crate) fn current() -> Self {
        Self::of(current_slot())
    }

    /// A number that no other has.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.incarnation) << 32 | u64::from(self.index)
    }

    /// Leaves the token of `thread::park`, and wakes who waits for it.
    pub(crate) fn unpark(self) {
        let task = TASKS.get(self.index);
        if let Some(epoch) = task.token.give(self.incarnation) {
            Waker::new(task, epoch).wake(Outcome::Woken);
        }
    }
}

fn current_slot() -> &'static Task {
    match local::current() {
        Some((_, task)) => task,
        None => Seat::of_thread().task(),
    }
}

/// The name that the calling task was given; `None` outside of tasks, too.
pub(crate) fn current_name() -> Option<Arc<str>> {
    let (_, task) = local::current()?;
    // SAFETY: it is the current task.
    unsafe { task.shared_name() }
}

/// Takes the token, or waits for one until the deadline.
pub(crate) fn park_until(deadline: Time) {
    let token = &current_slot().token;
    if token.consume() {
        return;
    }
    let wait = Wait::begin(Reason::Park);
    if token.announce(wait.epoch()) {
        wait.park(deadline);
    } else {
        drop(wait);
    }
    token.withdraw();
}
