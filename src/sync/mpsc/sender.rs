//! The ends that send.

use std::fmt;

use super::channel::Sending;
use super::{SendError, TrySendError};
use crate::task;

/// The end of a [`channel`](super::channel) that sends, in the shape of
/// [`std::sync::mpsc::Sender`].
///
/// # Examples
///
/// See [`send`](Self::send).
pub struct Sender<T>(pub(super) Sending<T>);

/// The end of a [`sync_channel`](super::sync_channel) that sends, in the shape of
/// [`std::sync::mpsc::SyncSender`].
///
/// # Examples
///
/// See [`send`](Self::send).
pub struct SyncSender<T>(pub(super) Sending<T>);

impl<T> Sender<T> {
    /// Sends a value. It never waits; a task that sends many in a row gives way to
    /// others of its worker now and then.
    ///
    /// That it was sent does not mean that it will be received.
    ///
    /// # Errors
    ///
    /// If the receiver is gone: the value is in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::{SendError, channel};
    ///
    /// let (sender, receiver) = channel();
    /// sender.send(1).unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(2), Err(SendError(2)));
    /// ```
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        task::spend();
        self.0.channel().send(t)
    }
}

impl<T> SyncSender<T> {
    /// Sends a value, and waits until there is room for it; in a channel without room,
    /// until it was taken.
    ///
    /// Parks the task, or blocks the thread, meanwhile. No deadline bounds that, and the
    /// end of a runtime does not cancel it. Values arrive in the order in which they
    /// were sent, also of those that had to wait.
    ///
    /// # Errors
    ///
    /// If the receiver is gone, or goes: the value is in the error.
    ///
    /// # Panics
    ///
    /// If it has to wait inside of [`no_park`](crate::thread::no_park), or in a process
    /// that was forked from one with a runtime. The value is not sent then.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::sync_channel;
    /// use netpoll::thread;
    ///
    /// let (sender, receiver) = sync_channel(0);
    /// let task = thread::spawn(move || sender.send("in person"));
    /// assert_eq!(receiver.recv(), Ok("in person"));
    /// assert_eq!(task.join().unwrap(), Ok(()));
    /// ```
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        task::spend();
        self.0.channel().send(t)
    }

    /// Sends a value if there is room for it; in a channel without room, if the receiver
    /// waits for it. It never parks.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) if there is no room,
    /// [`Disconnected`](TrySendError::Disconnected) if the receiver is gone: the value is
    /// in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::{TrySendError, sync_channel};
    ///
    /// let (sender, receiver) = sync_channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
    /// ```
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.0.channel().try_send(t)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSender").finish_non_exhaustive()
    }
}
