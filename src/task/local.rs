//! What a worker keeps for its own tasks, without a lock.
//!
//! Everything here is touched by one thread. A thread finds its own through a
//! thread-local that only `become_worker` sets, so a reference to it cannot be had
//! anywhere else.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::care::Care;
use super::clock::Time;
use super::home::{Home, Post};
use super::task::{Ran, TASKS, Task};
use super::timers::{Entry, Timers};
use crate::stack::{Pool, Stack};

/// See the [module](self).
pub(crate) struct Local {
    pub(super) queue: RefCell<VecDeque<&'static Task>>,
    pub(super) timers: RefCell<Timers>,
    /// There while a worker is.
    pub(super) stacks: RefCell<Option<Pool>>,
    /// The task that runs at this moment.
    current: Cell<Option<&'static Task>>,
    /// Slots of tasks that have ended here, to be used again.
    pub(super) vacant: RefCell<Vec<u32>>,
    /// The tasks that have a stack.
    pub(super) tasks: RefCell<Vec<&'static Task>>,
    /// Tasks that could not begin because there was no memory for a stack.
    starved: RefCell<Vec<&'static Task>>,
    /// Whether waits that can fail are not to begin any more.
    pub(super) cancelled: Cell<bool>,
    /// How many tasks have parked here while somebody was unwinding.
    among_panics: Cell<u32>,
    pub(super) care: Care,
}

/// Slots that a worker keeps for itself, and how many it fetches at once.
const VACANT_MOST: usize = 256;
const VACANT_BATCH: usize = 64;
thread_local! {
    /// Set by [`become_worker`] alone.
    static HERE: Cell<Option<&'static Home>> = const { Cell::new(None) };
}

/// The worker's part of the calling thread, if it is a worker.
#[inline]
pub(super) fn here() -> Option<(&'static Home, &'static Local)> {
    let home = HERE.get()?;
    // SAFETY: `HERE` is set by `become_worker` alone, on the thread of the home's worker.
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
            care: Care::new(),
        }
    }

    pub(super) fn push(&self, task: &'static Task) {
        self.queue.borrow_mut().push_back(task);
    }

    pub(super) fn take_stack(&self, size: usize) -> std::io::Result<Stack> {
        self.with_stacks(|stacks| stacks.take(size))
    }

    pub(super) fn with_stacks<R>(&self, f: impl FnOnce(&mut Pool) -> R) -> R {
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
    pub(super) fn run(&self, home: &'static Home, task: &'static Task) {
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
pub(super) fn is_live(entry: &Entry) -> bool {
    TASKS.get(entry.task).timer_count.load(Ordering::Relaxed) == entry.count
}

/// Makes the calling thread the worker of a home.
pub(super) fn become_worker(post: Post) -> (&'static Home, &'static Local) {
    assert!(HERE.get().is_none(), "a thread is one worker at a time");
    let (home, stacks) = post.take_up();
    HERE.set(Some(home));
    // SAFETY: there is one post for each home that is in use, and it is used up here,
    // so this thread is the only worker of the home until it is given back.
    let local = unsafe { home.local.get() };
    local.stacks.replace(Some(stacks));
    (home, local)
}

/// Ends the calling thread's being a worker.
pub(super) fn be_none() {
    HERE.set(None);
}
