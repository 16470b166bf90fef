//! What connections come from.

use std::fmt;
use std::io;

use super::{Stream, placement};
use crate::net::TcpListener;
use crate::os::unix::net::UnixListener;

/// A listener of any kind: ours or std's, TCP or Unix.
///
/// # Examples
///
/// ```
/// use netpoll::event::Listener;
///
/// let ours = netpoll::net::TcpListener::bind("127.0.0.1:0")?;
/// let of_std = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let listeners: [Listener; 2] = [ours.into(), of_std.into()];
/// # std::io::Result::Ok(())
/// ```
pub struct Listener(Kind);

enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Listens at an address of a network by Go's name of it, `"tcp"`, `"tcp4"`, `"tcp6"`,
    /// or `"unix"`, as [`net::listen`](crate::net::listen()) does.
    ///
    /// # Errors
    ///
    /// Those of [`net::listen`](crate::net::listen()); `Unsupported` for a network whose
    /// connections are no streams.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::Listener;
    ///
    /// let listener = Listener::bind("tcp", "127.0.0.1:0")?;
    /// assert!(Listener::bind("unixpacket", "@packets of no use here").is_err());
    /// # drop(listener);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "CreateListener")]
    pub fn bind(network: &str, address: &str) -> io::Result<Self> {
        match crate::net::listen(network, address)? {
            crate::net::Listener::Tcp(listener) => Ok(listener.into()),
            crate::net::Listener::Unix(listener) => Ok(listener.into()),
            crate::net::Listener::Unixpacket(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "an event loop has connections that are streams",
            )),
        }
    }

    /// A connection, and a hash of where it comes from.
    pub(super) fn accept(&self) -> io::Result<(Stream, Option<u64>)> {
        match &self.0 {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                // A peer that has gone again is found out when it is served.
                let _ = stream.set_nodelay(true);
                Ok((stream.into(), Some(placement::source_of_ip(peer.ip()))))
            }
            Kind::Unix(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((stream.into(), placement::source_of_unix(&peer)))
            }
        }
    }

    pub(super) fn close(&self) {
        match &self.0 {
            Kind::Tcp(listener) => listener.close(),
            Kind::Unix(listener) => listener.close(),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Kind::Tcp(listener))
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self(Kind::Unix(listener))
    }
}

impl From<std::net::TcpListener> for Listener {
    /// In non-blocking mode, too, accepting waits.
    fn from(listener: std::net::TcpListener) -> Self {
        let _ = listener.set_nonblocking(false);
        TcpListener::from(listener).into()
    }
}

impl From<std::os::unix::net::UnixListener> for Listener {
    /// In non-blocking mode, too, accepting waits.
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        let _ = listener.set_nonblocking(false);
        UnixListener::from(listener).into()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Tcp(listener) => listener.fmt(f),
            Kind::Unix(listener) => listener.fmt(f),
        }
    }
}
