//! What `spawn` returns.

use std::fmt;
use std::sync::Arc;

use super::{Thread, builder};
use crate::task::Packet;

/// A handle's share of what a task leaves behind.
pub(super) struct Share<T>(Option<Arc<Packet<T>>>);

impl<T> Share<T> {
    pub(super) fn new(packet: Arc<Packet<T>>) -> Self {
        Self(Some(packet))
    }

    pub(super) fn join(self) -> super::Result<T> {
        self.packet().join()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.packet().has_ended()
    }

    fn packet(&self) -> &Packet<T> {
        self.0.as_ref().expect("it is there until the drop")
    }
}

impl<T> Drop for Share<T> {
    fn drop(&mut self) {
        // Whether the result is dropped here or by the task is a matter of chance, so
        // it is done alike.
        builder::drop_result(self.0.take());
    }
}

/// The right to wait for a task to end, in the shape of [`std::thread::JoinHandle`].
///
/// When it is dropped, the task goes on by itself. As in std, a result that nobody
/// takes and whose destructor panics ends the process.
pub struct JoinHandle<T> {
    share: Share<T>,
    thread: Thread,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(packet: Arc<Packet<T>>, thread: Thread) -> Self {
        Self {
            share: Share::new(packet),
            thread,
        }
    }

    /// The task's handle, by which it can be unparked.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::thread;
    ///
    /// let task = thread::spawn(thread::park);
    /// task.thread().unpark();
    /// task.join().unwrap();
    /// ```
    #[must_use]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Waits for the task to end and returns what it returned.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds it. A task that
    /// joins itself waits for ever.
    ///
    /// # Errors
    ///
    /// If the task panicked, what it panicked with.
    ///
    /// # Examples
    ///
    /// ```
    /// let task = netpoll::thread::spawn(|| panic!("oh no"));
    /// let panic = task.join().unwrap_err();
    /// assert_eq!(panic.downcast_ref::<&str>(), Some(&"oh no"));
    /// ```
    pub fn join(self) -> super::Result<T> {
        self.share.join()
    }

    /// Whether the task has ended, so that [`join`](Self::join) will not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.share.is_finished()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}
