//! The error of a queue.

use std::error::Error;
use std::{fmt, io};

use bytes::Bytes;

use crate::buf::LinkBuffer;

/// Why a queue did not send something, and what that is.
///
/// From [`push`](super::WriteQueue::push) and its like it has the frame, none of which was
/// or will be sent. From [`close`](super::WriteQueue::close) it has all frames that were
/// accepted and not begun; beside them there may be bytes [in doubt](Self::in_doubt).
///
/// The `?` operator makes it the [`io::Error`] that it is about.
///
/// # Examples
///
/// ```
/// use netpoll::mux::WriteQueue;
/// use std::io::ErrorKind;
/// use std::time::Instant;
///
/// let queue = WriteQueue::new(Vec::new());
/// queue.close(Instant::now())?;
/// let unsent = queue.push("too late").unwrap_err();
/// assert_eq!(unsent.kind(), ErrorKind::NotConnected);
/// assert_eq!(unsent.into_frames(), "too late");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Unsent {
    error: io::Error,
    frames: Bytes,
    in_doubt: usize,
}

impl Unsent {
    pub(super) fn new(error: io::Error, mut frames: LinkBuffer, in_doubt: usize) -> Self {
        frames.flush();
        let frames = frames.next_bytes(frames.len()).unwrap_or_default();
        Self {
            error,
            frames,
            in_doubt,
        }
    }

    /// Why.
    #[must_use]
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// The kind of the error: `NotConnected` with [`Closed`](crate::io::Closed) as its cause
    /// if the queue or its socket was closed, `TimedOut`, `WouldBlock` where it may not wait,
    /// or how the connection failed.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }

    /// Frames, whole and in order, of which nothing was sent, nor will be.
    #[must_use]
    pub fn frames(&self) -> &Bytes {
        &self.frames
    }

    /// Takes [the frames](Self::frames) out, for instance to push them to another queue.
    #[must_use]
    pub fn into_frames(self) -> Bytes {
        self.frames
    }

    /// How many bytes, in front of the frames, were being written when it failed. The peer
    /// may get any part of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Read;
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let queue = WriteQueue::with_bound(stream, 16 << 20);
    /// queue.push(vec![0; 8 << 20])?;
    /// // It has begun, and does not come to its end.
    /// peer.read_exact(&mut [0])?;
    /// queue.push("not begun")?;
    /// let soon = Instant::now() + Duration::from_millis(10);
    /// let unsent = queue.close(soon).unwrap_err();
    /// assert!(unsent.in_doubt() > 0);
    /// assert_eq!(unsent.frames(), "not begun");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn in_doubt(&self) -> usize {
        self.in_doubt
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.frames.len() + self.in_doubt;
        write!(f, "{bytes} bytes were not sent: {}", self.error)
    }
}

impl Error for Unsent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Unsent> for io::Error {
    fn from(unsent: Unsent) -> Self {
        unsent.error
    }
}
