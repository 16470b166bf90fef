//! Channels, in the shape of [`std::sync::mpsc`]: many send, one receives.
//!
//! Who waits on a channel is parked where std's would block its thread. Senders and
//! receivers may be tasks and plain threads in any combination.
//!
//! [`channel`] has room for any number of values; [`sync_channel`] for as many as one
//! says, and who sends more waits until there is room, first come first. With room for none,
//! each value is handed over in person.
//!
//! The errors are std's own types, so code that names them goes on as it is.
//!
//! # What it costs
//!
//! A value that need not wait costs a short lock on each side. If the receiver sleeps,
//! the first value wakes it: on its own worker that is an entry in a queue, from
//! another thread a system call if that one sleeps.
//!
//! # Examples
//!
//! ```
//! use netpoll::sync::mpsc;
//! use netpoll::thread;
//!
//! let (sender, receiver) = mpsc::channel();
//! for i in 0..3 {
//!     let sender = sender.clone();
//!     thread::spawn(move || sender.send(i * i));
//! }
//! // The loop ends when the last sender is gone.
//! drop(sender);
//! let sum: u32 = receiver.iter().sum();
//! assert_eq!(sum, 5);
//! ```

mod channel;
mod receiver;
mod sender;

pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::{Sender, SyncSender};
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use channel::Sending;

/// A channel with room for any number of values: sending never waits.
///
/// # Examples
///
/// ```
/// use netpoll::sync::mpsc::channel;
///
/// let (sender, receiver) = channel();
/// sender.send(1).unwrap();
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let sending = Sending::new(usize::MAX);
    let receiver = Receiver::new(sending.channel());
    (Sender(sending), receiver)
}

/// A channel with room for so many values; who sends more waits. With room for none,
/// who sends waits until its value was taken.
///
/// # Examples
///
/// ```
/// use netpoll::sync::mpsc::{TrySendError, sync_channel};
///
/// let (sender, receiver) = sync_channel(1);
/// sender.send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
#[must_use]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let sending = Sending::new(bound);
    let receiver = Receiver::new(sending.channel());
    (SyncSender(sending), receiver)
}
