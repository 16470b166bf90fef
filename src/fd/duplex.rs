//! What goes both ways, and ends each way by itself.

use std::io::Result;
use std::net::Shutdown;

/// A connection that can end writing and still read. That is what
/// [`copy_bidirectional`](crate::io::copy_bidirectional) asks for, beside reading and
/// writing by reference.
///
/// The connections of netpoll implement it. One of your own, such as a connection with
/// encryption around it, does so by its own way to say that nothing more comes.
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
#[doc(alias = "CloseWriter")]
pub trait Duplex {
    /// Ends a direction, or both, now: what waits there returns, and, for writing, the peer
    /// reads what was written, and then the end.
    ///
    /// # Errors
    ///
    /// What the connection has to say. [`copy_bidirectional`](crate::io::copy_bidirectional)
    /// goes by what reading and writing say, and ignores it.
    fn shutdown(&self, how: Shutdown) -> Result<()>;
}
