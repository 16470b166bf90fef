//! The calling thread as a worker: what the machine does with its tasks.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::clock::Time;
use super::home::{Home, Post};
use super::local::{self, Local};

use super::task::{TASKS, Task};
use super::timers::{Entry, Timers};
use super::word::Outcome;
use crate::sys::prefetch::prefetch;

/// See the [module](self).
pub(crate) struct Tasks {
    home: &'static Home,
    local: &'static Local,
}

impl Tasks {
    /// Makes the calling thread the worker of a home.
    pub(crate) fn enter(post: Post) -> Self {
        let (home, local) = local::become_worker(post);
        Self { home, local }
    }

    pub(super) fn local(&self) -> &'static Local {
        self.local
    }

    /// Runs what is in the queue now, so many at most; what comes in meanwhile has
    /// to wait. Returns how many tasks ran.
    pub(crate) fn run_batch(&self, most: usize) -> usize {
        let batch = self.local.queue.borrow().len().min(most);
        for turn in 0..batch {
            let task = {
                let mut queue = self.local.queue.borrow_mut();
                if turn % GROUP == 0 {
                    look_ahead(&queue);
                }
                let Some(task) = queue.pop_front() else { break };
                task
            };
            self.local.run(self.home, task);
        }
        batch
    }

    /// Starts tasks that wait for that here, so many at most. They run at once: one
    /// that has started stays here, one that has not may go where there is time.
    /// Returns how many.
    pub(crate) fn start_fresh(&self, most: usize) -> usize {
        // Looking is far cheaper than finding nothing to take.
        if !self.home.has_fresh() {
            return 0;
        }
        for started in 0..most {
            match self.home.take_fresh() {
                Some(task) => self.start(task),
                None => return started,
            }
        }
        most
    }

    /// Takes a task that has not started from another worker, and runs it.
    pub(crate) fn steal(&self, other: &Home) -> bool {
        match self.home.steal_from(other) {
            Some(task) => {
                self.start(task);
                true
            }
            None => false,
        }
    }

    fn start(&self, task: &'static Task) {
        task.set_home(self.home);
        self.local.run(self.home, task);
    }

    pub(crate) fn has_runnable(&self) -> bool {
        !self.local.queue.borrow().is_empty() || self.home.has_fresh()
    }

    /// Moves what other threads sent into the queue.
    #[inline]
    pub(crate) fn take_inbox(&self) {
        if !self.home.inbox.is_empty() {
            self.home.take_inbox(|task| self.local.push(task));
        }
    }

    /// Marks the worker asleep, so that who sends it something rings, unless
    /// something was sent already. [`Tasks::wake_up`] must follow.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.home.fall_asleep()
    }

    /// Marks the worker awake and moves what was sent into the queue.
    pub(crate) fn wake_up(&self) {
        self.home.take_inbox(|task| self.local.push(task));
    }

    /// When the earliest timer fires.
    pub(crate) fn next_timer(&self) -> Option<Time> {
        self.local.timers.borrow().next()
    }

    /// Wakes the tasks whose deadline has come.
    pub(crate) fn fire_timers(&self, now: Time) {
        loop {
            let mut timers = self.local.timers.borrow_mut();
            let Some(entry) = timers.pop_due(now) else {
                return;
            };
            let task = TASKS.get(entry.task);
            if !local::is_live(&entry) || task.home() != self.home.index {
                timers.was_stale();
                continue;
            }
            // SAFETY: the task lives here, and this is the worker.
            let own = unsafe { task.own() };
            let deadline = own.deadline.get();
            if deadline == Time::NEVER {
                // It waits without a deadline, or not at all.
                own.timer.set(Time::NEVER);
                task.timer_count.fetch_add(1, Ordering::Relaxed);
            } else if deadline > now {
                own.timer.set(deadline);
                timers.push(Entry {
                    when: deadline,
                    ..entry
                });
            } else {
                own.timer.set(Time::NEVER);
                task.timer_count.fetch_add(1, Ordering::Relaxed);
                drop(timers);
                if task.word.wake_present(Outcome::Deadline) {
                    self.local.push(task);
                }
            }
        }
    }

    /// Makes the waits of all tasks here that can fail do so, now and from now on.
    pub(crate) fn cancel(&self) {
        if self.local.cancelled.replace(true) {
            return;
        }
        for task in &*self.local.tasks.borrow() {
            // SAFETY: it is in this worker's list.
            let own = unsafe { task.own() };
            if own.cancellable.get() && task.word.wake_present(Outcome::Cancelled) {
                self.local.push(task);
            }
        }
    }

    /// Tells who watches that the worker has come around.
    #[inline]
    pub(crate) fn count_turn(&self) {
        self.home.count_turn();
    }

    /// How many tasks have begun and not ended.
    pub(crate) fn started(&self) -> usize {
        self.local.tasks.borrow().len()
    }

    /// Ends the thread's being a worker. No task lives here any more.
    pub(crate) fn leave(self) {
        assert_eq!(self.started(), 0, "a worker stays while its tasks do");
        local::be_none();
        TASKS.give_back(&self.local.vacant.take());
        self.local.timers.replace(Timers::new());
        self.local.cancelled.set(false);
        // The stacks go to the workers that are still there.
        self.local.stacks.replace(None);
    }
}

/// How many tasks are looked after at once. A processor that has to look up the page of a
/// prefetch waits for that, but it looks up several at a time.
const GROUP: usize = 4;

/// Asks for the memory that the next tasks of the queue will need: what the first ones
/// come back to, and the slots of those after them, which is where that is found.
#[inline]
fn look_ahead(queue: &VecDeque<&'static Task>) {
    for next in queue.iter().take(GROUP) {
        // SAFETY: what is in the queue was delivered to this worker.
        let own = unsafe { next.own() };
        prefetch(own.stack_pointer.get(), -1..3);
        prefetch(own.yielder.get().addr(), 0..1);
        prefetch(own.beside.get(), 0..2);
    }
    for later in queue.iter().skip(GROUP).take(GROUP) {
        later.prefetch();
    }
}
