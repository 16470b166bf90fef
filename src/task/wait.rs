//! Waiting: the one primitive through which everything here sleeps.
//!
//! ```text
//! let wait = Wait::begin(reason);       // a new epoch
//! somewhere.put(wait.waker());          // who holds it can end the wait
//! match wait.park(deadline) { .. }      // sleeps until the first of them does
//! ```
//!
//! On a task, `park` leaves the stack to the worker, which runs others meanwhile.
//! On any other thread it blocks the thread, in `poll(2)` on a bell of its own
//! and on the descriptor that the wait is for. Between `begin` and `park` nothing
//! else may wait.
//!
//! A wait can end for no reason that its caller knows of (a wake-up that was on
//! its way, a deadline that moved): callers look again, and wait again.
//!
//! # While unwinding
//!
//! std counts panics per thread, so a task that leaves its worker while it is
//! unwinding shows its panic to every other task there. A wait for a descriptor
//! or a timer therefore does not switch: it blocks the worker as if it were a
//! plain thread, for a second at most, and then gives up.
//! A wait that only another task can end has to switch, or it would never end.

use std::cell::Cell;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::Time;
use super::local::{self, Local};
use super::seat::Seat;
use super::task::{BUDGET, Task};
use super::waker::Waker;
use super::word::Outcome;
use crate::stack::TaskName;
use crate::sys::fork;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Something happens to one of the descriptors of an event loop.
    Events,
    /// A descriptor becomes readable.
    Read(RawFd),
    /// A descriptor becomes writable.
    Write(RawFd),
    /// A descriptor is not worth trying before some time has passed.
    Pause,
    /// Another task is done with a descriptor.
    Turn,
    /// A thread of the pool answers a question that may be given up.
    Answer,
    /// Time passes.
    Sleep,
    /// Another task ends.
    Join,
    /// Another task calls `unpark`.
    Park,
    /// Another task lets go of a lock.
    Lock,
    /// Another task notifies a condition variable, or comes to a barrier.
    Condition,
    /// Another task has initialized something.
    Once,
    /// Another task sends, or receives.
    Channel,
}

impl Reason {
    /// Whether the wait ends without any other task's doing.
    fn is_outside(self) -> bool {
        matches!(
            self,
            Reason::Read(_) | Reason::Write(_) | Reason::Pause | Reason::Answer | Reason::Sleep
        )
    }

    /// Whether the wait belongs to an operation that returns an `io::Result`, and
    /// can therefore be cancelled.
    fn is_fallible(self) -> bool {
        matches!(
            self,
            Reason::Events
                | Reason::Read(_)
                | Reason::Write(_)
                | Reason::Pause
                | Reason::Turn
                | Reason::Answer
        )
    }
}

/// The longest that a wait may block a worker.
const BLOCK_MOST: Duration = Duration::from_secs(1);

static PARKED_UNWINDING: AtomicU64 = AtomicU64::new(0);

/// How often a task of this process has parked while it was unwinding.
pub(crate) fn parked_unwinding() -> u64 {
    PARKED_UNWINDING.load(Ordering::Relaxed)
}

/// One wait of the calling task or thread; see the [module](self).
pub(crate) struct Wait {
    sleeper: Sleeper,
    epoch: u32,
    reason: Reason,
    /// Whether the word has left the wait.
    finished: bool,
}

enum Sleeper {
    Task(&'static Local, &'static Task),
    /// With the longest that it may block.
    Thread(Seat, Option<Duration>),
}

impl Wait {
    /// Begins a wait.
    ///
    /// # Panics
    ///
    /// In a task that is inside of `no_park`.
    pub(crate) fn begin(reason: Reason) -> Self {
        check_not_forked();
        let sleeper = match local::current() {
            Some((local, task)) if reason.is_outside() && is_certainly_unwinding(local, task) => {
                Sleeper::Thread(Seat::of_thread(), Some(BLOCK_MOST))
            }
            Some((local, task)) => {
                check_may_park(task);
                Sleeper::Task(local, task)
            }
            None => Sleeper::Thread(Seat::of_thread(), None),
        };
        let epoch = sleeper.task().word.arm();
        Self {
            sleeper,
            epoch,
            reason,
            finished: false,
        }
    }

    /// Says at which address the task will look first when it comes back.
    #[inline]
    pub(crate) fn beside(&self, address: usize) {
        if let Sleeper::Task(_, task) = &self.sleeper {
            // SAFETY: it is the current task.
            unsafe { task.own() }.beside.set(address);
        }
    }

    /// What ends this wait.
    pub(crate) fn waker(&self) -> Waker {
        Waker::new(self.sleeper.task(), self.epoch)
    }

    /// Which of the waits of its task this is.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Leaves the wait without sleeping; returns whether a waker had ended it.
    pub(crate) fn cancel(mut self) -> bool {
        self.finished = true;
        self.sleeper.task().word.finish().is_some()
    }

    /// Sleeps until a waker ends the wait, or the deadline comes.
    pub(crate) fn park(mut self, deadline: Time) -> Outcome {
        self.finished = true;
        match &self.sleeper {
            Sleeper::Task(local, task) => park_task(local, task, self.reason, deadline),
            Sleeper::Thread(seat, most) => {
                let given_up = most.map_or(Time::NEVER, |most| Time::now().after(most));
                match seat.block(self.reason, deadline.min(given_up)) {
                    Outcome::Deadline if given_up < deadline => Outcome::GaveUp,
                    outcome => outcome,
                }
            }
        }
    }
}

impl Drop for Wait {
    /// The wait turned out not to be needed.
    fn drop(&mut self) {
        if !self.finished {
            self.sleeper.task().word.finish();
        }
    }
}

impl Sleeper {
    fn task(&self) -> &'static Task {
        match self {
            Sleeper::Task(_, task) => task,
            Sleeper::Thread(seat, _) => seat.task(),
        }
    }
}

fn park_task(
    local: &'static Local,
    task: &'static Task,
    reason: Reason,
    deadline: Time,
) -> Outcome {
    // SAFETY: this is the current task, so this thread is its worker.
    let own = unsafe { task.own() };
    if reason.is_fallible() {
        // Its own worker cancels, in between: there is no race with that.
        if local.is_cancelled() {
            return task.word.finish().unwrap_or(Outcome::Cancelled);
        }
        own.cancellable.set(true);
    }
    if deadline != Time::NEVER {
        local.set_deadline(task, deadline);
    }
    if let Some(about_to_park) = own.about_to_park.take() {
        about_to_park();
    }
    if task.word.park() {
        if is_certainly_unwinding(local, task) {
            PARKED_UNWINDING.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: this runs on the task's stack, and `park` has made sure that the
        // waker that ends the wait delivers the task.
        unsafe { switch_away(local, task) };
    }
    own.deadline.set(Time::NEVER);
    own.cancellable.set(false);
    task.word
        .finish()
        .expect("a task that was delivered was woken")
}

/// Whether this task, and not another one of its worker, is unwinding for certain.
///
/// `panicking` speaks of the thread. It is about this task if it was not so when
/// the task was last resumed, or if no other task has parked while it was so. Where
/// both are otherwise, nobody can tell, and the answer is no: a task that is taken
/// for unwinding blocks its worker.
fn is_certainly_unwinding(local: &Local, task: &Task) -> bool {
    std::thread::panicking() && {
        // SAFETY: the callers pass the current task.
        let own = unsafe { task.own() };
        !own.resumed_among_panics.get() || !local.has_parked_among_panics()
    }
}

/// Whether the calling task, and not another one of its worker, is unwinding, as far
/// as can be told; on any other thread, whether the thread is.
///
/// Where it is not certain, it goes by how the task last left its stack: who parks
/// in a destructor is still unwinding when it comes back.
#[inline]
pub(crate) fn is_unwinding() -> bool {
    std::thread::panicking()
        && local::current().is_none_or(|(local, task)| is_probably_unwinding(local, task))
}

/// As [`is_unwinding`], where `panicking` is so.
fn is_probably_unwinding(local: &Local, task: &Task) -> bool {
    // SAFETY: the callers pass the current task.
    unsafe { task.own() }.left_unwinding.get() || is_certainly_unwinding(local, task)
}

/// A forked child has none of the threads that would wake it, and shares its
/// parent's epolls.
#[inline]
pub(crate) fn check_not_forked() {
    if fork::is_child() {
        panic!("{}", fork::REFUSAL);
    }
}

fn check_may_park(task: &Task) {
    // SAFETY: the callers pass the current task.
    if unsafe { task.own() }.no_park.get() > 0 {
        // Reached only by a bug in the caller's program; the panic unwinds to it.
        panic!("a task parked inside of no_park");
    }
}

/// Lets other tasks of the worker run; on another thread, other threads.
pub(crate) fn yield_now() {
    match local::current() {
        Some((local, task)) => {
            check_not_forked();
            check_may_park(task);
            // Who gives way may do so again and again, until something has happened.
            // SAFETY: it is the current task.
            if let Some(about_to_park) = unsafe { task.own() }.about_to_park.take() {
                about_to_park();
            }
            give_way(local, task);
        }
        None => std::thread::yield_now(),
    }
}

fn give_way(local: &Local, task: &'static Task) {
    local.push(task);
    // SAFETY: this runs on the task's stack, and the task is in its worker's queue.
    unsafe { switch_away(local, task) };
}

/// Leaves the stack, and sees to it that other tasks of the worker, who see
/// `panicking` if this one is unwinding, are not taken for it.
///
/// # Safety
///
/// As for `Task::switch`.
unsafe fn switch_away(local: &Local, task: &'static Task) {
    let among_panics = std::thread::panicking();
    let unwinding = among_panics && is_probably_unwinding(local, task);
    if among_panics {
        local.parked_among_panics(1);
    }
    // SAFETY: the caller promises what both ask for.
    unsafe {
        task.own().left_unwinding.set(unwinding);
        task.switch();
    }
    if among_panics {
        local.parked_among_panics(-1);
    }
}

/// Counts an operation that did not have to wait. A task that has done many
/// without ever parking gives way, so that it does not starve the others; but
/// not where it must not park, and not while it unwinds.
#[inline]
pub(crate) fn spend() {
    let Some((local, task)) = local::current() else {
        return;
    };
    // SAFETY: it is the current task.
    let own = unsafe { task.own() };
    match own.budget.get() {
        0 => {
            if own.no_park.get() == 0 && !is_certainly_unwinding(local, task) {
                give_way(local, task);
            } else {
                own.budget.set(BUDGET);
            }
        }
        left => own.budget.set(left - 1),
    }
}

/// Counts what a call did beyond one operation; the next to be [counted](spend) gives way if
/// that was too much.
#[inline]
pub(crate) fn spend_more(operations: usize) {
    if let Some((_, task)) = local::current() {
        // SAFETY: it is the current task.
        let budget = unsafe { &task.own().budget };
        let operations = u32::try_from(operations).unwrap_or(u32::MAX);
        budget.set(budget.get().saturating_sub(operations));
    }
}

/// Runs `f`; if it parks, it panics. On a thread that is no task, only runs it.
pub(crate) fn no_park<R>(f: impl FnOnce() -> R) -> R {
    struct Inside(&'static Cell<u32>);
    impl Drop for Inside {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let _inside = local::current().map(|(_, task)| {
        // SAFETY: it is the current task; the guard lives on its stack.
        let depth = &unsafe { task.own() }.no_park;
        depth.set(depth.get() + 1);
        Inside(depth)
    });
    f()
}

/// The name of the task that runs on the calling thread. For a signal handler:
/// it only reads.
pub(crate) fn name_for_report() -> Option<TaskName> {
    let (_, task) = local::current()?;
    // SAFETY: it is the current task. A name lives as long as its task, and the
    // report is written while the task is stopped in the middle.
    unsafe {
        let name = task.name().unwrap_or("<unnamed>");
        Some(TaskName::new(name.as_ptr(), name.len()))
    }
}

/// Has a function called when the calling task is about to park the next time, or to give
/// way by [`yield_now`], once.
/// It must not wait itself. What is called belongs to whoever shares the worker with the
/// task and must know that it is gone for a while.
pub(crate) fn before_next_park(call: Option<fn()>) {
    if let Some((_, task)) = local::current() {
        // SAFETY: it is the current task.
        unsafe { task.own() }.about_to_park.set(call);
    }
}

/// Whether the calling thread is running a task.
pub(crate) fn is_task() -> bool {
    local::current().is_some()
}
