//! What a worker keeps for its own tasks, without a lock.
//!
//! Everything here is touched by one thread. A thread finds its own through a
//! thread-local that only [`Tasks`] sets, so a reference to it cannot be had
//! anywhere else.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::clock::Time;
use super::home::{Home, Post};
use super::prefetch::prefetch;
use super::task::{Ran, TASKS, Task};
use super::timers::{Entry, Timers};
use super::word::Outcome;
use crate::stack::{Pool, Stack};

/// See the [module](self).
pub(crate) struct Local {
    queue: RefCell<VecDeque<&'static Task>>,
    timers: RefCell<Timers>,
    /// There while a worker is.
    stacks: RefCell<Option<Pool>>,
    /// The task that runs at this moment.
    current: Cell<Option<&'static Task>>,
    /// Slots of tasks that have ended here, to be used again.
    vacant: RefCell<Vec<u32>>,
    /// The tasks that have a stack.
    tasks: RefCell<Vec<&'static Task>>,
    /// Tasks that could not begin because there was no memory for a stack.
    starved: RefCell<Vec<&'static Task>>,
    /// Whether waits that can fail are not to begin any more.
    cancelled: Cell<bool>,
    /// How many tasks have parked here while somebody was unwinding.
    among_panics: Cell<u32>,
    care: Care,
}

/// How far the worker is in giving memory back; see [`Tasks::tend`].
struct Care {
    round: Cell<u32>,
    /// Where in the list of tasks the present round is.
    cursor: Cell<usize>,
    /// Whether the present round has seen a task that a later one may trim.
    pending: Cell<bool>,
}

/// Slots that a worker keeps for itself, and how many it fetches at once.
const VACANT_MOST: usize = 256;
const VACANT_BATCH: usize = 64;
/// Stacks that one step of a round gives back at most: some hundred microseconds.
const TRIMS_A_STEP: usize = 128;
/// Tasks that one step of a round looks at.
const LOOKS_A_STEP: usize = 1024;

thread_local! {
    static HERE: Cell<Option<&'static Home>> = const { Cell::new(None) };
}

/// The worker's part of the calling thread, if it is a worker.
#[inline]
pub(super) fn here() -> Option<(&'static Home, &'static Local)> {
    let home = HERE.get()?;
    // SAFETY: `HERE` is set by `Tasks` alone, on the thread of the home's worker.
    Some((home, unsafe { home.local.get() }))
}

/// The task that is running on the calling thread, if one is.
#[inline]
pub(super) fn current() -> Option<(&'static Local, &'static Task)> {
    let (_, local) = here()?;
    Some((local, local.current.get()?))
}

/// Puts a task into the calling worker's queue, if it lives here.
#[inline]
pub(super) fn push_if_here(home: u32, task: &'static Task) -> bool {
    match here() {
        Some((here, local)) if here.index == home => {
            local.queue.borrow_mut().push_back(task);
            true
        }
        _ => false,
    }
}

/// Whether the calling thread is the worker of this home.
#[inline]
pub(super) fn is_here(home: &Home) -> bool {
    HERE.get().is_some_and(|here| here.index == home.index)
}

/// A slot for a new task: a worker has some at hand.
pub(super) fn take_slot() -> &'static Task {
    let Some((_, local)) = here() else {
        return TASKS.take();
    };
    let mut vacant = local.vacant.borrow_mut();
    if vacant.is_empty() {
        vacant.resize(VACANT_BATCH, 0);
        TASKS.take_many(&mut vacant);
    }
    TASKS.get(vacant.pop().expect("it was filled"))
}

impl Local {
    pub(super) fn new() -> Self {
        Self {
            queue: RefCell::new(VecDeque::new()),
            timers: RefCell::new(Timers::new()),
            stacks: RefCell::new(None),
            current: Cell::new(None),
            vacant: RefCell::new(Vec::new()),
            tasks: RefCell::new(Vec::new()),
            starved: RefCell::new(Vec::new()),
            cancelled: Cell::new(false),
            among_panics: Cell::new(0),
            care: Care {
                round: Cell::new(0),
                cursor: Cell::new(0),
                pending: Cell::new(false),
            },
        }
    }

    pub(super) fn push(&self, task: &'static Task) {
        self.queue.borrow_mut().push_back(task);
    }

    pub(super) fn take_stack(&self, size: usize) -> std::io::Result<Stack> {
        self.with_stacks(|stacks| stacks.take(size))
    }

    fn with_stacks<R>(&self, f: impl FnOnce(&mut Pool) -> R) -> R {
        f(self
            .stacks
            .borrow_mut()
            .as_mut()
            .expect("a worker has a pool of stacks"))
    }

    /// Counts tasks that park, or come back, while somebody is unwinding.
    pub(super) fn parked_among_panics(&self, change: i32) {
        let count = self.among_panics.get().wrapping_add_signed(change);
        self.among_panics.set(count);
    }

    pub(super) fn has_parked_among_panics(&self) -> bool {
        self.among_panics.get() != 0
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// Lists a task that has got a stack.
    pub(super) fn enter(&self, task: &'static Task) {
        let mut tasks = self.tasks.borrow_mut();
        // SAFETY: a task begins on its worker.
        let own = unsafe { task.own() };
        own.place.set(tasks.len() as u32);
        tasks.push(task);
    }

    /// Sets the timer of the current task for the wait it is in.
    pub(super) fn set_deadline(&self, task: &'static Task, deadline: Time) {
        // SAFETY: the current task belongs to this worker.
        let own = unsafe { task.own() };
        own.deadline.set(deadline);
        if own.timer.get() <= deadline {
            return;
        }
        self.forget_timer(task);
        own.timer.set(deadline);
        self.timers.borrow_mut().push(Entry {
            when: deadline,
            task: task.index,
            count: task.timer_count.load(Ordering::Relaxed),
        });
    }

    /// Leaves the entry of a task's timer behind, if it has one.
    fn forget_timer(&self, task: &'static Task) {
        // SAFETY: the callers pass a task of this worker.
        let own = unsafe { task.own() };
        if own.timer.replace(Time::NEVER) != Time::NEVER {
            task.timer_count.fetch_add(1, Ordering::Relaxed);
            self.timers.borrow_mut().retire(is_live);
        }
    }

    /// Runs a task of the queue.
    fn run(&self, home: &'static Home, task: &'static Task) {
        // SAFETY: what is in the queue was delivered to this worker.
        let own = unsafe { task.own() };
        own.ran_in.set(self.care.round.get());
        own.trimmed.set(false);
        self.current.set(Some(task));
        home.set_current(Some(task));
        // SAFETY: this is the worker, no task runs, and the queue holds only tasks
        // that are new or were delivered since they last parked.
        let ran = unsafe { task.run(self) };
        self.current.set(None);
        home.set_current(None);
        match ran {
            Ok(Ran::Parked) => {}
            Ok(Ran::Finished(stack, permit)) => {
                self.finish(home, task, stack);
                // After the stack has gone back: see `stack::permit`.
                drop(permit);
            }
            Err(error) => self.starve(task, &error),
        }
    }

    /// A task has returned.
    fn finish(&self, home: &'static Home, task: &'static Task, stack: Stack) {
        self.forget_timer(task);
        // SAFETY: it is still a task of this worker.
        let place = unsafe { task.own() }.place.get() as usize;
        {
            let mut tasks = self.tasks.borrow_mut();
            tasks.swap_remove(place);
            if let Some(moved) = tasks.get(place) {
                // SAFETY: it is in this worker's list.
                unsafe { moved.own() }.place.set(place as u32);
            }
        }
        task.leave_home();
        home.task_ended();
        self.with_stacks(|stacks| stacks.put(stack));
        self.queue
            .borrow_mut()
            .extend(self.starved.borrow_mut().drain(..));
        let mut vacant = self.vacant.borrow_mut();
        vacant.push(task.index);
        if vacant.len() > VACANT_MOST {
            let keep = VACANT_MOST / 2;
            TASKS.give_back(&vacant[keep..]);
            vacant.truncate(keep);
        }
    }

    /// There is no memory for the stack of a task: it begins when another ends.
    #[cold]
    fn starve(&self, task: &'static Task, error: &std::io::Error) {
        if self.tasks.borrow().is_empty() {
            eprintln!(
                "netpoll: no memory for the stack of a task, and none will be given back: {error}"
            );
            std::process::abort();
        }
        self.starved.borrow_mut().push(task);
    }
}

/// Whether an entry of the heap is the timer that its task has now. True only
/// for tasks of the calling worker: a task that leaves its home counts on.
fn is_live(entry: &Entry) -> bool {
    TASKS.get(entry.task).timer_count.load(Ordering::Relaxed) == entry.count
}

/// The calling thread as a worker: what the machine does with its tasks.
pub(crate) struct Tasks {
    home: &'static Home,
    local: &'static Local,
}

impl Tasks {
    /// Makes the calling thread the worker of a home.
    pub(crate) fn enter(post: Post) -> Self {
        assert!(HERE.get().is_none(), "a thread is one worker at a time");
        let (home, stacks) = post.take_up();
        HERE.set(Some(home));
        // SAFETY: there is one post for each home that is in use, and it is used up
        // here, so this thread is the only worker of the home until `leave` gives
        // it back.
        let local = unsafe { home.local.get() };
        local.stacks.replace(Some(stacks));
        Self { home, local }
    }

    /// Runs what is in the queue now, so many at most; what comes in meanwhile has
    /// to wait. Returns how many tasks ran.
    pub(crate) fn run_batch(&self, most: usize) -> usize {
        let batch = self.local.queue.borrow().len().min(most);
        for _ in 0..batch {
            let task = {
                let mut queue = self.local.queue.borrow_mut();
                let Some(task) = queue.pop_front() else { break };
                look_ahead(&queue);
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
            if !is_live(&entry) || task.home() != self.home.index {
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

    /// One step of giving memory back, which the worker takes every few seconds
    /// while anything runs: the part of their stacks that tasks parked for long
    /// do not use, and stacks in the pool that lay unused. Returns whether the
    /// round goes on; when it does not, [`Tasks::needs_care`] says whether to
    /// begin another one later.
    pub(crate) fn tend(&self) -> bool {
        let care = &self.local.care;
        let tasks = self.local.tasks.borrow();
        if care.cursor.get() == 0 {
            care.round.set(care.round.get().wrapping_add(1));
            care.pending.set(false);
        }
        let mut trims = 0;
        let mut cursor = care.cursor.get();
        let stop = tasks.len().min(cursor + LOOKS_A_STEP);
        while cursor < stop && trims < TRIMS_A_STEP {
            let task = tasks[cursor];
            cursor += 1;
            // SAFETY: it is in this worker's list.
            let own = unsafe { task.own() };
            if own.trimmed.get() {
                continue;
            }
            // A task in the queue, or one that slept for less than a full round,
            // is about as likely to run again as not.
            if care.round.get().wrapping_sub(own.ran_in.get()) < 2 {
                care.pending.set(true);
                continue;
            }
            // SAFETY: this is the worker and no task runs, so it is parked.
            unsafe { task.trim() };
            trims += 1;
        }
        let more_tasks = cursor < tasks.len();
        care.cursor.set(if more_tasks { cursor } else { 0 });
        if more_tasks {
            return true;
        }
        let more_stacks = self.local.with_stacks(Pool::tend);
        if more_stacks {
            care.pending.set(true);
        }
        false
    }

    /// Whether a later round would find something to give back.
    pub(crate) fn needs_care(&self) -> bool {
        self.local.care.pending.get()
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
        HERE.set(None);
        TASKS.give_back(&self.local.vacant.take());
        self.local.timers.replace(Timers::new());
        self.local.cancelled.set(false);
        // The stacks go to the workers that are still there.
        self.local.stacks.replace(None);
    }
}

/// Asks for the memory that the next tasks of the queue will need: the stack of
/// the next one, and the slot of the one after the next two, which is where its
/// stack is found.
#[inline]
fn look_ahead(queue: &VecDeque<&'static Task>) {
    if let Some(next) = queue.front() {
        // SAFETY: what is in the queue was delivered to this worker.
        let sp = unsafe { next.own() }.stack_pointer.get();
        prefetch(sp.wrapping_sub(64));
        prefetch(sp);
        prefetch(sp.wrapping_add(64));
    }
    if let Some(later) = queue.get(2) {
        later.prefetch();
    }
}
