//! The loop of a worker, and the tasks that drive it.
//!
//! ```text
//!             +--------------------------------------------------------------+
//!             v                                                              |
//!   take commands --> receive (a phase) --> handlers --> send what is dirty --+--> wait
//! ```
//!
//! One task of the worker is the *driver*. It calls the handlers on its own stack, one
//! after the other, so that as long as none of them parks, there is one hot stack and no
//! task switch but one for a whole turn.
//!
//! A handler that parks takes the driver's stack with it. Just before, a hook makes
//! another task the driver, a spare one or a new one. It goes on at the same place,
//! because all that a phase is made of is in the [`State`], and none of it is borrowed
//! while a handler runs. When the handler comes back, its task finds that it is the driver
//! no more: it finishes that one request, and becomes a spare, or ends.
//!
//! Handlers that are parked are counted. When there are too many, the driver still takes
//! events, for a handler may wait for one, but it receives nothing.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Options;
use super::connection::Connection;
use super::remote::Remote;
use super::slot::flag;
use super::state::{Part, State};
use crate::poll;
use crate::sched::{Spawn, Workers};
use crate::task::{self, Outcome, Reason, Time, Wait, Waker};

/// So many tasks wait to drive, so that a handler that parks need not start one.
const SPARES: usize = 4;

/// After so many handlers the driver looks at the clock.
const LOOK_AFTER: u32 = 4;

thread_local! {
    static HERE: RefCell<Option<Rc<Loop>>> = const { RefCell::new(None) };
}

/// Who drives: a task's number, or one of these.
const NOBODY: u64 = 0;
/// A task that has been chosen, and has not run since.
const COMING: u64 = u64::MAX;
/// No task has this number.
const NOT_A_DRIVER: u64 = u64::MAX - 1;

pub(super) struct Loop {
    pub(super) state: RefCell<State>,
    driver: Cell<u64>,
    last_driver: Cell<u64>,
    /// Ends the driver's wait.
    kick: Cell<Option<Waker>>,
    /// Whether there is something to do that came while the driver was not looking.
    kicked: Cell<bool>,
    spares: RefCell<Vec<Waker>>,
    parked: Cell<usize>,
    most_parked: usize,
    phase_time: Duration,
    stack_size: Option<usize>,
    workers: Workers,
    worker: usize,
    /// The runtime ends.
    stopping: Cell<bool>,
    /// Some event loops are gone.
    pub(super) leaving: Cell<bool>,
}

impl Loop {
    /// The loop of the calling task's worker.
    pub(super) fn here() -> Option<Rc<Self>> {
        HERE.with(|here| here.borrow().clone())
    }

    /// Starts serving for an event loop, on each of these workers.
    pub(super) fn install(
        workers: &Workers,
        worker: usize,
        remote: Arc<Remote>,
    ) -> std::io::Result<()> {
        let stack_size = remote.options.stack_size;
        let (all, options) = (workers.clone(), Arc::clone(&remote.options));
        let body = move || {
            let here = Self::here().unwrap_or_else(|| Self::new(all, worker, &options));
            here.state.borrow_mut().remotes.push(remote);
            if here.driver.get() == NOBODY && !here.stopping.get() {
                here.run();
            } else {
                here.kick();
            }
        };
        workers.spawn_on(worker, spawn(stack_size, body)).map(drop)
    }

    fn new(workers: Workers, worker: usize, options: &Options) -> Rc<Self> {
        let new = Rc::new(Self {
            state: RefCell::new(State::new(options.phase_bytes)),
            driver: Cell::new(NOBODY),
            last_driver: Cell::new(NOBODY),
            kick: Cell::new(None),
            kicked: Cell::new(false),
            spares: RefCell::default(),
            parked: Cell::new(0),
            most_parked: options.most_parked,
            phase_time: options.phase_time,
            stack_size: options.stack_size,
            workers,
            worker,
            stopping: Cell::new(false),
            leaving: Cell::new(false),
        });
        HERE.set(Some(Rc::clone(&new)));
        new
    }

    /// Drives, as long as there is something to drive.
    fn run(self: Rc<Self>) {
        let me = self.last_driver.get() + 1;
        self.last_driver.set(me);
        self.driver.set(me);
        let mut connection = Connection::new(Rc::clone(&self), me);
        loop {
            if self.turn(me, &mut connection) {
                continue;
            }
            if self.driver.get() == me {
                self.end();
                return;
            }
            // A handler had parked. Another task drives, or nobody could be found.
            if self.driver.get() != NOBODY && !self.wait_as_spare() {
                return;
            }
            self.driver.set(me);
        }
    }

    /// One turn. Returns whether this task drives on.
    fn turn(&self, me: u64, connection: &mut Connection) -> bool {
        let goes_on = self.phase(me, connection);
        if self.driver.get() != me {
            return false;
        }
        task::before_next_park(None);
        let trash = {
            let mut state = self.state.borrow_mut();
            state.send_all();
            state.trash.take()
        };
        drop(trash);
        if goes_on {
            // Others of this worker have their turn, and so has the poller.
            task::yield_now();
            return true;
        }
        self.wait(me)
    }

    /// Returns whether there is more to do at once; or when this task drives no more.
    fn phase(&self, me: u64, connection: &mut Connection) -> bool {
        self.obey();
        if self.parked.get() >= self.most_parked {
            self.state.borrow_mut().note_events();
            return false;
        }
        if self.state.borrow().looks() {
            self.look_around();
        }
        let begun = {
            let mut state = self.state.borrow_mut();
            // The rest of another driver's phase comes first.
            if state.parts.is_empty() {
                state.arena.recycle(usize::MAX);
                state.gather();
            }
            state.now
        };
        task::before_next_park(Some(driver_parks));
        let mut called = 0;
        let mut send_at = begun.after(self.phase_time);
        loop {
            let part = self.state.borrow_mut().parts.pop_front();
            let Some(part) = part else {
                break;
            };
            self.handle(part, connection);
            if self.driver.get() != me {
                return false;
            }
            called += 1;
            if called % LOOK_AFTER == 0 {
                let now = Time::now();
                if now >= send_at {
                    // Those who have been answered do not wait for those who come.
                    self.state.borrow_mut().send_all();
                    send_at = now.after(self.phase_time);
                }
            }
            if self.parked.get() >= self.most_parked {
                return false;
            }
        }
        let mut state = self.state.borrow_mut();
        state.send_all();
        state.has_work()
    }

    /// Waits until there is something to do. Returns whether this task drives on.
    fn wait(&self, me: u64) -> bool {
        if self.leaving.get() {
            self.forget();
        }
        let is_capped = self.parked.get() >= self.most_parked;
        let deadline = {
            let state = self.state.borrow();
            if self.kicked.replace(false) || (!is_capped && state.has_work()) {
                return true;
            }
            if state.remotes.is_empty() && state.taken == 0 && self.parked.get() == 0 {
                return false;
            }
            state.next_timer()
        };
        let outcome = poll::wait_for_watched(deadline, |waker| {
            self.kick.set(Some(waker));
            let state = self.state.borrow();
            if (state.remotes.iter()).fold(false, |any, remote| remote.listen(waker) | any) {
                waker.wake(Outcome::Woken);
            }
        });
        self.kick.set(None);
        debug_assert_eq!(self.driver.get(), me);
        outcome != Outcome::Cancelled
    }

    /// Forgets the event loops that are gone, and of which no connection is left.
    fn forget(&self) {
        let done: Vec<_> = {
            let mut state = self.state.borrow_mut();
            let done = state.remotes.extract_if(.., |remote| remote.is_done());
            let done = done.collect();
            let mut left = state.remotes.iter();
            let leaving = left.any(|remote| remote.has_left.load(Ordering::Relaxed));
            self.leaving.set(leaving);
            done
        };
        drop(done);
    }

    /// Has the driver look again.
    pub(super) fn kick(&self) {
        self.kicked.set(true);
        if let Some(waker) = self.kick.take() {
            waker.wake(Outcome::Woken);
        }
    }

    /// A task that drove has nothing to do. Returns whether it shall drive again.
    fn wait_as_spare(&self) -> bool {
        if self.stopping.get() || self.spares.borrow().len() >= SPARES {
            return false;
        }
        let wait = Wait::begin(Reason::Events);
        let waker = wait.waker();
        self.spares.borrow_mut().push(waker);
        wait.park(Time::NEVER);
        let mut spares = self.spares.borrow_mut();
        if let Some(place) = spares.iter().position(|spare| *spare == waker) {
            // Nobody has chosen it.
            spares.remove(place);
            return false;
        }
        drop(spares);
        true
    }

    /// The task that drove is about to park.
    fn replace_driver(self: &Rc<Self>) {
        self.parked.set(self.parked.get() + 1);
        self.driver.set(NOBODY);
        if self.stopping.get() {
            return;
        }
        while let Some(spare) = { self.spares.borrow_mut().pop() } {
            self.driver.set(COMING);
            if spare.wake(Outcome::Woken) {
                return;
            }
            self.driver.set(NOBODY);
        }
        let body = || {
            if let Some(here) = Self::here() {
                here.run();
            }
        };
        // Without one, who parks will drive on when it comes back.
        if (self
            .workers
            .spawn_on(self.worker, spawn(self.stack_size, body)))
        .is_ok()
        {
            self.driver.set(COMING);
        }
    }

    /// A handler of a task that had parked has come back.
    pub(super) fn came_back(&self) {
        self.parked.set(self.parked.get() - 1);
        self.kick();
    }

    /// Which task drives: another number after a handler means that it has parked.
    pub(super) fn driver(&self) -> u64 {
        self.driver.get()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    // The end.

    /// There is nothing to drive any more, or the runtime ends.
    fn end(self: &Rc<Self>) {
        let is_over = {
            let state = self.state.borrow();
            state.remotes.is_empty() && state.taken == 0
        };
        self.driver.set(NOBODY);
        let mut connection = Connection::new(Rc::clone(self), NOT_A_DRIVER);
        if !is_over {
            self.stopping.set(true);
            // Those that were on their way end like the others: their handles are told.
            self.obey();
            let keys = self.state.borrow().keys();
            for key in keys {
                if let Some(slot) = self.state.borrow_mut().slot(key) {
                    slot.set(flag::CLOSING);
                }
                self.handle(Part { key, len: 0 }, &mut connection);
            }
            let remotes = self.state.borrow().remotes.clone();
            remotes.iter().for_each(|remote| remote.close());
        }
        let trash = self.state.borrow_mut().trash.take();
        drop(trash);
        let spares = std::mem::take(&mut *self.spares.borrow_mut());
        for spare in spares {
            // Nobody chose them: they end.
            self.spares.borrow_mut().push(spare);
            spare.wake(Outcome::Woken);
        }
        HERE.with(|here| {
            let mut here = here.borrow_mut();
            here.take_if(|here| Rc::ptr_eq(here, self));
        });
    }
}

/// The hook of a driver; see [`task::before_next_park`].
fn driver_parks() {
    if let Some(here) = Loop::here() {
        here.replace_driver();
    }
}

#[track_caller]
fn spawn(stack_size: Option<usize>, body: impl FnOnce() + Send + 'static) -> Spawn {
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
