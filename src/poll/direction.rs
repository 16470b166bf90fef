//! One direction of a descriptor: what is known of its readiness, and who waits.
//!
//! ```text
//!  63                 32 31                 4     3        2       1      0
//! +---------------------+--------------------+--------+--------+------+-------+
//! | number of task + 1  | epoch of its wait  | CLOSED | STICKY | MORE | READY |
//! +---------------------+--------------------+--------+--------+------+-------+
//!  \___________ a waker, or zero ___________/
//!
//!   empty    0              not ready, as far as is known; nobody waits
//!   ready    READY          an operation is worth trying; nobody waits
//!   waiting  a waker        one task waits
//!            a waker, MORE  it and those in the list wait
//!            MORE           those in the list wait
//! ```
//!
//! A waiter registers, and an event takes all waiters out at once; no waiter is
//! ever replaced by another. `READY` excludes waiters. `STICKY` says that an event
//! came after which a short read no longer proves that the socket is drained: a
//! hang-up, an error, urgent data. It stays.
//!
//! # Clearing readiness
//!
//! Readiness is *consumed* before an operation is tried, and restored after it
//! unless the operation showed that nothing is left. An event that comes between
//! the two sets it again, so it cannot be lost, whatever the operation finds.
//!
//! # What changes beside the word
//!
//! A deadline lies outside. A waiter registers first and reads the deadline then;
//! who moves it writes first and *rouses* then. Both go through a read-modify-write
//! of the word: either the second sees the waiter, or the waiter, whose
//! read-modify-write then comes later and acquires, sees the new deadline. That is
//! why `rouse` writes even when nobody waits.

use super::atomic::{AtomicU64, Mutex, Ordering};
use super::{Outcome, Waker};

const READY: u64 = 1;
const MORE: u64 = 1 << 1;
const STICKY: u64 = 1 << 2;
const CLOSED: u64 = 1 << 3;

/// See the [module](self). The word comes first: see [`Descriptor`](super::Descriptor).
#[repr(C)]
pub(crate) struct Direction {
    word: AtomicU64,
    /// The waiters after the first. Pushed to, and `MORE` set, under the lock.
    #[allow(
        clippy::box_collection,
        reason = "idle descriptors are many, and few have a list"
    )]
    more: Mutex<Option<Box<Vec<Waker>>>>,
}

/// What registering a waiter came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// It waits, and an event will wake it.
    Waits,
    /// It need not wait.
    IsReady,
    IsClosed,
}

impl Direction {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            more: Mutex::new(None),
        }
    }

    /// Begins a new use: nothing is known, so an operation is worth trying.
    pub(crate) fn open(&self) {
        self.word.store(READY, Ordering::Release);
    }

    /// Whether an operation is worth trying.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.word.load(Ordering::Acquire) & (READY | CLOSED) != 0
    }

    /// Whether anybody waits. A moment later it may be otherwise.
    pub(crate) fn has_waiters(&self) -> bool {
        self.word.load(Ordering::Relaxed) & (Waker::BITS | MORE) != 0
    }

    /// Asks for the memory that waking the first who waits will touch.
    #[inline]
    pub(crate) fn prefetch_waiter(&self) {
        if let Some(waker) = Waker::from_bits(self.word.load(Ordering::Relaxed)) {
            waker.prefetch();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes the readiness away, before an operation that may use it up. Returns
    /// whether a short read proves that the socket is drained.
    #[inline]
    pub(crate) fn consume(&self) -> bool {
        let before = self.word.fetch_and(!READY, Ordering::AcqRel);
        before & STICKY == 0
    }

    /// An event, or an operation that left something, makes it ready: all wake.
    #[inline]
    pub(crate) fn set_ready(&self, sticky: bool) {
        let bits = if sticky { READY | STICKY } else { READY };
        self.take_waiters(bits, Outcome::Woken);
    }

    /// Wakes all who wait, so that they look at what changed beside the word.
    pub(crate) fn rouse(&self) {
        self.take_waiters(0, Outcome::Woken);
    }

    /// Ends the use: who waits is woken, who comes later does not wait.
    pub(crate) fn close(&self) {
        self.take_waiters(CLOSED, Outcome::Closed);
    }

    #[inline]
    fn take_waiters(&self, set: u64, outcome: Outcome) {
        let mut word = self.word.load(Ordering::Relaxed);
        while let Err(now) = self.word.compare_exchange_weak(
            word,
            (word & (READY | STICKY | CLOSED)) | set,
            Ordering::AcqRel,
            Ordering::Relaxed,
        ) {
            word = now;
        }
        if let Some(waker) = Waker::from_bits(word) {
            waker.wake(outcome);
        }
        if word & MORE != 0 {
            self.wake_more(outcome);
        }
    }

    #[cold]
    fn wake_more(&self, outcome: Outcome) {
        let more = lock(&self.more).take();
        for waker in more.into_iter().flat_map(|more| *more) {
            waker.wake(outcome);
        }
    }

    /// Lists a waiter, unless it need not wait. `IsReady` comes from a look that
    /// orders nothing: who gets it consumes the readiness, and tries, before it
    /// waits again.
    #[inline]
    pub(crate) fn register(&self, waker: Waker) -> Registered {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Registered::IsClosed;
            }
            if word & READY != 0 {
                return Registered::IsReady;
            }
            if word & (Waker::BITS | MORE) != 0 {
                return self.register_more(waker);
            }
            match self.word.compare_exchange_weak(
                word,
                word | waker.to_bits(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Registered::Waits,
                Err(now) => word = now,
            }
        }
    }

    #[cold]
    fn register_more(&self, waker: Waker) -> Registered {
        let mut more = lock(&self.more);
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Registered::IsClosed;
            }
            if word & READY != 0 {
                return Registered::IsReady;
            }
            match self.word.compare_exchange_weak(
                word,
                word | MORE,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        // Who takes `MORE` away from now on gets the list after this has let go of it.
        more.get_or_insert_default().push(waker);
        Registered::Waits
    }

    /// Takes a waiter out whose wait ended otherwise.
    #[inline]
    pub(crate) fn deregister(&self, waker: Waker) {
        let mut word = self.word.load(Ordering::Relaxed);
        while Waker::from_bits(word) == Some(waker) {
            match self.word.compare_exchange_weak(
                word,
                word & !Waker::BITS,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        if word & MORE != 0 {
            self.deregister_more(waker);
        }
    }

    #[cold]
    fn deregister_more(&self, waker: Waker) {
        let mut more = lock(&self.more);
        if let Some(list) = more.as_mut() {
            list.retain(|other| *other != waker);
        }
        if more.as_ref().is_none_or(|list| list.is_empty()) {
            *more = None;
            self.word.fetch_and(!MORE, Ordering::AcqRel);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> impl std::ops::DerefMut<Target = T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
