//! Ending a wait from another thread.
#![forbid(unsafe_code)]

use super::{Epoll, Flags};
use crate::sys::eventfd::EventFd;
use std::io;

/// Ends a wait from any thread, by an event with a token of its own.
///
/// It is an eventfd, registered edge-triggered: every wake is a new edge, so
/// nobody has to read it, and a wake costs one system call on either side.
/// Wakes coalesce: those that come before the wait collects them are one event.
/// A wake is never lost; one that comes while nobody waits ends the next wait.
///
/// Share it in an [`Arc`](std::sync::Arc). Dropping it removes it from its
/// epoll, along with a wake that no wait has collected yet. It may outlive the
/// epoll; then waking does nothing.
///
/// # Examples
///
/// ```
/// use netpoll::epoll::{Epoll, Events, Waker};
/// use std::thread;
///
/// let epoll = Epoll::new()?;
/// let waker = Waker::new(&epoll, 99)?;
/// thread::scope(|scope| {
///     scope.spawn(|| waker.wake());
///     let mut events = Events::new();
///     epoll.wait(&mut events, None)?;
///     assert_eq!(events.get(0).unwrap().token, 99);
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Waker {
    eventfd: EventFd,
}

impl Waker {
    /// Makes a waker for an epoll; its events carry the token.
    ///
    /// # Errors
    ///
    /// - `EMFILE` or `ENFILE` (by [`raw_os_error`](io::Error::raw_os_error)):
    ///   the process or the system is out of descriptors.
    /// - Those of [`Epoll::add`], of which
    ///   [`StorageFull`](io::ErrorKind::StorageFull) and
    ///   [`OutOfMemory`](io::ErrorKind::OutOfMemory) can happen.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::{Epoll, Waker};
    ///
    /// let epoll = Epoll::new()?;
    /// let waker = Waker::new(&epoll, u64::MAX)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(epoll: &Epoll, token: u64) -> io::Result<Waker> {
        let eventfd = EventFd::new()?;
        epoll.add(&eventfd, Flags::IN | Flags::EDGE_TRIGGERED, token)?;
        Ok(Waker { eventfd })
    }

    /// Wakes one thread that waits, or else the next that is about to.
    ///
    /// It never blocks. What this thread wrote before is visible to the thread
    /// that is woken only by way of a synchronising type (an atomic, a lock, a
    /// channel), as always.
    ///
    /// # Errors
    ///
    /// None that a caller could cause or cure.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::{Epoll, Events, Waker};
    ///
    /// let epoll = Epoll::new()?;
    /// let waker = Waker::new(&epoll, 1)?;
    /// let mut events = Events::new();
    /// for _ in 0..3 {
    ///     waker.wake()?;
    ///     waker.wake()?;
    ///     assert_eq!(epoll.wait(&mut events, None)?, 1);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wake(&self) -> io::Result<()> {
        self.eventfd.write()
    }
}
