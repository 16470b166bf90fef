//! Who drives a loop.
//!
//! One task at a time is the *driver*. A handler that parks takes it along, and another task
//! goes on. That one must be there already: to start a task takes memory, and a handler may
//! be waiting for what only a driver brings, its own connection's input for one. So a driver
//! calls handlers only while a *spare* waits to be its successor, and starts one in time. It
//! does without, and calls nobody, until one can be started or a handler comes back; meanwhile
//! it still takes events, and so what handlers wait for comes.
//!
//! ```text
//!                    +------------------ its handler has parked ---------+
//!                    v                                                   |
//!   started --> spare, waits --- chosen ---> drives              finishes its request
//!                    ^                          |                        ^
//!                    |                          +---- a handler parks ---+
//!                    +---- stays, unless there are enough
//! ```
//!
//! Handlers of several event loops run on the same stacks, which are as large as the largest
//! that one of them has asked for. A task whose stack is smaller, because it is older, hands
//! over.

use std::panic::Location;
use std::rc::Rc;

use super::connection::Connection;
use super::looper::Loop;
use crate::sched::Spawn;
use crate::task::{self, Outcome, Reason, Time, Wait, Waker};

/// So many tasks wait to drive, so that a handler that parks need not start one.
const SPARES: usize = 4;

/// Who drives: a task's number, or one of these.
pub(super) const NOBODY: u64 = 0;
/// A task that has been chosen, and has not run since.
const COMING: u64 = u64::MAX;
/// No task has this number.
pub(super) const NOT_A_DRIVER: u64 = u64::MAX - 1;

/// A task that waits to drive.
pub(super) struct Spare {
    waker: Waker,
    stack_size: usize,
}

impl Loop {
    /// Drives, as long as there is something to drive.
    pub(super) fn run(self: Rc<Self>, stack_size: usize) {
        let me = self.last_driver.get() + 1;
        self.last_driver.set(me);
        self.driver.set(me);
        let mut connection = Connection::new(Rc::clone(&self), me);
        loop {
            if stack_size < self.stack_size.get() && self.has_successor() && self.appoint() {
                return;
            }
            if self.turn(me, &mut connection) {
                continue;
            }
            if self.driver.get() == me {
                self.end();
                return;
            }
            // A handler had parked. Another task drives, unless the runtime ends.
            if self.driver.get() != NOBODY && !self.wait_as_spare(stack_size) {
                return;
            }
            self.driver.set(me);
        }
    }

    /// Whether handlers may be called: there is a task that goes on if one parks. Starts one
    /// if there is none.
    #[inline]
    pub(super) fn has_successor(&self) -> bool {
        self.has_spare() || self.start_spare()
    }

    fn has_spare(&self) -> bool {
        let enough = self.stack_size.get();
        let spares = self.spares.borrow();
        spares.iter().any(|spare| spare.stack_size >= enough)
    }

    #[cold]
    fn start_spare(&self) -> bool {
        self.launch_spare();
        // It is there when it has run: if it gets no stack it has not.
        task::yield_now();
        self.has_spare()
    }

    /// Starts one, unless one is on its way.
    fn launch_spare(&self) {
        if !self.stopping.get() && !self.is_starting.get() {
            let stack_size = self.stack_size.get();
            let body = move || {
                if let Some(here) = Self::here() {
                    here.is_starting.set(false);
                    here.begin_as_spare(stack_size);
                }
            };
            let spawn = spawn(Some(stack_size), body);
            let started = self.workers.spawn_on(self.worker, spawn).is_ok();
            self.is_starting.set(started);
        }
    }

    fn begin_as_spare(self: Rc<Self>, stack_size: usize) {
        // A driver that waits for want of a spare.
        if let Some(waker) = self.kick.take() {
            waker.wake(Outcome::Woken);
        }
        let is_needed = self.driver.get() == NOBODY && !self.stopping.get();
        if is_needed || self.wait_as_spare(stack_size) {
            self.run(stack_size);
        }
    }

    /// Whether a spare is on its way.
    pub(super) fn is_starting_spare(&self) -> bool {
        self.is_starting.get()
    }

    /// A task has nothing to do. Returns whether it shall drive.
    fn wait_as_spare(&self, stack_size: usize) -> bool {
        let has_enough = self.spares.borrow().len() >= SPARES;
        if self.stopping.get() || has_enough || stack_size < self.stack_size.get() {
            return false;
        }
        // Not earlier: one on a small stack is better than none.
        self.dismiss_spares(stack_size);
        let wait = Wait::begin(Reason::Events);
        let waker = wait.waker();
        self.spares.borrow_mut().push(Spare { waker, stack_size });
        let outcome = wait.park(Time::NEVER);
        // Unless somebody has chosen it.
        let mut spares = self.spares.borrow_mut();
        spares.retain(|spare| spare.waker != waker);
        outcome == Outcome::Woken
    }

    /// Spares that wait on smaller stacks end: nobody chooses them any more.
    pub(super) fn dismiss_spares(&self, enough: usize) {
        let mut spares = self.spares.borrow_mut();
        for spare in spares.extract_if(.., |spare| spare.stack_size < enough) {
            spare.waker.wake(Outcome::Closed);
        }
    }

    /// Chooses another task to drive. Returns whether there is one.
    fn appoint(&self) -> bool {
        let before = self.driver.replace(COMING);
        while let Some(waker) = self.take_spare() {
            if waker.wake(Outcome::Woken) {
                return true;
            }
        }
        self.driver.set(before);
        false
    }

    fn take_spare(&self) -> Option<Waker> {
        let enough = self.stack_size.get();
        let mut spares = self.spares.borrow_mut();
        let place = spares.iter().rposition(|spare| spare.stack_size >= enough);
        match place {
            Some(place) => Some(spares.remove(place).waker),
            // It hands over as soon as there is another one.
            None => spares.pop().map(|spare| spare.waker),
        }
    }

    /// The task that drove is about to park.
    fn replace_driver(&self) {
        let key = self.called.get();
        let remote = key.and_then(|key| self.state.borrow_mut().park(key));
        self.parked.borrow_mut().insert(self.driver.get(), remote);
        self.driver.set(NOBODY);
        if !self.stopping.get() && !self.appoint() {
            // The one that comes drives.
            self.launch_spare();
        }
    }

    /// A handler of a task that had parked when it drove has come back.
    pub(super) fn came_back(&self, driver: u64) {
        let remote = self.parked.borrow_mut().remove(&driver).flatten();
        if let Some(remote) = remote {
            self.state.borrow_mut().unpark(&remote);
        }
        self.kick();
    }
}

/// The hook of a driver; see [`task::before_next_park`].
pub(super) fn driver_parks() {
    if let Some(here) = Loop::here() {
        here.replace_driver();
    }
}

#[track_caller]
pub(super) fn spawn(stack_size: Option<usize>, body: impl FnOnce() + Send + 'static) -> Spawn {
    Spawn {
        body: Box::new(move || {
            task::or_abort("an event loop panicked", body);
            task::end_locals();
        }),
        name: Some("event driver".into()),
        spawned_at: Location::caller(),
        stack_size,
    }
}
