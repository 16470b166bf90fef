//! The error of an operation on something that was closed.

use std::error::Error;
use std::{fmt, io};

use super::cause::is_caused_by;

/// The cause of an [`io::Error`] from what was closed with its `close` method, by this task
/// or by another, a socket above all; and from handles of what has ended: a connection of
/// an event loop, an event loop that was shut down, a queue.
///
/// The error's kind is [`NotConnected`](io::ErrorKind::NotConnected).
///
/// ```
/// use netpoll::io::Closed;
/// use netpoll::net::TcpListener;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// listener.close();
/// let error = listener.accept().unwrap_err();
/// assert!(Closed::is_cause_of(&error));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed;

impl Closed {
    /// Whether an error came from something that was closed, or has ended.
    #[must_use]
    pub fn is_cause_of(error: &io::Error) -> bool {
        is_caused_by::<Closed>(error)
    }

    pub(crate) fn error() -> io::Error {
        io::Error::new(io::ErrorKind::NotConnected, Closed)
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it was closed, or has ended")
    }
}

impl Error for Closed {}
