//! What other threads reach of a loop.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Options;
use super::handle::Shared;
use super::session::Session;
use super::slot::Stash;
use crate::task::{Outcome, Reason, Time, Wait, WaitList, Waker};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a loop is told.
pub(super) enum Command {
    /// Here is a connection.
    Adopt(Adoption),
    /// Here is an operator.
    Watch {
        session: Box<dyn Session>,
        shared: Arc<Shared>,
        counted: Counted,
    },
    /// There is something in a handle's inbox.
    Look(Arc<Shared>),
    /// End the connections, as soon as all that was received is answered.
    Drain,
    /// End those that are left.
    CutOff,
    /// Give idle connections to another one, so many at most.
    Share(usize, Arc<Remote>),
    /// There will be no more connections.
    Leave,
}

/// A connection on its way to a loop.
pub(super) struct Adoption {
    pub(super) fd: OwnedFd,
    pub(super) session: Box<dyn Session>,
    /// What was received before.
    pub(super) stash: Stash,
    pub(super) shared: Option<Arc<Shared>>,
    /// It was prepared elsewhere.
    pub(super) started: bool,
    /// A short read proves nothing.
    pub(super) sticky: bool,
    pub(super) counted: Counted,
}

/// One event loop's part of one worker, for the others.
pub(super) struct Remote {
    pub(super) options: Arc<Options>,
    pub(super) tally: Arc<Tally>,
    commands: Mutex<Vec<Command>>,
    /// Whether there are commands. A driver that is about to wait stores its waker, and
    /// then looks here; who sends sets this, and then looks for the waker. Both are
    /// sequentially consistent, so one of them sees the other.
    pending: AtomicBool,
    waker: AtomicU64,
    /// There will be no more connections.
    pub(super) has_left: AtomicBool,
    /// How many connections are here, or on their way.
    pub(super) connections: AtomicUsize,
}

impl Remote {
    pub(super) fn new(options: &Arc<Options>, tally: &Arc<Tally>) -> Arc<Self> {
        Arc::new(Self {
            options: Arc::clone(options),
            tally: Arc::clone(tally),
            commands: Mutex::default(),
            pending: AtomicBool::new(false),
            waker: AtomicU64::new(0),
            has_left: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
        })
    }

    pub(super) fn send(&self, command: Command) {
        lock(&self.commands).push(command);
        self.pending.store(true, Ordering::SeqCst);
        if self.waker.load(Ordering::SeqCst) != 0
            && let Some(waker) = Waker::from_bits(self.waker.swap(0, Ordering::SeqCst))
        {
            waker.wake(Outcome::Woken);
        }
    }

    /// A driver is about to wait. Returns whether it need not.
    pub(super) fn listen(&self, waker: Waker) -> bool {
        self.waker.store(waker.to_bits(), Ordering::SeqCst);
        self.pending.load(Ordering::SeqCst)
    }

    /// Whether nobody needs to listen any more.
    pub(super) fn is_done(&self) -> bool {
        self.has_left.load(Ordering::Relaxed) && self.connections.load(Ordering::Relaxed) == 0
    }

    #[inline]
    pub(super) fn has_commands(&self) -> bool {
        self.pending.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self) -> Vec<Command> {
        if !self.has_commands() {
            return Vec::new();
        }
        let mut commands = lock(&self.commands);
        self.pending.store(false, Ordering::SeqCst);
        std::mem::take(&mut commands)
    }
}

/// How many connections an event loop has, on all workers.
#[derive(Default)]
pub(super) struct Tally {
    live: AtomicUsize,
    pub(super) accepted: AtomicU64,
    pub(super) stalled: AtomicU64,
    pub(super) moved: AtomicU64,
    waiters: Mutex<WaitList>,
}

impl Tally {
    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// Waits until there is none. Returns whether there is none.
    pub(super) fn wait_for_none(&self, deadline: Time) -> bool {
        loop {
            let wait = {
                let mut waiters = lock(&self.waiters);
                if self.live() == 0 {
                    return true;
                }
                if deadline.is_past() {
                    return false;
                }
                let wait = Wait::begin(Reason::Condition);
                waiters.push(wait.waker());
                wait
            };
            let waker = wait.waker();
            wait.park(deadline);
            lock(&self.waiters).remove(waker);
        }
    }
}

/// A connection that counts, in its event loop and on its worker, as long as this is there.
pub(super) struct Counted {
    remote: Arc<Remote>,
}

impl Counted {
    pub(super) fn new(remote: &Arc<Remote>) -> Self {
        remote.connections.fetch_add(1, Ordering::Relaxed);
        remote.tally.live.fetch_add(1, Ordering::Relaxed);
        Self {
            remote: Arc::clone(remote),
        }
    }

    pub(super) fn remote(&self) -> &Arc<Remote> {
        &self.remote
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.remote.connections.fetch_sub(1, Ordering::Relaxed);
        let tally = &self.remote.tally;
        if tally.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            lock(&tally.waiters).wake_all(Outcome::Woken);
        }
    }
}
