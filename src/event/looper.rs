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
//! another task the driver; see [`drivers`](super::drivers). It goes on at the same place,
//! because all that a phase is made of is in the [`State`], and none of it is borrowed
//! while a handler runs. When the handler comes back, its task finds that it is the driver
//! no more: it finishes that one request, and becomes a spare, or ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::Connection;
use super::drivers::{self, NOBODY, NOT_A_DRIVER, Spare, driver_parks};
use super::remote::Remote;
use super::slot::{Key, flag};
use super::state::{Part, State};
use crate::poll;
use crate::sched::Workers;
use crate::task::{self, Outcome, Time, Waker};

/// After so many handlers the driver looks at the clock.
const LOOK_AFTER: u32 = 4;

thread_local! {
    static HERE: RefCell<Option<Rc<Loop>>> = const { RefCell::new(None) };
}

/// A driver that could not start a spare tries again after so long.
const RETRY: Duration = Duration::from_millis(10);

pub(super) struct Loop {
    pub(super) state: RefCell<State>,
    pub(super) driver: Cell<u64>,
    pub(super) last_driver: Cell<u64>,
    /// For whose connection a handler was called last.
    pub(super) called: Cell<Option<Key>>,
    /// Ends the driver's wait.
    pub(super) kick: Cell<Option<Waker>>,
    /// Whether there is something to do that came while the driver was not looking.
    kicked: Cell<bool>,
    /// Whether the driver calls nobody, for want of a spare.
    is_alone: Cell<bool>,
    pub(super) spares: RefCell<Vec<Spare>>,
    /// Whether a spare was started that has not run.
    pub(super) is_starting: Cell<bool>,
    /// The tasks that were the driver when their handlers parked, and whose those are.
    pub(super) parked: RefCell<BTreeMap<u64, Option<Arc<Remote>>>>,
    /// What the stacks of drivers have at least.
    pub(super) stack_size: Cell<usize>,
    phase_time: Cell<Duration>,
    pub(super) workers: Workers,
    pub(super) worker: usize,
    /// The runtime ends.
    pub(super) stopping: Cell<bool>,
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
        let all = workers.clone();
        let own = remote.options.stack_size;
        let stack_size = own.unwrap_or_else(|| workers.stack_size());
        let body = move || {
            let here = Self::here().unwrap_or_else(|| Self::new(all, worker));
            here.state.borrow_mut().remotes.push(remote);
            here.settle();
            if here.driver.get() == NOBODY && !here.stopping.get() {
                here.run(stack_size);
            } else {
                here.kick();
            }
        };
        let spawn = drivers::spawn(Some(stack_size), body);
        workers.spawn_on(worker, spawn).map(drop)
    }

    fn new(workers: Workers, worker: usize) -> Rc<Self> {
        let new = Rc::new(Self {
            state: RefCell::new(State::new(usize::MAX)),
            driver: Cell::new(NOBODY),
            last_driver: Cell::new(NOBODY),
            kick: Cell::new(None),
            called: Cell::new(None),
            kicked: Cell::new(false),
            is_alone: Cell::new(false),
            spares: RefCell::default(),
            is_starting: Cell::new(false),
            parked: RefCell::default(),
            stack_size: Cell::new(0),
            phase_time: Cell::new(Duration::MAX),
            workers,
            worker,
            stopping: Cell::new(false),
            leaving: Cell::new(false),
        });
        HERE.set(Some(Rc::clone(&new)));
        new
    }

    /// What event loops want of a worker that they share: the largest stacks that any of
    /// them has asked for, and the smallest phases of those that are there.
    fn settle(&self) {
        let mut state = self.state.borrow_mut();
        let options = || state.remotes.iter().map(|remote| &remote.options);
        let usual = self.workers.stack_size();
        let stacks = options().map(|options| options.stack_size.unwrap_or(usual));
        let stack_size = stacks.max().unwrap_or(0).max(self.stack_size.get());
        let time = options().map(|options| options.phase_time).min();
        let bytes = options().map(|options| options.phase_bytes).min();
        self.phase_time.set(time.unwrap_or(Duration::MAX));
        state.phase_bytes = bytes.unwrap_or(usize::MAX);
        self.stack_size.set(stack_size);
    }

    /// One turn. Returns whether this task drives on.
    pub(super) fn turn(&self, me: u64, connection: &mut Connection) -> bool {
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
        if let Some(trash) = trash {
            trash.burn();
        }
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
        self.is_alone.set(!self.has_successor());
        if self.is_alone.get() {
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
        let mut send_at = begun.after(self.phase_time.get());
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
                    send_at = now.after(self.phase_time.get());
                }
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
        let is_alone = self.is_alone.get();
        let deadline = {
            let state = self.state.borrow();
            if self.kicked.replace(false) || (!is_alone && state.has_work()) {
                return true;
            }
            if state.remotes.is_empty() && state.taken == 0 && self.parked.borrow().is_empty() {
                return false;
            }
            match is_alone && !self.is_starting_spare() {
                true => state.next_timer().min(Time::now().after(RETRY)),
                false => state.next_timer(),
            }
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
        if !done.is_empty() {
            self.settle();
        }
        drop(done);
    }

    /// Has the driver look again.
    pub(super) fn kick(&self) {
        self.kicked.set(true);
        if let Some(waker) = self.kick.take() {
            waker.wake(Outcome::Woken);
        }
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
    pub(super) fn end(self: &Rc<Self>) {
        let is_over = {
            let state = self.state.borrow();
            state.remotes.is_empty() && state.taken == 0
        };
        self.driver.set(NOBODY);
        let mut connection = Connection::new(Rc::clone(self), NOT_A_DRIVER);
        if !is_over {
            self.stopping.set(true);
            self.state.borrow_mut().let_all_go();
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
        if let Some(trash) = trash {
            trash.burn();
        }
        self.dismiss_spares(usize::MAX);
        HERE.with(|here| {
            let mut here = here.borrow_mut();
            here.take_if(|here| Rc::ptr_eq(here, self));
        });
    }
}
