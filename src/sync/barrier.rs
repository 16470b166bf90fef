//! A barrier, in the shape of [`std::sync::Barrier`].

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::task::{Outcome, Reason, Time, Wait, WaitList};

/// Where a number of tasks or threads wait for each other, in the shape of
/// [`std::sync::Barrier`]: it parks the task where std's blocks the thread.
///
/// # Examples
///
/// ```
/// use netpoll::sync::{Arc, Barrier};
/// use netpoll::thread;
///
/// let barrier = Arc::new(Barrier::new(3));
/// let tasks: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = Arc::clone(&barrier);
///         thread::spawn(move || barrier.wait().is_leader())
///     })
///     .collect();
/// let leads = tasks.into_iter().map(|task| task.join().unwrap());
/// assert_eq!(leads.filter(|leads| *leads).count(), 1);
/// ```
pub struct Barrier {
    state: Mutex<State>,
    wanted: usize,
}

struct State {
    /// How many have come in this round.
    come: usize,
    round: u64,
    waiters: WaitList,
}

/// Tells one of those who have waited at a [`Barrier`] from the others.
///
/// # Examples
///
/// See [`Barrier`].
pub struct BarrierWaitResult(bool);

impl Barrier {
    /// A barrier for so many. Zero is the same as one: nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Barrier;
    ///
    /// static ALL_UP: Barrier = Barrier::new(1);
    /// assert!(ALL_UP.wait().is_leader());
    /// ```
    #[inline]
    #[must_use]
    pub const fn new(n: usize) -> Self {
        Self {
            state: Mutex::new(State {
                come: 0,
                round: 0,
                waiters: WaitList::new(),
            }),
            wanted: n,
        }
    }

    /// Waits until as many have come as the barrier is for; then it begins anew. The
    /// last that comes is the leader.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds that, and the end of a
    /// runtime does not cancel it.
    ///
    /// # Panics
    ///
    /// If it has to wait inside of [`no_park`](crate::thread::no_park), or in a process
    /// that was forked from one with a runtime. It does not count as having come then.
    ///
    /// # Examples
    ///
    /// See [`Barrier`].
    pub fn wait(&self) -> BarrierWaitResult {
        let mut state = self.state();
        let round = state.round;
        if state.come + 1 >= self.wanted {
            state.come = 0;
            state.round += 1;
            let mut waiters = std::mem::take(&mut state.waiters);
            drop(state);
            waiters.wake_all(Outcome::Woken);
            return BarrierWaitResult(true);
        }
        let mut wait = Wait::begin(Reason::Condition);
        state.come += 1;
        loop {
            state.waiters.push(wait.waker());
            drop(state);
            wait.park(Time::NEVER);
            state = self.state();
            if state.round != round {
                return BarrierWaitResult(false);
            }
            wait = Wait::begin(Reason::Condition);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BarrierWaitResult {
    /// Whether this one came last in its round.
    ///
    /// # Examples
    ///
    /// See [`Barrier`].
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult")
            .field("is_leader", &self.is_leader())
            .finish()
    }
}
