//! One epoll for each worker.
//!
//! A worker owns its poller; what others may do with it (a socket is closed on
//! another thread) goes through a number and a generation, so that a poller that
//! is gone is not mistaken for its successor.

use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::{descriptor, watch};
use crate::sys::alarm::Alarm;
use crate::sys::epoll::{Epoll, Event, Events, Flags};
use crate::sys::eventfd::EventFd;
use crate::sys::fork;
use crate::task::{Slot, SmallTable};

/// The part of a poller that other threads reach.
struct Shared {
    index: u32,
    generation: AtomicU32,
    /// `None` when the poller is gone. The lock keeps its number from being closed
    /// under another thread's system call.
    epoll: RwLock<Option<Arc<Epoll>>>,
}

static POLLERS: SmallTable<Shared> = SmallTable::new();

impl Slot for Shared {
    fn new(index: u32) -> Self {
        Self {
            index,
            generation: AtomicU32::new(0),
            epoll: RwLock::new(None),
        }
    }
}

thread_local! {
    static HERE: Cell<Option<PollerId>> = const { Cell::new(None) };
}

/// The poller of the calling worker.
#[inline]
pub(super) fn here() -> Option<PollerId> {
    HERE.get()
}

/// Which poller, and which use of its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PollerId {
    index: u32,
    generation: u32,
}

impl PollerId {
    /// A number that is never zero, and back.
    pub(super) fn to_bits(self) -> u64 {
        (u64::from(self.index) + 1) << 32 | u64::from(self.generation)
    }

    #[inline]
    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        (bits != 0).then(|| Self {
            index: (bits >> 32) as u32 - 1,
            generation: bits as u32,
        })
    }

    /// The number of the poller among all.
    pub(super) fn index(self) -> u32 {
        self.index
    }

    fn shared(self) -> &'static Shared {
        POLLERS.get(self.index)
    }

    #[inline]
    pub(super) fn is_alive(self) -> bool {
        self.shared().generation.load(Ordering::Acquire) == self.generation
    }

    /// Does something with the epoll, if it is still there.
    fn with_epoll<R>(self, f: impl FnOnce(&Epoll) -> io::Result<R>) -> io::Result<Option<R>> {
        let epoll = self
            .shared()
            .epoll
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match &*epoll {
            Some(epoll) if self.is_alive() => f(epoll).map(Some),
            _ => Ok(None),
        }
    }

    /// Registers a descriptor for everything, edge-triggered.
    pub(super) fn add(self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let all = Flags::IN | Flags::OUT | Flags::PRI | Flags::RDHUP | Flags::EDGE_TRIGGERED;
        self.with_epoll(|epoll| epoll.add(fd, all, token)).map(drop)
    }

    /// Takes a descriptor away. It may be gone already: a child after a fork, or
    /// whoever got the socket from us, can have taken it away.
    pub(super) fn delete(self, fd: BorrowedFd<'_>) {
        let _ = self.with_epoll(|epoll| epoll.delete(fd));
    }
}

/// Whether the kernel can watch a descriptor at all.
pub(crate) fn can_watch(fd: BorrowedFd<'_>) -> io::Result<bool> {
    const REFUSED: Option<i32> = Some(libc::EPERM);
    let epoll = Epoll::new()?;
    match epoll.add(fd, Flags::IN, 0) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == REFUSED => Ok(false),
        Err(error) => Err(error),
    }
}

/// The poller of the calling thread.
pub(crate) struct Poller {
    epoll: Arc<Epoll>,
    shared: &'static Shared,
    id: PollerId,
    events: Events,
}

/// The tokens of the worker's bell and alarm: no descriptor has these numbers, and no key.
const BELL: u64 = u64::MAX;
const ALARM: u64 = u64::MAX - 1;

/// Events taken from the kernel at once. More than 256 fall out of the cache
/// before they are handled, fewer than 64 cost system calls.
const EVENTS: usize = 128;

/// Events that are looked after at once.
const GROUP: usize = 8;

impl Poller {
    /// Makes a poller for the calling thread, which watches the bell and the alarm.
    ///
    /// # Errors
    ///
    /// What creating an epoll fails with: no descriptor to spare, above all.
    pub(crate) fn new(bell: &EventFd, alarm: &Alarm) -> io::Result<Self> {
        fork::watch();
        let epoll = Arc::new(Epoll::new()?);
        let edges = Flags::IN | Flags::EDGE_TRIGGERED;
        epoll.add(bell, edges, BELL)?;
        epoll.add(alarm, edges, ALARM)?;
        let shared = POLLERS.take();
        *shared.epoll.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&epoll));
        Ok(Self {
            epoll,
            shared,
            id: PollerId {
                index: shared.index,
                generation: shared.generation.load(Ordering::Relaxed),
            },
            events: Events::with_capacity(EVENTS),
        })
    }

    /// Makes this the poller that the calling thread's tasks register with.
    pub(crate) fn enter(&self) {
        watch::start_anew();
        HERE.set(Some(self.id));
    }

    /// Waits for events, `None` for as long as it takes, and wakes the tasks that
    /// wait for them. Returns whether the alarm went off.
    ///
    /// # Errors
    ///
    /// What `epoll_wait` fails with; a signal is no error.
    pub(crate) fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        match self.epoll.wait(&mut self.events, timeout) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            Err(error) => return Err(error),
        }
        let mut any_watched = false;
        let mut alarmed = false;
        let mut events = self.events.iter();
        while events.len() > 0 {
            let group = events.clone().take(GROUP);
            look_ahead(group.clone());
            for event in group {
                if event.token & watch::WATCHED == 0 {
                    descriptor::dispatch(event.token, event.flags);
                } else if event.token == ALARM {
                    alarmed = true;
                } else if event.token != BELL {
                    watch::note(event.token, event.flags);
                    any_watched = true;
                }
            }
            events.nth(GROUP - 1);
        }
        if any_watched {
            watch::deliver();
        }
        Ok(alarmed)
    }
}

/// Asks for the memory that some events will touch: their descriptors, and the tasks that
/// wait for those. Then the processor loads for all of them at once.
#[inline]
fn look_ahead(group: impl Iterator<Item = Event> + Clone) {
    let tokens = group
        .map(|event| event.token)
        .filter(|token| token & watch::WATCHED == 0);
    tokens.clone().for_each(descriptor::prefetch);
    tokens.for_each(descriptor::prefetch_waiter);
}

impl Drop for Poller {
    fn drop(&mut self) {
        if HERE.get() == Some(self.id) {
            HERE.set(None);
        }
        // Descriptors that are registered here find out by the generation.
        self.shared.generation.fetch_add(1, Ordering::Release);
        // Those who wait on them would wait for ever: they look again, and register
        // with another poller.
        descriptor::rouse_registered_with(self.id);
        *self
            .shared
            .epoll
            .write()
            .unwrap_or_else(PoisonError::into_inner) = None;
        POLLERS.give_back(&[self.shared.index]);
    }
}
