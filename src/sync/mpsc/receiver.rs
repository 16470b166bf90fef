//! The end that receives.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::RefUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::{RecvError, RecvTimeoutError, TryRecvError};
use crate::task::{self, Time};

/// The end of a channel that receives, in the shape of [`std::sync::mpsc::Receiver`].
///
/// # Examples
///
/// See [`recv`](Self::recv).
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// As std's, it is not `Sync`: there is one at a time who receives.
    not_sync: PhantomData<Cell<()>>,
}

impl<T> RefUnwindSafe for Receiver<T> {}

/// What is received, until the last sender is gone; see [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    // std's name, which is what `Debug` shows.
    rx: &'a Receiver<T>,
}

/// What has been sent already; see [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T> {
    // std's name, which is what `Debug` shows.
    rx: &'a Receiver<T>,
}

/// What is received, until the last sender is gone, with the receiver in it.
///
/// # Examples
///
/// ```
/// use netpoll::sync::mpsc::channel;
///
/// let (sender, receiver) = channel();
/// sender.send('a').unwrap();
/// sender.send('b').unwrap();
/// drop(sender);
/// assert_eq!(receiver.into_iter().collect::<String>(), "ab");
/// ```
#[derive(Debug)]
pub struct IntoIter<T> {
    // std's name, which is what `Debug` shows.
    rx: Receiver<T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(channel: &Arc<Channel<T>>) -> Self {
        Self {
            channel: Arc::clone(channel),
            not_sync: PhantomData,
        }
    }

    /// Takes the next value, and waits for one if there is none.
    ///
    /// Parks the task, or blocks the thread, meanwhile. No deadline bounds that, and the
    /// end of a runtime does not cancel it.
    ///
    /// # Errors
    ///
    /// If there is none, and all senders are gone.
    ///
    /// # Panics
    ///
    /// If it has to wait inside of [`no_park`](crate::thread::no_park), or in a process
    /// that was forked from one with a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::{RecvError, channel};
    /// use netpoll::thread;
    ///
    /// let (sender, receiver) = channel();
    /// thread::spawn(move || sender.send("hello"));
    /// assert_eq!(receiver.recv(), Ok("hello"));
    /// assert_eq!(receiver.recv(), Err(RecvError));
    /// ```
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(Time::NEVER).map_err(|_| RecvError)
    }

    /// Takes the next value, if there is one. It never parks, and never gives way to
    /// other tasks: who tries again and again calls
    /// [`yield_now`](crate::thread::yield_now) in between.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty) if there is none,
    /// [`Disconnected`](TryRecvError::Disconnected) if there will be none either.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::{TryRecvError, channel};
    ///
    /// let (sender, receiver) = channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.try_recv()
    }

    /// Takes the next value, and waits for one for so long at most.
    ///
    /// # Errors
    ///
    /// [`Timeout`](RecvTimeoutError::Timeout) if none has come,
    /// [`Disconnected`](RecvTimeoutError::Disconnected) if none will come.
    ///
    /// # Panics
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::{RecvTimeoutError, channel};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = channel::<u8>();
    /// let timeout = Duration::from_millis(5);
    /// assert_eq!(receiver.recv_timeout(timeout), Err(RecvTimeoutError::Timeout));
    /// drop(sender);
    /// assert_eq!(receiver.recv_timeout(timeout), Err(RecvTimeoutError::Disconnected));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Time::now().after(timeout))
    }

    /// Takes the next value, and waits for one until this moment at most.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Self::recv_timeout).
    ///
    /// # Panics
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::{RecvTimeoutError, channel};
    /// use std::time::Instant;
    ///
    /// let (sender, receiver) = channel();
    /// assert_eq!(receiver.recv_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
    /// sender.send(1).unwrap();
    /// // What is there is taken, however late it is.
    /// assert_eq!(receiver.recv_deadline(Instant::now()), Ok(1));
    /// ```
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Time::at(deadline))
    }

    fn recv_until(&self, deadline: Time) -> Result<T, RecvTimeoutError> {
        task::spend();
        self.channel.recv(deadline)
    }

    /// What is received, until the last sender is gone. Each step waits as
    /// [`recv`](Self::recv) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::channel;
    /// use netpoll::thread;
    ///
    /// let (sender, receiver) = channel();
    /// thread::spawn(move || (0..5).try_for_each(|i| sender.send(i)));
    /// assert_eq!(receiver.iter().sum::<u32>(), 10);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// What has been sent already. It ends where it would have to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::mpsc::channel;
    ///
    /// let (sender, receiver) = channel();
    /// sender.send(1).unwrap();
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
    /// assert_eq!(receiver.try_iter().next(), None);
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.channel.end_receiving();
    }
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { rx: self }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
