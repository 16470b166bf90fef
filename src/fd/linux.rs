//! What std has for Linux alone, as extension traits.

use std::io;

/// Keeps [`TcpStreamExt`] ours to extend.
pub trait Sealed {}

/// Options of TCP that only Linux has, in the shape of
/// [`std::os::linux::net::TcpStreamExt`](https://doc.rust-lang.org/std/os/linux/net/trait.TcpStreamExt.html).
///
/// Implemented by [`TcpStream`](crate::net::TcpStream), and by nothing else.
pub trait TcpStreamExt: Sealed {
    /// Whether what arrives is acknowledged at once, instead of together with what
    /// is sent next (`TCP_QUICKACK`). The system may go back to its own judgement
    /// later. Does not wait.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with; `NotConnected`, with
    /// [`Closed`](crate::io::Closed), once the stream is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use netpoll::os::linux::net::TcpStreamExt;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_quickack(true)?;
    /// assert!(stream.quickack()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "TCP_QUICKACK")]
    fn set_quickack(&self, quickack: bool) -> io::Result<()>;

    /// The value of `TCP_QUICKACK`; see [`set_quickack`](Self::set_quickack).
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with; `NotConnected`, with
    /// [`Closed`](crate::io::Closed), once the stream is closed.
    fn quickack(&self) -> io::Result<bool>;
}
