//! A connection of either network.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use netpoll::event;
use netpoll::io::Duplex;
use netpoll::net::{Conn, Listener, TcpStream};
use netpoll::os::unix::net::UnixStream;

/// See the [module](self).
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// `each!(self, stream => expression)`: the same for both.
macro_rules! each {
    ($value:expr, $stream:ident => $body:expr) => {
        match $value {
            Stream::Tcp($stream) => $body,
            Stream::Unix($stream) => $body,
        }
    };
}

impl Stream {
    /// Accepts one. It sends without delay.
    pub(super) fn accept(listener: &Listener) -> io::Result<Self> {
        let (connection, _) = listener.accept()?;
        if let Conn::Tcp(stream) = &connection {
            // Fails if the client has gone already; then reading says so.
            let _ = stream.set_nodelay(true);
        }
        Self::of(connection)
    }

    pub(super) fn of(connection: Conn) -> io::Result<Self> {
        match connection {
            Conn::Tcp(stream) => Ok(Stream::Tcp(stream)),
            Conn::Unix(stream) => Ok(Stream::Unix(stream)),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
        })
    }

    pub(super) fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        each!(self, stream => stream.set_deadline(deadline))
    }

    pub(super) fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        each!(self, stream => stream.set_write_deadline(deadline))
    }

    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        each!(self, stream => stream.set_read_timeout(timeout))
    }

    pub(super) fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        each!(self, stream => stream.set_nonblocking(on))
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        each!(self, stream => stream.shutdown(how))
    }

    pub(super) fn close(&self) {
        each!(self, stream => stream.close());
    }

    /// Ends it as one that has failed.
    pub(super) fn abort(&self) {
        each!(self, stream => stream.abort());
    }

    /// Whose it is, and where they came; none for those of Unix, which have no such
    /// addresses.
    pub(super) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self {
            Stream::Tcp(stream) => Some((stream.peer_addr().ok()?, stream.local_addr().ok()?)),
            Stream::Unix(_) => None,
        }
    }
}

impl From<Stream> for event::Stream {
    fn from(stream: Stream) -> Self {
        each!(stream, stream => stream.into())
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        each!(self, stream => (&mut &*stream).read(buffer))
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        each!(self, stream => (&mut &*stream).write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
