//! Counting the connections that a shutdown cuts off.
//!
//! Of which connections something was received that is not answered, or written that is not
//! sent, only their workers know. So each is asked when it is told to end those that are
//! left. One that is held up, by a handler that computes or blocks, is not waited for:
//! whatever it has counts. One that has ended has none.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::remote::{Remote, lock};
use crate::task::{Outcome, Reason, Time, Wait, WaitList};

/// So long workers have to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the [module](self).
pub(super) struct Census(Mutex<Answers>);

struct Answers {
    /// Which of the workers have not answered.
    missing: Vec<bool>,
    /// What the others have counted.
    owing: usize,
    waiters: WaitList,
}

/// What one worker is asked. Dropping it says that there is nobody to ask.
pub(super) struct Question {
    census: Arc<Census>,
    worker: usize,
    owing: usize,
}

impl Census {
    pub(super) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Answers {
            missing: vec![true; workers],
            owing: 0,
            waiters: WaitList::new(),
        })))
    }

    pub(super) fn ask(self: &Arc<Self>, worker: usize) -> Question {
        Question {
            census: Arc::clone(self),
            worker,
            owing: 0,
        }
    }

    /// Waits for the answers, and adds them up.
    pub(super) fn result(&self, remotes: &[Arc<Remote>]) -> usize {
        let deadline = Time::now().after(PATIENCE);
        loop {
            let wait = {
                let mut answers = lock(&self.0);
                if !answers.missing.contains(&true) || deadline.is_past() {
                    let missing = remotes.iter().zip(&answers.missing);
                    let missing = missing.filter(|(_, is_missing)| **is_missing);
                    let theirs = missing.map(|(it, _)| it.connections.load(Ordering::Relaxed));
                    return answers.owing + theirs.sum::<usize>();
                }
                let wait = Wait::begin(Reason::Condition);
                answers.waiters.push(wait.waker());
                wait
            };
            let waker = wait.waker();
            wait.park(deadline);
            lock(&self.0).waiters.remove(waker);
        }
    }
}

impl Question {
    /// So many of the worker's connections are owed something.
    pub(super) fn answer(mut self, owing: usize) {
        self.owing = owing;
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let mut answers = lock(&self.census.0);
        answers.missing[self.worker] = false;
        answers.owing += self.owing;
        if !answers.missing.contains(&true) {
            answers.waiters.wake_all(Outcome::Woken);
        }
    }
}
