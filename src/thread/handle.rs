//! What `spawn` returns.

use std::fmt;
use std::sync::Arc;

use super::Thread;
use crate::task::Packet;

/// The right to wait for a task to end, in the shape of [`std::thread::JoinHandle`].
///
/// When it is dropped, the task goes on by itself.
pub struct JoinHandle<T> {
    packet: Arc<Packet<T>>,
    thread: Thread,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(packet: Arc<Packet<T>>, thread: Thread) -> Self {
        Self { packet, thread }
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
        self.packet.join()
    }

    /// Whether the task has ended, so that [`join`](Self::join) will not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.packet.has_ended()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}
