//! Sending without copying.

use std::io;

use bytes::Bytes;

use super::TcpStream;

impl TcpStream {
    /// Writes all of the bytes, and lets the system send them from where they are
    /// (`MSG_ZEROCOPY`), instead of copying them first. They are kept until it is done with
    /// them: also when the task ends before, and when the stream is closed or dropped. std
    /// has no such method.
    ///
    /// That is worth it for much at a time, from about 16 KiB; less is copied. So is
    /// everything where the system would copy anyway, as between two ends on one machine: it
    /// says so after the first time, and this does not try again. It copies, too, where too
    /// much is pending for what the system allows (`net.core.optmem_max`, the limit of locked
    /// memory), and for a stream that was made from a descriptor or std's, or of which a
    /// duplicate was handed out.
    ///
    /// The memory is let go when somebody next sends, waits, or asks on this stream, and
    /// otherwise when the stream is dropped; [`wait_zerocopy`](Self::wait_zerocopy) waits for
    /// it. Whether `bytes` was changed meanwhile is not for the system to see: an owner given
    /// to [`Bytes::from_owner`] must not.
    ///
    /// Parks the task, or blocks the thread, like a write; bounded like a write.
    ///
    /// # Errors
    ///
    /// As for a write. If an error or a deadline comes when some of it was written, returns
    /// how much, and the next write fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use netpoll::{io, thread};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (server, _) = listener.accept()?;
    ///
    /// let page = Bytes::from(vec![7; 100_000]);
    /// thread::spawn(move || server.write_zerocopy(page));
    /// assert_eq!(io::copy(&mut &client, &mut io::sink())?, 100_000);
    /// # io::Result::Ok(())
    /// ```
    #[doc(alias = "MSG_ZEROCOPY")]
    #[doc(alias = "SO_ZEROCOPY")]
    #[doc(alias = "WriteDirect")]
    pub fn write_zerocopy(&self, bytes: Bytes) -> io::Result<usize> {
        self.socket.write_zerocopy(&bytes)
    }

    /// Waits until the system is done with all memory that
    /// [`write_zerocopy`](Self::write_zerocopy) has given it: when the peer has got it.
    ///
    /// Parks the task, or blocks the thread; bounded like a write. It looks every now and
    /// then, at most 50 ms apart.
    ///
    /// # Errors
    ///
    /// `WouldBlock` after the write timeout, `TimedOut` after the deadline, `NotConnected`,
    /// with [`Closed`](crate::io::Closed), once the stream is closed;
    /// [`Cancelled`](crate::io::Cancelled) in a task whose runtime ends.
    pub fn wait_zerocopy(&self) -> io::Result<()> {
        self.socket.wait_zerocopy()
    }

    /// How many bytes of the caller's memory the system may still read. Does not wait.
    #[must_use]
    pub fn zerocopy_pending(&self) -> usize {
        self.socket.zerocopy_pending()
    }

    /// Whether the system sends from where the bytes are; `None` if nobody knows yet. Does
    /// not wait.
    #[must_use]
    pub fn zerocopy_works(&self) -> Option<bool> {
        self.socket.zerocopy_works()
    }
}
