//! A descriptor as the poller knows it: readiness, deadlines, generation.
//!
//! Descriptors are type-stable slots. The kernel is given a slot's number and
//! generation as the event's token, so an event for a socket that was closed, and
//! whose slot serves another, is recognised and dropped.
//!
//! A socket is registered once, edge-triggered, for both directions, by the
//! worker whose task first has to wait on it. Registering reports the readiness
//! that is there already, so nothing is lost between trying and registering. If
//! another worker turns out to use it, it moves there; see `follow`.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::direction::{Direction, Registered};
use super::follow::Streak;
use super::poller::{self, PollerId};
use crate::sys::epoll::Flags;
use crate::sys::{self, fork};
use crate::task::{self, LargeTable, Outcome, Reason, Slot, Time, Wait};

/// See the [module](self).
///
/// What an event and a wait touch lies in one cache line, the rest in the next: with
/// thousands of connections each line costs a request more than the instructions do.
#[repr(C, align(64))]
pub(crate) struct Descriptor {
    generation: AtomicU32,
    /// Who waits although another worker watches.
    streak: Streak,
    /// The poller that it is registered with, as [`PollerId::to_bits`]; zero for none.
    registration: AtomicU64,
    read_deadline: AtomicU64,
    write_deadline: AtomicU64,
    pub(super) read: Direction,
    /// Its word ends the line.
    pub(super) write: Direction,
    index: u32,
    /// Held while the registration changes.
    registering: Mutex<()>,
}

static DESCRIPTORS: LargeTable<Descriptor> = LargeTable::new();

impl Slot for Descriptor {
    fn new(index: u32) -> Self {
        Self {
            index,
            generation: AtomicU32::new(0),
            registration: AtomicU64::new(0),
            streak: Streak::new(),
            registering: Mutex::new(()),
            read: Direction::new(),
            write: Direction::new(),
            read_deadline: AtomicU64::new(Time::NEVER.to_bits()),
            write_deadline: AtomicU64::new(Time::NEVER.to_bits()),
        }
    }
}

const HAS_A_POLLER: &str = "a task runs on a worker, and a worker has a poller";

/// Which direction of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Read,
    Write,
}

/// Why a wait on a descriptor ended without it being ready.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The descriptor's deadline.
    Deadline,
    /// The deadline of this operation alone.
    Timeout,
    Closed,
    /// The task shall not wait any more.
    Cancelled,
    /// It cannot be polled.
    Error(io::Error),
}

/// The owner of a slot.
pub(crate) struct Registration(&'static Descriptor);

impl std::ops::Deref for Registration {
    type Target = Descriptor;

    #[inline]
    fn deref(&self) -> &Descriptor {
        self.0
    }
}

impl Registration {
    /// Takes a slot for a descriptor that was just opened.
    pub(crate) fn new() -> Self {
        let descriptor = DESCRIPTORS.take();
        descriptor.set_deadline(Way::Read, Time::NEVER);
        descriptor.set_deadline(Way::Write, Time::NEVER);
        descriptor.streak.end();
        descriptor.read.open();
        descriptor.write.open();
        Self(descriptor)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // From here on, events for this use are recognised as late.
        self.0.generation.fetch_add(1, Ordering::Release);
        self.0.registration.store(0, Ordering::Relaxed);
        DESCRIPTORS.give_back(&[self.0.index]);
    }
}

impl Descriptor {
    pub(crate) fn direction(&self, way: Way) -> &Direction {
        match way {
            Way::Read => &self.read,
            Way::Write => &self.write,
        }
    }

    fn deadline_of(&self, way: Way) -> &AtomicU64 {
        match way {
            Way::Read => &self.read_deadline,
            Way::Write => &self.write_deadline,
        }
    }

    pub(crate) fn deadline(&self, way: Way) -> Time {
        Time::from_bits(self.deadline_of(way).load(Ordering::Relaxed))
    }

    /// Moves the deadline of a direction. Who waits there looks at it anew, if it
    /// is now earlier; one that is later is found when the old one comes.
    pub(crate) fn set_deadline(&self, way: Way, deadline: Time) {
        let before = self
            .deadline_of(way)
            .swap(deadline.to_bits(), Ordering::Relaxed);
        if deadline < Time::from_bits(before) {
            self.direction(way).rouse();
        }
    }

    /// Waits until the direction is ready, or may be. The caller holds the
    /// descriptor open, tries again, and comes back if it was too early; `beside` is the
    /// address of what it will look at then.
    pub(crate) fn wait(
        &self,
        fd: BorrowedFd<'_>,
        way: Way,
        timeout: &mut Timeout,
        beside: usize,
    ) -> Result<(), Stop> {
        // A thread watches the descriptor itself. Registering comes first: nothing
        // else may wait between the beginning of a wait and its end.
        if task::is_task() {
            self.register(fd, way).map_err(Stop::Error)?;
        }
        let reason = match way {
            Way::Read => Reason::Read(fd.as_raw_fd()),
            Way::Write => Reason::Write(fd.as_raw_fd()),
        };
        self.wait_for(reason, way, timeout, beside)
    }

    /// Waits until something happens to the direction. For [`Reason::Pause`] that
    /// is what the poller finds, if it watches, but not what a thread would.
    pub(crate) fn wait_for(
        &self,
        reason: Reason,
        way: Way,
        timeout: &mut Timeout,
        beside: usize,
    ) -> Result<(), Stop> {
        let direction = self.direction(way);
        let wait = Wait::begin(reason);
        wait.beside(beside);
        let waker = wait.waker();
        match direction.register(waker) {
            Registered::Waits => {}
            Registered::IsReady => return Ok(()),
            Registered::IsClosed => return Err(Stop::Closed),
        }
        // Only now: see "What changes beside the word" in `direction`. A poller that
        // goes away is such a change as well.
        if !self.is_watched_here()
            && reason != Reason::Pause
            && task::is_task()
            && self.watcher().is_none()
        {
            drop(wait);
            direction.deregister(waker);
            return Ok(());
        }
        let deadline = self.deadline(way);
        let until = deadline.min(timeout.at());
        let outcome = if until.is_past() {
            drop(wait);
            Outcome::Deadline
        } else {
            wait.park(until)
        };
        direction.deregister(waker);
        match outcome {
            Outcome::Woken => Ok(()),
            Outcome::Closed => Err(Stop::Closed),
            Outcome::Cancelled => Err(Stop::Cancelled),
            Outcome::GaveUp => Err(Stop::Deadline),
            // The deadline may have moved away while the wait lasted.
            Outcome::Deadline => self.expired(way, timeout),
        }
    }

    /// Which of the deadlines has come, if one has.
    pub(crate) fn expired(&self, way: Way, timeout: &mut Timeout) -> Result<(), Stop> {
        if self.deadline(way).is_past() {
            Err(Stop::Deadline)
        } else if timeout.at().is_past() {
            Err(Stop::Timeout)
        } else {
            Ok(())
        }
    }

    /// Sees to it that the poller of some worker watches the descriptor.
    #[inline]
    fn register(&self, fd: BorrowedFd<'_>, way: Way) -> io::Result<()> {
        if self.is_watched_here() {
            self.streak.end();
            return Ok(());
        }
        match self.watcher() {
            None => self.register_here(fd),
            Some(other) => self.follow(fd, way, other),
        }
    }

    /// Whether the poller that watches the descriptor is the calling worker's, which is
    /// alive for certain.
    #[inline]
    fn is_watched_here(&self) -> bool {
        let here = poller::here().map(PollerId::to_bits);
        here == Some(self.registration.load(Ordering::Acquire))
    }

    /// The poller that watches the descriptor.
    #[inline]
    fn watcher(&self) -> Option<PollerId> {
        let registration = self.registration.load(Ordering::Acquire);
        PollerId::from_bits(registration).filter(|id| id.is_alive())
    }

    /// A task waits whose worker is not the one that watches. If that goes on, the
    /// registration moves: it is taken away and made anew, which reports readiness
    /// anew, under the next generation, by which events that were on their way are
    /// recognised.
    #[cold]
    fn follow(&self, fd: BorrowedFd<'_>, way: Way, watcher: PollerId) -> io::Result<()> {
        let here = poller::here().expect(HAS_A_POLLER);
        let other_way = match way {
            Way::Read => &self.write,
            Way::Write => &self.read,
        };
        if !self.streak.count(here.index()) || other_way.has_waiters() {
            return Ok(());
        }
        let _registering = self
            .registering
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.watcher() != Some(watcher) || self.read.is_closed() {
            return Ok(());
        }
        watcher.delete(fd);
        self.generation.fetch_add(1, Ordering::Release);
        self.registration.store(0, Ordering::Relaxed);
        let added = here.add(fd, self.token());
        if added.is_ok() {
            self.registration.store(here.to_bits(), Ordering::Release);
        }
        // Who came to wait meanwhile looks again, also where nobody watches now.
        self.read.rouse();
        self.write.rouse();
        added
    }

    #[cold]
    fn register_here(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let _registering = self
            .registering
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // One that is being closed has been taken away already, and stays so.
        if self.watcher().is_some() || self.read.is_closed() {
            return Ok(());
        }
        task::check_not_forked();
        let id = poller::here().expect(HAS_A_POLLER);
        id.add(fd, self.token()).map_err(explained)?;
        self.registration.store(id.to_bits(), Ordering::Release);
        Ok(())
    }

    /// Takes the descriptor away from its poller, before it is closed.
    pub(crate) fn deregister(&self, fd: BorrowedFd<'_>) {
        let _registering = self
            .registering
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let id = PollerId::from_bits(self.registration.swap(0, Ordering::Relaxed));
        // A forked child shares the epoll, and must leave it to its parent.
        if let Some(id) = id.filter(|_| !fork::is_child()) {
            id.delete(fd);
        }
    }

    fn token(&self) -> u64 {
        u64::from(self.index) << 32 | u64::from(self.generation.load(Ordering::Relaxed))
    }
}

/// What a descriptor cannot be watched for: somebody else may watch it on this worker, and
/// gets its events.
#[cold]
fn explained(error: io::Error) -> io::Error {
    match error.kind() {
        kind @ io::ErrorKind::AlreadyExists => io::Error::new(
            kind,
            "nobody can wait for a descriptor whose events go to somebody else, an operator \
             say: it has to be in non-blocking mode",
        ),
        _ => error,
    }
}

/// Wakes all who wait on a descriptor that is registered with this poller, which is
/// not alive any more.
pub(super) fn rouse_registered_with(poller: PollerId) {
    for descriptor in DESCRIPTORS.iter() {
        if descriptor.registration.load(Ordering::Acquire) == poller.to_bits() {
            descriptor.read.rouse();
            descriptor.write.rouse();
        }
    }
}

/// Asks for the memory that an event will touch first.
#[inline]
pub(super) fn prefetch(token: u64) {
    let descriptor = ptr::from_ref(DESCRIPTORS.get((token >> 32) as u32));
    sys::prefetch::prefetch(descriptor.addr(), 0..1);
}

/// Asks for the memory that it will touch next.
#[inline]
pub(super) fn prefetch_waiter(token: u64) {
    DESCRIPTORS.get((token >> 32) as u32).read.prefetch_waiter();
}

/// Hands an event to the descriptor that it is for, if it still is.
pub(super) fn dispatch(token: u64, flags: Flags) {
    let descriptor = DESCRIPTORS.get((token >> 32) as u32);
    if descriptor.generation.load(Ordering::Acquire) != token as u32 {
        return;
    }
    let both = Flags::HUP | Flags::ERR;
    // After any of these a short read proves nothing any more.
    let sticky = flags.intersects(both | Flags::RDHUP | Flags::PRI);
    if flags.intersects(both | Flags::RDHUP | Flags::PRI | Flags::IN) {
        descriptor.read.set_ready(sticky);
    }
    // Nearly every event says OUT too. Nobody waits where it is ready already;
    // `try_write` explains why looking is enough.
    if flags.intersects(both | Flags::OUT) && !descriptor.write.is_ready() {
        descriptor.write.set_ready(false);
    }
}

/// How long one operation may wait, from when it first has to.
pub(crate) struct Timeout {
    length: Option<std::time::Duration>,
    at: Cell<Option<Time>>,
}

impl Timeout {
    pub(crate) fn new(length: Option<std::time::Duration>) -> Self {
        Self {
            length,
            at: Cell::new(None),
        }
    }

    /// When it comes. The clock is read at the first call.
    pub(crate) fn at(&self) -> Time {
        let Some(length) = self.length else {
            return Time::NEVER;
        };
        self.at.get().unwrap_or_else(|| {
            let at = Time::now().after(length);
            self.at.set(Some(at));
            at
        })
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::Descriptor;

    #[test]
    fn an_event_and_a_wait_touch_one_line() {
        // The word of the second direction ends it.
        assert_eq!(offset_of!(Descriptor, write), 56);
        assert_eq!(size_of::<Descriptor>(), 128);
    }
}
