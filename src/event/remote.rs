//! What other threads reach of a loop.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::Options;
use super::even::Busyness;
use super::handle::Shared;
use super::session::Session;
use super::slot::Extra;
use crate::fd::Closed;
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

impl Command {
    /// There is no loop any more that could obey.
    fn refuse(self) {
        match self {
            Self::Adopt(adoption) => {
                if let Some(shared) = adoption.extra.as_ref().and_then(|it| it.shared.as_ref()) {
                    let _ = shared.finish(Err(Closed::error()));
                }
            }
            Self::Watch { shared, .. } | Self::Look(shared) => {
                let _ = shared.finish(Err(Closed::error()));
            }
            Self::Drain | Self::CutOff | Self::Share(..) | Self::Leave => {}
        }
    }
}

/// A connection on its way to a loop.
pub(super) struct Adoption {
    pub(super) fd: OwnedFd,
    pub(super) session: Box<dyn Session>,
    /// What was received before, and what else it has already.
    pub(super) extra: Option<Box<Extra>>,
    /// It was prepared elsewhere.
    pub(super) started: bool,
    /// A short read proves nothing.
    pub(super) sticky: bool,
    pub(super) counted: Counted,
}

#[derive(Default)]
struct Commands {
    list: Vec<Command>,
    /// Nobody obeys any more.
    is_closed: bool,
}

/// How far the end of an event loop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    NotYet,
    /// Connections end when what was received is answered.
    Drains,
    /// Those that are left have been ended.
    CutOff,
}

/// One event loop's part of one worker, for the others.
pub(super) struct Remote {
    pub(super) options: Arc<Options>,
    pub(super) tally: Arc<Tally>,
    commands: Mutex<Commands>,
    /// Whether there are commands. A driver that is about to wait stores its waker, and
    /// then looks here; who sends sets this, and then looks for the waker. Both are
    /// sequentially consistent, so one of them sees the other.
    pending: AtomicBool,
    waker: AtomicU64,
    /// There will be no more connections.
    pub(super) has_left: AtomicBool,
    /// How far the end has come. Only the loop uses it.
    ending: AtomicU8,
    /// How many connections are here, or on their way.
    pub(super) connections: AtomicUsize,
    pub(super) busyness: Busyness,
}

impl Remote {
    pub(super) fn new(options: &Arc<Options>, tally: &Arc<Tally>) -> Arc<Self> {
        Arc::new(Self {
            options: Arc::clone(options),
            tally: Arc::clone(tally),
            commands: Mutex::default(),
            ending: AtomicU8::new(0),
            pending: AtomicBool::new(false),
            waker: AtomicU64::new(0),
            has_left: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            busyness: Busyness::default(),
        })
    }

    pub(super) fn send(&self, command: Command) {
        if let Err(command) = self.try_send(command) {
            command.refuse();
        }
    }

    /// Gives the command back if there is no loop any more that could obey.
    pub(super) fn try_send(&self, command: Command) -> Result<(), Command> {
        {
            let mut commands = lock(&self.commands);
            if commands.is_closed {
                return Err(command);
            }
            commands.list.push(command);
        }
        self.pending.store(true, Ordering::SeqCst);
        if self.waker.load(Ordering::SeqCst) != 0
            && let Some(waker) = Waker::from_bits(self.waker.swap(0, Ordering::SeqCst))
        {
            waker.wake(Outcome::Woken);
        }
        Ok(())
    }

    /// A driver is about to wait. Returns whether it need not.
    pub(super) fn listen(&self, waker: Waker) -> bool {
        self.waker.store(waker.to_bits(), Ordering::SeqCst);
        self.pending.load(Ordering::SeqCst)
    }

    /// Whether nobody needs to listen any more. Then nothing is taken any more, either.
    pub(super) fn is_done(&self) -> bool {
        if !self.has_left.load(Ordering::Relaxed) {
            return false;
        }
        // A connection counts before it is sent here.
        let mut commands = lock(&self.commands);
        if commands.list.is_empty() && self.connections.load(Ordering::Relaxed) == 0 {
            commands.is_closed = true;
        }
        commands.is_closed
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
        std::mem::take(&mut commands.list)
    }

    /// The loop ends: what is sent from now on is refused, as is what was not obeyed.
    pub(super) fn close(&self) {
        let left = {
            let mut commands = lock(&self.commands);
            commands.is_closed = true;
            std::mem::take(&mut commands.list)
        };
        left.into_iter().for_each(Command::refuse);
    }

    pub(super) fn ending(&self) -> Ending {
        match self.ending.load(Ordering::Relaxed) {
            0 => Ending::NotYet,
            1 => Ending::Drains,
            _ => Ending::CutOff,
        }
    }

    /// Connections that were on their way meanwhile come to the same.
    pub(super) fn set_ending(&self, ending: Ending) {
        self.ending.store(ending as u8, Ordering::Relaxed);
    }
}

/// What an event loop has, on all workers.
#[derive(Default)]
pub(super) struct Tally {
    /// Its part of each worker.
    parts: OnceLock<Weak<Parts>>,
    /// How many of the workers get new connections, if not all.
    serving: AtomicUsize,
    live: AtomicUsize,
    pub(super) accepted: AtomicU64,
    pub(super) stalled: AtomicU64,
    pub(super) moved: AtomicU64,
    /// Those of them that all was sent to, and that are about to be closed.
    pub(super) lingering: AtomicUsize,
    waiters: Mutex<WaitList>,
}

/// An event loop's part of each worker.
pub(super) type Parts = [Arc<Remote>];

impl Tally {
    pub(super) fn set_parts(&self, parts: &Arc<Parts>) {
        let _ = self.parts.set(Arc::downgrade(parts));
    }

    /// Its part of each worker; none where there is but one part.
    pub(super) fn parts(&self) -> Option<Arc<Parts>> {
        self.parts.get()?.upgrade()
    }

    pub(super) fn set_serving(&self, workers: usize) {
        self.serving.store(workers.max(1), Ordering::Relaxed);
    }

    /// Those of the workers that get new connections.
    pub(super) fn serving<'a>(&self, parts: &'a Parts) -> &'a Parts {
        match self.serving.load(Ordering::Relaxed) {
            0 => parts,
            serving => &parts[..serving.min(parts.len())],
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// How many there are that something is still to be done for.
    pub(super) fn unfinished(&self) -> usize {
        let lingering = self.lingering.load(Ordering::Relaxed);
        self.live().saturating_sub(lingering)
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
