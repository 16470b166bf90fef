//! The timers of one worker: at most one for each task, moved as late as possible.
//!
//! A task waits for one thing at a time, so it needs one timer at most. A wait
//! with a deadline arms it; a wait that ends early leaves it where it is. A timer
//! that fires looks at what the task waits for *now*: if that deadline is later,
//! the timer moves there; if the task waits without one, the timer is gone until
//! it is needed again. A connection that sets a read deadline for each request
//! therefore touches the heap once in a timeout, not once in a request.
//!
//! An entry that is not needed any more (an earlier deadline took its place, or
//! its task ended) stays in the heap and is recognised by its count; when such
//! entries are the majority, all of them are swept out at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::clock::Time;

/// An entry of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) when: Time,
    /// The number of the task.
    pub(super) task: u32,
    /// How often the task had set its timer; only the latest entry counts.
    pub(super) count: u32,
}

/// A heap of entries, the earliest on top.
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    /// How many entries are not needed any more.
    stale: usize,
}

/// Fewer stale entries than this are not worth a sweep.
const SWEEP: usize = 64;

impl Timers {
    pub(super) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            stale: 0,
        }
    }

    /// When the earliest fires.
    #[inline]
    pub(super) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(entry)| entry.when)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.heap.push(Reverse(entry));
    }

    /// Takes the earliest entry, if its time has come.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<Entry> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// Notes that an entry in the heap is not needed any more. `is_live` tells,
    /// for a sweep, which still are.
    pub(super) fn retire(&mut self, is_live: impl Fn(&Entry) -> bool) {
        self.stale += 1;
        if self.stale >= SWEEP && self.stale * 2 > self.heap.len() {
            self.heap.retain(|Reverse(entry)| is_live(entry));
            self.stale = 0;
        }
    }

    /// Notes that an entry that was popped had been retired.
    pub(super) fn was_stale(&mut self) {
        self.stale = self.stale.saturating_sub(1);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, SWEEP, Timers};
    use crate::task::clock::Time;

    fn entry(when: u64, task: u32) -> Entry {
        Entry {
            when: Time::from_bits(when),
            task,
            count: 0,
        }
    }

    #[test]
    fn the_earliest_comes_first_and_none_before_its_time() {
        let mut timers = Timers::new();
        for when in [30, 10, 20] {
            timers.push(entry(when, when as u32));
        }
        assert_eq!(timers.next(), Some(Time::from_bits(10)));
        assert_eq!(timers.pop_due(Time::from_bits(9)), None);
        assert_eq!(timers.pop_due(Time::from_bits(25)).unwrap().task, 10);
        assert_eq!(timers.pop_due(Time::from_bits(25)).unwrap().task, 20);
        assert_eq!(timers.pop_due(Time::from_bits(25)), None);
    }

    #[test]
    fn what_is_not_needed_any_more_is_swept_out() {
        let mut timers = Timers::new();
        for task in 0..10_000 {
            timers.push(entry(u64::from(task) + 1, task));
            // All but each hundredth task end at once.
            if task % 100 != 0 {
                timers.retire(|entry| entry.task % 100 == 0 || entry.task > task);
            }
        }
        assert!(
            timers.len() <= 2 * (100 + SWEEP),
            "{} entries left",
            timers.len()
        );
        assert!((0..100).all(|_| {
            timers
                .pop_due(Time::NEVER)
                .is_some_and(|entry| entry.task % 100 == 0)
        }));
    }
}
