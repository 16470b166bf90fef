//! What goes both ways, and ends each way by itself.

use std::io::{ErrorKind, Result};
use std::net::Shutdown;
use std::time::Duration;

use super::Fd;
use crate::sys::socket::{self, options};

/// A connection that can end writing and still read. That is what
/// [`copy_bidirectional`](crate::io::copy_bidirectional) and [`Relay`](crate::io::Relay) ask
/// for, beside reading and writing by reference.
///
/// The connections of netpoll implement it. One of your own, such as a connection with
/// encryption around it, does so by its own way to say that nothing more comes; and passes
/// the rest on to the connection inside, if it has something to pass it on to.
///
/// # Examples
///
/// ```
/// use netpoll::io::Duplex;
/// use netpoll::net::Shutdown;
/// use netpoll::os::unix::net::UnixStream;
///
/// struct Counted(UnixStream);
///
/// impl Duplex for Counted {
///     fn shutdown(&self, how: Shutdown) -> std::io::Result<()> {
///         self.0.shutdown(how)
///     }
/// }
/// ```
pub trait Duplex {
    /// Ends a direction, or both, now: what waits there returns, and, for writing, the peer
    /// reads what was written, and then the end.
    ///
    /// # Errors
    ///
    /// What the connection has to say. [`copy_bidirectional`](crate::io::copy_bidirectional)
    /// goes by what reading and writing say, and ignores it.
    fn shutdown(&self, how: Shutdown) -> Result<()>;

    /// Ends the connection as one that has failed: what waits on it returns, and the peer does
    /// not take what it has got for all there was, if the connection has a way to say so.
    ///
    /// A [`TcpStream`](crate::net::TcpStream) has one: it is closed, and the peer reset. What
    /// the peer's system has not got by then is lost. For the others, and if nothing else is
    /// said here, it is `shutdown(Shutdown::Both)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::io::{Duplex, ErrorKind, Read};
    /// use netpoll::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// let (accepted, _) = listener.accept()?;
    /// accepted.abort();
    /// assert_eq!(client.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "RST")]
    fn abort(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }

    /// Bounds each read from now on: one that had to wait for longer fails with
    /// `WouldBlock`, and has taken nothing. [`Relay::idle_timeout`](crate::io::Relay::idle_timeout)
    /// needs it.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for zero; `Unsupported` if nothing else is said here.
    fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        let _ = timeout;
        Err(ErrorKind::Unsupported.into())
    }

    /// Bounds each write from now on; see [`set_read_timeout`](Self::set_read_timeout). One
    /// that has written something says how much, and does not fail.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for zero; `Unsupported` if nothing else is said here.
    fn set_write_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        let _ = timeout;
        Err(ErrorKind::Unsupported.into())
    }
}

impl Fd {
    /// Ends a connection so that a peer with TCP is reset.
    pub(crate) fn abort(&self) {
        let resets = |fd| options::set_linger(fd, Some(Duration::ZERO)).is_ok();
        // Closing alone does not end a connection that somebody else has as well.
        if self.is_not_shared() && self.open().is_ok_and(resets) {
            self.close();
        } else if let Ok(fd) = self.open() {
            let _ = socket::shutdown(fd, Shutdown::Both);
        }
    }
}
