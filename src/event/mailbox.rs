//! What others send to a loop, which sleeps while there is nothing.
//!
//! Who sends puts something in, says that there is something, and then looks whether
//! somebody listens. A driver that is about to wait says who is to be woken, and then looks
//! whether there is something. Between the two steps of both there is a fence, so one of
//! them sees the other: nobody sleeps over what was sent. In a turn a driver looks without
//! a lock.
//!
//! A mailbox that nobody empties any more is closed, and gives back what is sent.

use std::sync::PoisonError;

use super::atomic::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, fence};
use crate::task::{Outcome, Waker};

/// See the [module](self).
pub(crate) struct Mailbox<T> {
    content: Mutex<Content<T>>,
    /// One if there may be something.
    pending: AtomicU32,
    /// Whom to wake, or zero.
    listener: AtomicU64,
}

struct Content<T> {
    list: Vec<T>,
    is_closed: bool,
}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            content: Mutex::new(Content {
                list: Vec::new(),
                is_closed: false,
            }),
            pending: AtomicU32::new(0),
            listener: AtomicU64::new(0),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content<T>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives it back if the mailbox is closed.
    pub(crate) fn send(&self, item: T) -> Result<(), T> {
        {
            let mut content = self.content();
            if content.is_closed {
                return Err(item);
            }
            content.list.push(item);
            self.pending.store(1, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
        if self.listener.load(Ordering::Relaxed) != 0
            && let Some(waker) = Waker::from_bits(self.listener.swap(0, Ordering::AcqRel))
        {
            waker.wake(Outcome::Woken);
        }
        Ok(())
    }

    /// The owner is about to wait. Returns whether it need not.
    pub(crate) fn listen(&self, waker: Waker) -> bool {
        self.listener.store(waker.to_bits(), Ordering::Release);
        fence(Ordering::SeqCst);
        self.is_pending()
    }

    /// Whether there may be something.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed) != 0
    }

    /// All that has been sent, in order.
    pub(crate) fn take(&self) -> Vec<T> {
        if !self.is_pending() {
            return Vec::new();
        }
        let mut content = self.content();
        self.pending.store(0, Ordering::Relaxed);
        std::mem::take(&mut content.list)
    }

    /// Nothing is taken any more. Gives back what was not.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut content = self.content();
        content.is_closed = true;
        std::mem::take(&mut content.list)
    }

    /// Whether what is sent comes back.
    pub(crate) fn is_closed(&self) -> bool {
        self.content().is_closed
    }

    /// Closes it if there is nothing in it, and nothing may be on its way. Returns whether
    /// it is closed.
    pub(crate) fn close_if_unused(&self, is_unused: impl FnOnce() -> bool) -> bool {
        let mut content = self.content();
        if content.list.is_empty() && is_unused() {
            content.is_closed = true;
        }
        content.is_closed
    }
}
