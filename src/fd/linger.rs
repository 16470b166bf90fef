//! Sockets that nobody uses any more, from whose users' memory the kernel still sends.
//!
//! They wait, with that memory, for what their error queues have to tell. A thread of its
//! own waits for all of them; there is one only while there are such sockets. If it cannot
//! be started, they wait for the next one.

use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::zerocopy::Pending;
use crate::sys::eventfd::EventFd;
use crate::sys::poll;

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

fn run() {
    let mut all = Vec::new();
    loop {
        {
            let mut state = state();
            all.append(&mut state.new);
            if all.is_empty() {
                state.runs = false;
                return;
            }
        }
        let mut done = Vec::new();
        for at in (0..all.len()).rev() {
            let Lingering { socket, pending } = &mut all[at];
            pending.reap(socket.as_fd());
            if pending.is_empty() {
                done.push(all.swap_remove(at));
            }
        }
        // The memory is somebody else's: what lets go of it may do anything, such as
        // leaving more here.
        // (Its panic has been reported, and is no reason to leave the others alone.)
        let _ = catch_unwind(AssertUnwindSafe(|| drop(done)));
        if !all.is_empty() {
            let sockets: Vec<_> = all.iter().map(|one| one.socket.as_fd()).collect();
            poll::wait_for_errors(&sockets, bell().map(AsFd::as_fd));
            let _ = bell().map(EventFd::drain);
        }
    }
}
