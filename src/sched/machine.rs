//! What the workers of a runtime share, and how it ends.
//!
//! # The end
//!
//! 1. [`Machine::stop`] says that the runtime is to end and rings every worker.
//! 2. Each worker cancels its tasks: waits that can fail do, now and from now on.
//!    No task is unwound, or stopped: its frames may be lent to other threads.
//! 3. A worker that has nothing to run looks whether every task of the machine has
//!    ended, those that have not started included. If so, it rings the others, so
//!    that they look too, and its thread ends.
//! 4. The last worker to leave wakes who waits in [`Machine::wait_until_gone`].
//!
//! A task that does not end keeps all workers: it may still start others anywhere.

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::Metrics;
use super::builder::Options;
use super::hooks::Hooks;
use super::monitor::Monitor;
use super::placement;
use crate::stack;
use crate::sys::fork;
use crate::task::{self, Home, Id, Outcome, Reason, Start, Time, Wait, WaitList};

/// See the [module](self).
pub(super) struct Machine {
    pub(super) options: Options,
    homes: Box<[&'static Home]>,
    /// The numbers by which the system knows the workers' threads; zero before
    /// they run.
    threads: Box<[AtomicI32]>,
    pub(super) monitor: Monitor,
    stopping: AtomicBool,
    gone: Mutex<Gone>,
    /// See `Workers::attached`.
    pub(super) attached: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// Who is left, and who waits until nobody is.
struct Gone {
    workers_left: usize,
    waiters: WaitList,
}

/// What a new task is made of.
pub(crate) struct Spawn {
    /// Catches its own panics.
    pub(crate) body: Box<dyn FnOnce() + Send>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) spawned_at: &'static std::panic::Location<'static>,
    pub(crate) stack_size: Option<usize>,
}

thread_local! {
    /// The machine of the calling worker, and which of its workers it is.
    static HERE: RefCell<Option<(Arc<Machine>, usize)>> = const { RefCell::new(None) };
}

/// Does something with the machine that the calling thread works for.
pub(super) fn with_here<R>(f: impl FnOnce(Option<(&Arc<Machine>, usize)>) -> R) -> R {
    let mut f = Some(f);
    let mut call = |here: Option<(&Arc<Machine>, usize)>| f.take().map(|f| f(here));
    // A thread at whose end a destructor asks works for nobody any more.
    HERE.try_with(|here| {
        let here = here.borrow();
        call(here.as_ref().map(|(machine, index)| (machine, *index)))
    })
    .unwrap_or_else(|_| call(None))
    .expect("it is called once")
}

/// Whether the calling thread works for nobody, and is not about to end.
pub(super) fn may_become_worker() -> bool {
    HERE.try_with(|here| here.try_borrow_mut().is_ok_and(|here| here.is_none()))
        .unwrap_or(false)
}

impl Machine {
    pub(super) fn new(options: Options, homes: Box<[&'static Home]>) -> Self {
        Self {
            threads: homes.iter().map(|_| AtomicI32::new(0)).collect(),
            homes,
            options,
            monitor: Monitor::default(),
            stopping: AtomicBool::new(false),
            gone: Mutex::new(Gone {
                workers_left: 0,
                waiters: WaitList::new(),
            }),
            attached: OnceLock::new(),
        }
    }

    pub(super) fn homes(&self) -> &[&'static Home] {
        &self.homes
    }

    pub(super) fn hooks(&self) -> &Hooks {
        &self.options.hooks
    }

    /// The thread of a worker, if it runs.
    pub(super) fn thread_of(&self, worker: usize) -> Option<i32> {
        let thread = self.threads[worker].load(Ordering::Relaxed);
        (thread != 0).then_some(thread)
    }

    /// The other workers, in an order that differs from worker to worker.
    pub(super) fn others(&self, own: usize) -> impl Iterator<Item = &'static Home> {
        let (before, after) = (&self.homes[..own], &self.homes[own + 1..]);
        after.iter().chain(before).copied()
    }

    /// Starts a task; `own` is which of the workers the calling thread is, if any.
    pub(super) fn start_task(&self, spawn: Spawn, own: Option<usize>) -> io::Result<Id> {
        self.start_with(spawn, |start| {
            task::start(placement::choose(&self.homes, own), start)
        })
    }

    /// Starts a task on one of the workers, where it stays.
    pub(super) fn start_pinned(&self, spawn: Spawn, worker: usize) -> io::Result<Id> {
        self.start_with(spawn, |start| task::start_pinned(self.homes[worker], start))
    }

    fn start_with(&self, spawn: Spawn, start: impl FnOnce(Start) -> Id) -> io::Result<Id> {
        fork::refuse_child()?;
        let stack_size = spawn.stack_size.unwrap_or(self.options.stack_size);
        stack::check_size(stack_size)?;
        let permit = stack::acquire()?;
        Ok(start(Start {
            body: spawn.body,
            name: spawn.name,
            spawned_at: spawn.spawned_at,
            stack_size,
            permit,
        }))
    }

    /// Runs `work` as one of the workers on the calling thread.
    pub(super) fn as_worker(self: &Arc<Self>, index: usize, work: impl FnOnce()) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        self.threads[index].store(thread, Ordering::Relaxed);
        HERE.set(Some((Arc::clone(self), index)));
        self.hooks().thread_started(index);
        // Its tasks would wait for ever, and whoever waits for them.
        task::or_abort("a worker of the runtime panicked", work);
        // No task that the hook starts would run here any more.
        HERE.set(None);
        // It may go on as somebody else's.
        self.threads[index].store(0, Ordering::Relaxed);
        self.hooks().thread_stops(index);
        self.worker_leaves();
    }

    fn gone(&self) -> MutexGuard<'_, Gone> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread is about to be started for a worker.
    pub(super) fn worker_comes(&self) {
        self.gone().workers_left += 1;
    }

    /// A worker has ended, or its thread could not be started.
    pub(super) fn worker_leaves(&self) {
        let mut gone = self.gone();
        gone.workers_left -= 1;
        if gone.workers_left == 0 {
            self.monitor.stop();
            // Not before: the workers look at each other's until the last has left.
            self.homes.iter().for_each(|home| home.give_back());
            gone.waiters.wake_all(Outcome::Woken);
        }
    }

    /// Begins the end; see the module's head.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.ring_all();
    }

    #[inline]
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether a worker may end: nobody can start a task any more.
    pub(super) fn has_ended(&self) -> bool {
        self.is_stopping() && Home::all_ended(self.homes.iter().copied())
    }

    /// Makes every worker look whether it may end.
    pub(super) fn ring_all(&self) {
        for home in &self.homes {
            home.ring();
        }
    }

    /// Waits until all workers have ended. Returns whether they have.
    pub(super) fn wait_until_gone(&self, deadline: Time) -> bool {
        loop {
            let wait = {
                let mut gone = self.gone();
                if gone.workers_left == 0 {
                    return true;
                }
                if deadline.is_past() {
                    return false;
                }
                let wait = Wait::begin(Reason::Join);
                gone.waiters.push(wait.waker());
                wait
            };
            let waker = wait.waker();
            wait.park(deadline);
            self.gone().waiters.remove(waker);
        }
    }

    /// How many tasks there are, started or not.
    pub(super) fn tasks(&self) -> usize {
        self.homes.iter().map(|home| home.load() as usize).sum()
    }

    pub(super) fn metrics(&self) -> Metrics {
        Metrics {
            tasks: self.homes.iter().map(|home| home.load()).collect(),
            rings: self.homes.iter().map(|home| home.activity().rings).sum(),
            remote_wakeups: (self.homes.iter())
                .map(|home| home.activity().woken_remotely)
                .sum(),
            stuck: self.monitor.found(),
            parked_unwinding: task::parked_unwinding(),
        }
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
