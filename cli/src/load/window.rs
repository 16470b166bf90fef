//! The requests that are in flight on a connection.
//!
//! The task that writes begins them, the one that reads ends them, in the same order:
//! an echo answers in the order of the requests. Both run on one worker, so the lock
//! is always free, and nobody waits while holding it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A request that was begun. Moments are in nanoseconds after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    /// From when its latency counts.
    pub(super) due: u64,
    /// When its sending began.
    pub(super) sent: u64,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Window {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    flying: VecDeque<Flight>,
    /// How many were begun so far.
    begun: u64,
}

impl Window {
    /// For at most `limit` at once.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// How many more may be begun.
    pub(super) fn room(&self) -> usize {
        self.limit - self.lock().flying.len()
    }

    /// How many were begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.lock().begun
    }

    /// Begins requests, for which there is room.
    pub(super) fn begin(&self, flights: impl IntoIterator<Item = Flight>) {
        let mut state = self.lock();
        for flight in flights {
            state.flying.push_back(flight);
            state.begun += 1;
        }
    }

    /// Ends those that are not among the first `answered` any more: tells `each`, and
    /// returns how many there were.
    pub(super) fn end(&self, answered: u64, mut each: impl FnMut(Flight)) -> usize {
        let mut state = self.lock();
        let open = (state.begun - answered) as usize;
        let ended = state.flying.len() - open;
        state.flying.drain(..ended).for_each(&mut each);
        ended
    }

    /// The one that has waited longest.
    pub(super) fn oldest(&self) -> Option<Flight> {
        self.lock().flying.front().copied()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_end_in_the_order_in_which_they_began() {
        let flight = |due| Flight { due, sent: due + 1 };
        let window = Window::new(3);
        window.begin([flight(10), flight(20), flight(30)]);
        assert_eq!((window.room(), window.begun()), (0, 3));

        let mut ended = Vec::new();
        assert_eq!(window.end(0, |flight| ended.push(flight)), 0);
        assert_eq!(window.end(2, |flight| ended.push(flight)), 2);
        assert_eq!(ended, [flight(10), flight(20)]);
        assert_eq!(window.oldest(), Some(flight(30)));

        window.begin([flight(40)]);
        assert_eq!((window.room(), window.begun()), (1, 4));
        assert_eq!(window.end(4, |_| ()), 2);
        assert_eq!(window.oldest(), None);
    }
}
