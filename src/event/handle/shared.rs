//! What a loop and the handles of one connection have in common.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::buf::LinkBuffer;
use crate::event::remote::{Remote, lock};
use crate::event::slot::Key;
use crate::fd::Cancelled;
use crate::task::{Outcome, Reason, Time, Wait, WaitList};

/// What a loop and the handles of one connection share.
pub(in crate::event) struct Shared {
    pub(in crate::event) place: Mutex<Place>,
    pub(in crate::event) inbox: Mutex<Inbox>,
    pub(in crate::event) active: AtomicBool,
    /// What is in the inbox, in bytes.
    pub(in crate::event) queued: AtomicUsize,
    /// What the loop has taken from there, or from the handler, and not sent.
    pub(in crate::event) unsent: AtomicUsize,
    /// Until then, whoever has to wait to write does; see [`Time::to_bits`].
    write_deadline: AtomicU64,
    /// Those who wait for less of both, or for the end.
    waiters: Mutex<WaitList>,
    /// How many answers will still come.
    pub(in crate::event) owed: AtomicUsize,
}

/// Where a connection is.
#[derive(Clone)]
pub(in crate::event) struct Place {
    pub(in crate::event) remote: Arc<Remote>,
    pub(in crate::event) key: Key,
}

/// A socket that was taken away from its loop, and what was received and not read.
pub(in crate::event) type Detached = (OwnedFd, LinkBuffer);

/// What handles want of a connection.
#[derive(Default)]
pub(in crate::event) struct Inbox {
    pub(in crate::event) output: LinkBuffer,
    pub(in crate::event) close: bool,
    /// Somebody waits for the socket.
    pub(in crate::event) detach: bool,
    pub(in crate::event) detached: Option<io::Result<Detached>>,
    pub(in crate::event) pause: Option<bool>,
    pub(in crate::event) read_deadline: Option<Time>,
    /// The write deadline was moved.
    pub(in crate::event) moved: bool,
    /// The loop knows of it.
    pub(in crate::event) noted: bool,
}

impl Shared {
    pub(in crate::event) fn new(remote: &Arc<Remote>, key: Key) -> Arc<Self> {
        Arc::new(Self {
            place: Mutex::new(Place {
                remote: Arc::clone(remote),
                key,
            }),
            inbox: Mutex::default(),
            active: AtomicBool::new(true),
            queued: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            write_deadline: AtomicU64::new(Time::NEVER.to_bits()),
            waiters: Mutex::default(),
            owed: AtomicUsize::new(0),
        })
    }

    pub(in crate::event) fn write_deadline(&self) -> Time {
        Time::from_bits(self.write_deadline.load(Ordering::Relaxed))
    }

    /// Tells those who write by handles.
    pub(in crate::event) fn set_write_deadline(&self, deadline: Time) {
        self.write_deadline
            .store(deadline.to_bits(), Ordering::Relaxed);
        // Who looked before this lock was taken is woken; who looks afterwards sees it.
        self.wake_writers();
    }

    /// Waits until something is so, or the deadline has come, which is asked for anew
    /// whenever this is woken. Returns whether it is so.
    pub(super) fn wait_until(
        &self,
        is_so: impl Fn() -> bool,
        deadline: impl Fn() -> Time,
    ) -> io::Result<bool> {
        loop {
            let (wait, deadline) = {
                let mut waiters = lock(&self.waiters);
                if is_so() {
                    return Ok(true);
                }
                let deadline = deadline();
                if deadline.is_past() {
                    return Ok(false);
                }
                let wait = Wait::begin(Reason::Events);
                waiters.push(wait.waker());
                (wait, deadline)
            };
            let waker = wait.waker();
            let outcome = wait.park(deadline);
            lock(&self.waiters).remove(waker);
            if outcome == Outcome::Cancelled {
                return Err(Cancelled::error());
            }
        }
    }

    /// Wakes those who wait to write, for they may, or need not any more.
    pub(in crate::event) fn wake_writers(&self) {
        lock(&self.waiters).wake_all(Outcome::Woken);
    }

    /// Nothing can be written any more.
    pub(in crate::event) fn end(&self) {
        self.active.store(false, Ordering::Release);
        self.wake_writers();
    }

    /// The connection is gone, or belongs to who asked for it. Gives back what nobody
    /// asked for.
    pub(in crate::event) fn finish(&self, detached: io::Result<Detached>) -> Option<Detached> {
        let mut inbox = lock(&self.inbox);
        let refused = if inbox.detach && inbox.detached.is_none() {
            inbox.detached = Some(detached);
            None
        } else {
            detached.ok()
        };
        drop(inbox);
        self.end();
        refused
    }
}
