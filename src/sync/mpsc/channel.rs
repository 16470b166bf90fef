//! A channel: a queue under a lock, and who waits for it.
//!
//! Who sends puts its value into the queue at once, in its turn. The first `capacity`
//! values of the queue are *accepted*; who sent one that lies behind them waits until
//! those before it were taken. So values keep their order, whoever comes in between,
//! and a channel without capacity is no case of its own: there a value is accepted when
//! it is taken, or when a receiver waits for it already, which takes it in any case.
//!
//! ```text
//!    taken                                    sent
//!      |  v     v     v  |  v     v     v     v  |
//!      |    accepted     |    whose senders wait |
//! ```
//!
//! When the receiver is gone, what was accepted is dropped, and each sender that waits
//! takes its value back.
//!
//! Values are numbered by when they were sent, from zero. No value is dropped, and
//! nobody woken, under the lock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::task::{Outcome, Reason, Time, Wait, Waker};

/// An empty queue that has grown beyond this many places is given back.
const KEEP: usize = 1024;

/// See the [module](self).
pub(super) struct Channel<T> {
    state: Mutex<State<T>>,
    senders: AtomicUsize,
    /// How many values are accepted that nobody waits for.
    capacity: usize,
}

struct State<T> {
    queue: VecDeque<T>,
    /// The number of the first value in the queue.
    taken: u64,
    /// Who waits for a value.
    receivers: VecDeque<Waker>,
    /// How many receivers wait, or were woken and have not looked yet. Each will take
    /// a value if there is one, also if its time is up.
    receiving: usize,
    /// Who waits for its value to be accepted: those of the last values in the queue.
    waiting: VecDeque<Waker>,
    /// What the receiver left to those who waited, from number `taken` on.
    unclaimed: Vec<Option<T>>,
    senders_gone: bool,
    receiver_gone: bool,
}

impl<T> State<T> {
    /// How many values of the queue are accepted, if there are so many.
    fn limit(&self, capacity: usize) -> usize {
        capacity.max(self.receiving)
    }

    /// The number of the first value whose sender waits, or would.
    fn first_waiting(&self) -> u64 {
        self.taken + (self.queue.len() - self.waiting.len()) as u64
    }

    /// Takes the first value out, and the sender whose value is accepted by that.
    fn pop(&mut self, capacity: usize) -> Option<(T, Option<Waker>)> {
        let value = self.queue.pop_front()?;
        self.taken += 1;
        let waiting = self.queue.len().saturating_sub(self.limit(capacity));
        let sender = if self.waiting.len() > waiting {
            self.waiting.pop_front()
        } else {
            None
        };
        if self.queue.is_empty() && self.queue.capacity() > KEEP {
            self.queue = VecDeque::new();
        }
        Some((value, sender))
    }
}

impl<T> Channel<T> {
    fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                taken: 0,
                receivers: VecDeque::new(),
                receiving: 0,
                waiting: VecDeque::new(),
                unclaimed: Vec::new(),
                senders_gone: false,
                receiver_gone: false,
            }),
            senders: AtomicUsize::new(1),
            capacity,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a value, and waits until it is accepted.
    pub(super) fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.state();
        if state.receiver_gone {
            return Err(SendError(value));
        }
        if state.queue.len() < state.limit(self.capacity) {
            self.accept(state, value);
            return Ok(());
        }
        // Before anything changes: it may panic.
        let mut wait = Wait::begin(Reason::Channel);
        let number = state.taken + state.queue.len() as u64;
        state.queue.push_back(value);
        state.waiting.push_back(wait.waker());
        loop {
            drop(state);
            wait.park(Time::NEVER);
            state = self.state();
            let first = state.first_waiting();
            if number < first {
                return Ok(());
            }
            if state.receiver_gone {
                let place = (number - state.taken) as usize;
                let value = state.unclaimed[place].take();
                return Err(SendError(value.expect("each value has one sender")));
            }
            wait = Wait::begin(Reason::Channel);
            state.waiting[(number - first) as usize] = wait.waker();
        }
    }

    /// Sends a value, if it is accepted at once.
    pub(super) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let state = self.state();
        if state.receiver_gone {
            Err(TrySendError::Disconnected(value))
        } else if state.queue.len() < state.limit(self.capacity) {
            self.accept(state, value);
            Ok(())
        } else {
            Err(TrySendError::Full(value))
        }
    }

    /// Puts in a value that is accepted, and wakes who waits for one.
    #[inline]
    fn accept<'a>(&'a self, mut state: MutexGuard<'a, State<T>>, value: T) {
        state.queue.push_back(value);
        while let Some(receiver) = state.receivers.pop_front() {
            drop(state);
            if receiver.wake(Outcome::Woken) {
                return;
            }
            state = self.state();
        }
    }

    /// Takes a value, and waits for one until the deadline.
    pub(super) fn recv(&self, deadline: Time) -> Result<T, RecvTimeoutError> {
        let mut is_late = false;
        let mut state = self.state();
        loop {
            if let Some((value, sender)) = state.pop(self.capacity) {
                drop(state);
                wake(sender);
                return Ok(value);
            }
            if state.senders_gone {
                return Err(RecvTimeoutError::Disconnected);
            }
            if is_late {
                return Err(RecvTimeoutError::Timeout);
            }
            let wait = Wait::begin(Reason::Channel);
            let waker = wait.waker();
            state.receivers.push_back(waker);
            state.receiving += 1;
            drop(state);
            is_late = wait.park(deadline) == Outcome::Deadline;
            state = self.state();
            state.receiving -= 1;
            if is_late {
                state.receivers.retain(|other| *other != waker);
            }
        }
    }

    /// Takes a value, if there is one.
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.state();
        match state.pop(self.capacity) {
            Some((value, sender)) => {
                drop(state);
                wake(sender);
                Ok(value)
            }
            None if state.senders_gone => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// No more values will be sent.
    fn end_sending(&self) {
        let mut state = self.state();
        state.senders_gone = true;
        let receivers = std::mem::take(&mut state.receivers);
        drop(state);
        wake(receivers);
    }

    /// No more values will be taken.
    pub(super) fn end_receiving(&self) {
        let mut state = self.state();
        state.receiver_gone = true;
        let mut values = std::mem::take(&mut state.queue);
        let senders = std::mem::take(&mut state.waiting);
        let unclaimed = values.split_off(values.len() - senders.len());
        state.taken += values.len() as u64;
        state.unclaimed = unclaimed.into_iter().map(Some).collect();
        drop(state);
        wake(senders);
        // What was accepted ends here.
        drop(values);
    }
}

fn wake(waiting: impl IntoIterator<Item = Waker>) {
    for waker in waiting {
        waker.wake(Outcome::Woken);
    }
}

/// One of the senders of a channel. The last one that is dropped ends the sending.
pub(super) struct Sending<T>(Arc<Channel<T>>);

impl<T> Sending<T> {
    /// The first sender of a new channel.
    pub(super) fn new(capacity: usize) -> Self {
        Self(Arc::new(Channel::new(capacity)))
    }

    pub(super) fn channel(&self) -> &Arc<Channel<T>> {
        &self.0
    }
}

impl<T> Clone for Sending<T> {
    fn clone(&self) -> Self {
        // Whoever has this one keeps the count from ending.
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sending<T> {
    fn drop(&mut self) {
        // What is sent, and that no more is, goes through the lock.
        if self.0.senders.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.end_sending();
        }
    }
}
