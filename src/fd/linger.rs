//! Sockets that nobody uses any more, from whose users' memory the kernel still sends.
//!
//! They wait, with that memory, for what their error queues have to tell. A thread of its
//! own waits for all of them; there is one only while there are such sockets. If it cannot
//! be started, they wait for the next one.

use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::zerocopy::Pending;
use crate::sys::epoll::{Epoll, Events, Flags};
use crate::sys::eventfd::EventFd;

struct Lingering {
    socket: OwnedFd,
    pending: Pending,
}

struct State {
    new: Vec<Lingering>,
    /// Whether the thread runs.
    runs: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    new: Vec::new(),
    runs: false,
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What breaks the thread's wait, if there is a descriptor for it.
fn bell() -> Option<&'static EventFd> {
    static BELL: OnceLock<EventFd> = OnceLock::new();
    if BELL.get().is_none() {
        let _ = BELL.set(EventFd::new().ok()?);
    }
    BELL.get()
}

/// Keeps memory until the kernel is done with it.
pub(super) fn keep(socket: OwnedFd, pending: Pending) {
    let mut state = state();
    state.new.push(Lingering { socket, pending });
    if state.runs {
        drop(state);
        bell().map(EventFd::write);
        return;
    }
    let thread = std::thread::Builder::new()
        .name("netpoll-linger".into())
        .stack_size(64 * 1024);
    state.runs = thread.spawn(run).is_ok();
}

/// How long the thread sleeps where nothing can wake it, for want of descriptors.
const LOOK_UP: Duration = Duration::from_millis(50);

/// What wakes the thread. Edge-triggered: a connection that has ended on both sides stays
/// ready for ever.
struct Watch {
    epoll: Option<Epoll>,
    events: Events,
    /// Whether everything is watched.
    complete: bool,
}

impl Watch {
    fn new() -> Self {
        let mut watch = Self {
            epoll: Epoll::new().ok(),
            events: Events::with_capacity(16),
            complete: true,
        };
        match bell() {
            Some(bell) => watch.add(bell, Flags::IN),
            None => watch.complete = false,
        }
        watch
    }

    fn add(&mut self, fd: &impl AsFd, flags: Flags) {
        // Errors are always told.
        let flags = flags | Flags::EDGE_TRIGGERED;
        let added = self.epoll.as_ref().map(|epoll| epoll.add(fd, flags, 0));
        self.complete &= matches!(added, Some(Ok(())));
    }

    /// Closing would not do: somebody else may have the socket too.
    fn remove(&self, socket: &OwnedFd) {
        if let Some(epoll) = &self.epoll {
            let _ = epoll.delete(socket);
        }
    }

    /// Waits until there may be something. An error is a signal, or no memory.
    fn wait(&mut self) {
        let timeout = (!self.complete).then_some(LOOK_UP);
        match &self.epoll {
            Some(epoll) => _ = epoll.wait(&mut self.events, timeout),
            None => std::thread::sleep(LOOK_UP),
        }
    }
}

fn run() {
    let mut watch = Watch::new();
    let mut all: Vec<Lingering> = Vec::new();
    loop {
        {
            let mut state = state();
            if state.new.is_empty() && all.is_empty() {
                state.runs = false;
                return;
            }
            for one in &state.new {
                watch.add(&one.socket, Flags::empty());
            }
            all.append(&mut state.new);
        }
        let mut done = Vec::new();
        all.retain_mut(|Lingering { socket, pending }| {
            done.push(pending.reap(socket.as_fd()));
            if pending.is_empty() {
                watch.remove(socket);
            }
            !pending.is_empty()
        });
        // The memory is somebody else's: what lets go of it may do anything. (Its panic has
        // been reported, and is no reason to leave the others alone.)
        for done in done {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(done)));
        }
        if !all.is_empty() {
            watch.wait();
        }
    }
}
