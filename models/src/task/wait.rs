//! A model of waiting: the steps that netpoll's `wait` makes for a task.
//!
//! A deadline that has come is a timer that fires at once; a scene in which it
//! fires later has a thread that uses the waker.

use super::clock::Time;
use super::task::{TASKS, Task};
use super::waker::Waker;
use super::word::Outcome;
use crate::Weakening;

/// What a task waits for: that is nothing to a model.
#[derive(Clone, Copy)]
pub(crate) enum Reason {
    Read,
    Turn,
    Join,
    Park,
    Lock,
    Condition,
    Once,
    Events,
}

/// See the [module](self).
pub(crate) struct Wait {
    task: &'static Task,
    epoch: u32,
}

impl Wait {
    pub(crate) fn begin(_reason: Reason) -> Self {
        let task = TASKS.current();
        Self {
            task,
            epoch: task.word.arm(),
        }
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker::new(self.task, self.epoch)
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) fn cancel(self) -> bool {
        let ended = self.task.word.finish().is_some();
        std::mem::forget(self);
        ended && !Weakening::Cancel.is_set()
    }

    pub(crate) fn park(self, deadline: Time) -> Outcome {
        let task = self.task;
        let waker = self.waker();
        std::mem::forget(self);
        if task.word.park() {
            if deadline == Time::PAST {
                waker.wake(Outcome::Deadline);
            }
            task.switch();
        }
        task.word
            .finish()
            .expect("a task that was delivered was woken")
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // A scene that has failed is not played to its end.
        if !std::thread::panicking() {
            self.task.word.finish();
        }
    }
}
