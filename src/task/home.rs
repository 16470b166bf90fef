//! Where a task lives: what other threads may touch of a worker.
//!
//! A home is the address of a worker: its inbox, its bell, its load. Homes live
//! in a type-stable table, like tasks, so that a waker that is still ringing
//! when the worker has already gone rings at most for its successor. A plain
//! thread that waits has a home too, of which only the bell is used.
//!
//! # Tasks that have not started
//!
//! They are not pinned yet. They wait in a queue of their home that every worker
//! of the machine may take from, so a worker that is held up by one task keeps
//! none of the others from running. Its own worker starts them a few at a time.
//!
//! Who leaves one for a worker that sleeps has to wake it. The two look at two
//! words, so both put a full barrier between: the sender writes the queue and then
//! looks whether the worker sleeps; the worker marks itself asleep and then looks
//! at the queue. At least one sees the other.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Mutex, PoisonError};

use crossbeam_queue::SegQueue;

use super::inbox::Inbox;
use super::local::{self, Local};
use super::owner::OwnerCell;
use super::table::{Slot, SmallTable};
use super::task::{Report, TASKS, Task};
use crate::stack::Pool;
use crate::sys::eventfd::EventFd;

/// See the [module](self).
pub(crate) struct Home {
    pub(super) index: u32,
    pub(super) inbox: Inbox,
    /// The lock keeps the number of the eventfd from being closed, and given to
    /// somebody else, under a ring that comes late. It is taken only to ring a
    /// thread that sleeps, beside a system call.
    bell: Mutex<Option<EventFd>>,
    /// A thread takes nothing from its inbox: it is woken by its bell alone.
    is_thread: AtomicBool,
    /// The numbers of tasks that have not started.
    fresh: SegQueue<u32>,
    /// How many more of those were taken from other homes than others took from
    /// this one.
    moved_in: AtomicI64,
    /// How many tasks were ever sent to live here, and how many of them have
    /// ended. Both only grow; see `Home::all_ended`.
    came: AtomicU64,
    ended: AtomicU64,
    /// How often the worker has come around, and the task that it ran last. Written
    /// by the worker alone; see [`Home::activity`].
    turns: AtomicU32,
    current: AtomicU32,
    /// The turn in which a monitor found the worker held up.
    held_in: AtomicU32,
    /// How often the worker was rung for.
    rings: AtomicU64,
    /// How many of its tasks other threads have woken. Written by the worker alone.
    woken_remotely: AtomicU64,
    /// What only the worker itself touches.
    pub(super) local: OwnerCell<Local>,
}

/// No task runs.
const NOBODY: u32 = u32::MAX;
/// A turn that no worker reaches before it has been looked at.
const NOT_HELD: u32 = u32::MAX;

/// What can be seen of a worker from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    /// Whether it sleeps until somebody rings.
    pub(crate) asleep: bool,
    /// How often it has come around; wraps. Zero before its thread runs.
    pub(crate) turns: u32,
    /// How often it was rung for.
    pub(crate) rings: u64,
    /// How many of its tasks other threads have woken.
    pub(crate) woken_remotely: u64,
}

/// The right to be the worker of a home. There is one for each.
pub(crate) struct Post {
    home: &'static Home,
    stacks: Pool,
}

impl Post {
    pub(crate) fn home(&self) -> &'static Home {
        self.home
    }

    /// Uses the post up.
    pub(super) fn take_up(self) -> (&'static Home, Pool) {
        (self.home, self.stacks)
    }
}

pub(super) static HOMES: SmallTable<Home> = SmallTable::new();

impl Slot for Home {
    fn new(index: u32) -> Self {
        Self {
            index,
            inbox: Inbox::new(),
            bell: Mutex::new(None),
            is_thread: AtomicBool::new(false),
            fresh: SegQueue::new(),
            moved_in: AtomicI64::new(0),
            turns: AtomicU32::new(0),
            held_in: AtomicU32::new(NOT_HELD),
            current: AtomicU32::new(NOBODY),
            rings: AtomicU64::new(0),
            woken_remotely: AtomicU64::new(0),
            came: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            local: OwnerCell::new(Local::new()),
        }
    }
}

impl Home {
    /// Takes a home for a worker.
    pub(crate) fn for_worker(bell: EventFd) -> Post {
        let home = HOMES.take();
        home.is_thread.store(false, Ordering::Relaxed);
        // Tasks that moved between the homes of an earlier machine made them uneven.
        home.came.store(0, Ordering::Relaxed);
        home.ended.store(0, Ordering::Relaxed);
        home.moved_in.store(0, Ordering::Relaxed);
        home.rings.store(0, Ordering::Relaxed);
        home.woken_remotely.store(0, Ordering::Relaxed);
        home.turns.store(0, Ordering::Relaxed);
        home.held_in.store(NOT_HELD, Ordering::Relaxed);
        home.current.store(NOBODY, Ordering::Relaxed);
        debug_assert!(!home.has_fresh(), "its worker left when there was none");
        home.set_bell(Some(bell));
        Post {
            home,
            stacks: Pool::new(),
        }
    }

    /// Takes a home for threads, one after the other. It is not given back.
    pub(super) fn for_threads() -> &'static Self {
        let home = HOMES.take();
        home.is_thread.store(true, Ordering::Relaxed);
        home
    }

    /// Gives the home back. Nothing lives here any more and nobody looks at it; who
    /// still rings reaches nobody.
    pub(crate) fn give_back(&'static self) {
        self.set_bell(None);
        HOMES.give_back(&[self.index]);
    }

    pub(super) fn set_bell(&self, bell: Option<EventFd>) {
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) = bell;
    }

    /// Does something with the bell, which stays open meanwhile.
    pub(crate) fn with_bell<R>(&self, f: impl FnOnce(&EventFd) -> R) -> Option<R> {
        let bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        bell.as_ref().map(f)
    }

    /// Makes the worker's wait, or the thread's, return.
    pub(crate) fn ring(&self) {
        self.rings.fetch_add(1, Ordering::Relaxed);
        self.with_bell(EventFd::write);
    }

    /// Hands over a task that shall run here, from another thread.
    pub(crate) fn send(&self, task: &'static Task) {
        if self.is_thread.load(Ordering::Relaxed) || self.inbox.push(task.index, &task.link) {
            self.ring();
        }
    }

    /// How many tasks live here, started or not. A moment later it is another number.
    pub(crate) fn load(&self) -> u64 {
        let ended = self.ended.load(Ordering::Relaxed);
        let came = self.came.load(Ordering::Relaxed);
        let moved_in = self.moved_in.load(Ordering::Relaxed);
        // More may have ended than came, where tasks moved in: only the sum makes sense.
        let load = came.wrapping_sub(ended).wrapping_add_signed(moved_in);
        if load > i64::MAX as u64 { 0 } else { load }
    }

    /// Leaves a task that has not started for this worker, or whoever is idle.
    pub(super) fn leave_fresh(&self, task: &'static Task) {
        self.came.fetch_add(1, Ordering::Relaxed);
        self.fresh.push(task.index);
        if !local::is_here(self) {
            // Pairs with the barrier in `fall_asleep`; see the module's head.
            fence(Ordering::SeqCst);
            if self.inbox.is_asleep() && self.inbox.rouse() {
                self.ring();
            }
        }
    }

    /// Leaves a task that has not started for this worker and no other.
    pub(super) fn leave_pinned(&self, task: &'static Task) {
        self.came.fetch_add(1, Ordering::Relaxed);
        task.set_home(self);
        if !local::push_if_here(self.index, task) {
            self.send(task);
        }
    }

    /// Takes a task that has not started.
    pub(super) fn take_fresh(&self) -> Option<&'static Task> {
        self.fresh.pop().map(|index| TASKS.get(index))
    }

    /// Takes one from another worker, to run it here. A task stays where it starts,
    /// so one that has nothing to do at this moment, but as many tasks, leaves it;
    /// unless the other is held up.
    pub(super) fn steal_from(&self, other: &Home) -> Option<&'static Task> {
        if other.load() <= self.load() && !other.is_held() {
            return None;
        }
        let task = other.take_fresh()?;
        other.moved_in.fetch_sub(1, Ordering::Relaxed);
        self.moved_in.fetch_add(1, Ordering::Relaxed);
        Some(task)
    }

    /// Whether tasks that have not started wait here.
    pub(crate) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Whether the worker sleeps until somebody rings.
    pub(crate) fn is_asleep(&self) -> bool {
        self.inbox.is_asleep()
    }

    #[inline]
    pub(super) fn count_turn(&self) {
        let turns = self.turns.load(Ordering::Relaxed);
        self.turns.store(turns.wrapping_add(1), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn set_current(&self, task: Option<&Task>) {
        let task = task.map_or(NOBODY, |task| task.index);
        self.current.store(task, Ordering::Relaxed);
    }

    /// What a monitor sees of the worker.
    pub(crate) fn activity(&self) -> Activity {
        Activity {
            asleep: self.is_asleep(),
            turns: self.turns.load(Ordering::Relaxed),
            rings: self.rings.load(Ordering::Relaxed),
            woken_remotely: self.woken_remotely.load(Ordering::Relaxed),
        }
    }

    /// Notes that the worker does not come around.
    pub(crate) fn note_held(&self) {
        let turns = self.turns.load(Ordering::Relaxed);
        self.held_in.store(turns, Ordering::Relaxed);
    }

    /// Whether the worker has not come around since that was noted.
    pub(super) fn is_held(&self) -> bool {
        self.held_in.load(Ordering::Relaxed) == self.turns.load(Ordering::Relaxed)
    }

    /// The slot of the task that the worker runs.
    #[cfg(feature = "backtrace")]
    pub(crate) fn current_slot(&self) -> u32 {
        self.current.load(Ordering::Relaxed)
    }

    /// The task that the worker runs.
    pub(crate) fn current_task(&self) -> Option<Report> {
        let current = self.current.load(Ordering::Relaxed);
        (current != NOBODY).then(|| TASKS.get(current).report())
    }

    /// The tasks that have started here and not ended, so many at most, as far as
    /// can be told from another thread.
    pub(crate) fn census(&self, most: usize) -> Vec<Report> {
        TASKS
            .iter()
            .filter(|task| task.home() == self.index)
            .take(most)
            .map(Task::report)
            .collect()
    }

    /// Marks the worker asleep, unless something was sent to it. Worker only.
    pub(super) fn fall_asleep(&self) -> bool {
        if !self.inbox.fall_asleep() {
            return false;
        }
        // Pairs with the barrier in `leave_fresh`; see the module's head.
        fence(Ordering::SeqCst);
        // Who rouses it now rings once too often, which does no harm.
        !self.has_fresh() || !self.inbox.rouse()
    }

    /// Worker only.
    pub(super) fn task_ended(&self) {
        let ended = self.ended.load(Ordering::Relaxed);
        // Pairs with the acquire in `all_ended`: who counts this task as ended also
        // counts the tasks that it started.
        self.ended.store(ended + 1, Ordering::Release);
    }

    /// Whether no task lives in any of these homes, and, if only tasks start
    /// tasks there, none ever will.
    ///
    /// The numbers cannot be read all at once, but they only grow, and no more
    /// tasks have ended than came. If the sum of those that came, read *after* the
    /// sum of those that had ended, is no greater, then at the moment between the
    /// two readings every task had ended. (F. Mattern, "Algorithms for distributed
    /// termination detection", 1987: the four counter method.)
    pub(crate) fn all_ended<'a>(homes: impl Iterator<Item = &'a Home> + Clone) -> bool {
        let ended: u64 = homes
            .clone()
            .map(|home| home.ended.load(Ordering::Acquire))
            .sum();
        let came: u64 = homes.map(|home| home.came.load(Ordering::Acquire)).sum();
        came == ended
    }

    /// The tasks in the inbox, first come first. Worker only.
    pub(super) fn take_inbox(&self, each: impl FnMut(&'static Task)) {
        let mut each = each;
        let mut woken = self.woken_remotely.load(Ordering::Relaxed);
        self.inbox.take(
            |index| &TASKS.get(index).link,
            |index| {
                woken += 1;
                each(TASKS.get(index));
            },
        );
        self.woken_remotely.store(woken, Ordering::Relaxed);
    }
}
