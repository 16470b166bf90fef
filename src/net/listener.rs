//! `TcpListener`.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

use super::{TcpStream, ToSocketAddrs, each_address};
use crate::fd::{Cancelled, Closed, Fd, Pause};
use crate::poll::Way;
use crate::sys::socket;
use crate::task::Time;

/// A TCP socket that listens for connections, in the shape of [`std::net::TcpListener`].
///
/// Clones made by [`try_clone`](Self::try_clone) share one socket; it is closed
/// when the last of them is dropped, or by [`close`](Self::close).
///
/// # Examples
///
/// ```
/// use netpoll::net::{TcpListener, TcpStream};
/// use netpoll::thread;
/// use std::io::{Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let server = thread::spawn(move || -> std::io::Result<()> {
///     let (mut stream, _peer) = listener.accept()?;
///     stream.write_all(b"hello")
/// });
///
/// let mut greeting = String::new();
/// TcpStream::connect(address)?.read_to_string(&mut greeting)?;
/// assert_eq!(greeting, "hello");
/// server.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpListener {
    inner: Arc<Inner>,
}

struct Inner {
    fd: Fd,
    pause: Pause,
}

impl TcpListener {
    /// Creates a listener that is bound to an address. With port 0 the system
    /// chooses one; [`local_addr`](Self::local_addr) tells which.
    ///
    /// As in std, `SO_REUSEADDR` is set. The backlog is what the system allows
    /// (`net.core.somaxconn`).
    ///
    /// Does not wait, but for the resolution of a name, which parks the task, or blocks
    /// the thread; see [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// `AddrInUse`, `AddrNotAvailable`, `PermissionDenied` (ports below
    /// `net.ipv4.ip_unprivileged_port_start`), `InvalidInput` if there is no address;
    /// what resolving a name fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// let listener = netpoll::net::TcpListener::bind("127.0.0.1:0")?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Listen")]
    pub fn bind<A: ToSocketAddrs>(addresses: A) -> io::Result<Self> {
        let fd = each_address(addresses, socket::listen)?;
        Ok(Self {
            inner: Arc::new(Inner {
                fd: Fd::new(fd),
                pause: Pause::default(),
            }),
        })
    }

    /// Accepts a connection, and waits for one if there is none.
    ///
    /// Parks the task, or blocks the thread, until there is one, the deadline of
    /// [`set_deadline`](Self::set_deadline) comes, or the listener is closed.
    /// Connections that were aborted before they could be accepted are skipped.
    ///
    /// # Errors
    ///
    /// - Without a descriptor to spare (`EMFILE`, `ENFILE`), or memory, what the
    ///   system says, as in std. The first such error comes at once. The next in a
    ///   row waits 10 ms before it tries, then 50, 100, 200, 500, and 1000 ms from
    ///   then on, so that a loop that goes on does not spin.
    /// - `TimedOut` after the deadline, `WouldBlock` in non-blocking mode,
    ///   `NotConnected` (with [`Closed`]) once the listener is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (_stream, peer) = listener.accept()?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (fd, peer) = self.inner.fd.accept(&self.inner.pause)?;
        Ok((TcpStream::from_accepted(fd), peer))
    }

    /// The connections that come in, one after the other, as an iterator that waits
    /// for each like [`accept`](Self::accept).
    ///
    /// As in std it goes on after errors; it ends when the listener is
    /// [closed](Self::close), or the task's runtime is shut down.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use netpoll::net::TcpListener;
    /// use netpoll::thread;
    /// use std::io::{Read, Write};
    ///
    /// for stream in TcpListener::bind("127.0.0.1:7000")?.incoming() {
    ///     let mut stream = stream?;
    ///     thread::spawn(move || {
    ///         let mut buffer = [0; 512];
    ///         while let Ok(n @ 1..) = stream.read(&mut buffer) {
    ///             stream.write_all(&buffer[..n])?;
    ///         }
    ///         std::io::Result::Ok(())
    ///     });
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address that the listener is bound to.
    ///
    /// # Errors
    ///
    /// What `getsockname` fails with; never for a listener that is open.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_address(self.inner.fd.open()?)
    }

    /// Another handle to the same listener: both may accept.
    ///
    /// # Errors
    ///
    /// None now; the signature is std's. No descriptor is needed.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            inner: Arc::clone(&self.inner),
        })
    }

    /// Makes `accept` fail with `TimedOut` from this moment on, for those who wait
    /// already as well; `None` takes the deadline away. Any task may set it.
    ///
    /// # Errors
    ///
    /// None now.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::TcpListener;
    /// use std::time::{Duration, Instant};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.inner.fd.set_deadline(Way::Read, Time::of(deadline));
        Ok(())
    }

    /// Stops listening, for all clones. Who waits in `accept` is woken with
    /// [`Closed`]; connections in the backlog are refused. Closing again does nothing.
    ///
    /// Does not wait. The descriptor's number is freed when the last clone is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use netpoll::thread;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// let acceptor = listener.try_clone()?;
    /// let accepting = thread::spawn(move || acceptor.incoming().count());
    /// listener.close();
    /// assert_eq!(accepting.join().unwrap(), 0);
    /// assert!(TcpStream::connect(address).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Close")]
    pub fn close(&self) {
        self.inner.fd.close();
    }

    /// Whether `accept` returns `WouldBlock` instead of waiting. Shared by clones.
    ///
    /// # Errors
    ///
    /// None now; the signature is std's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.inner.fd.set_nonblocking(nonblocking);
        Ok(())
    }

    /// Sets the time-to-live of packets sent by the connections to come.
    ///
    /// # Errors
    ///
    /// What `setsockopt(IP_TTL)` fails with.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        socket::set_ttl(self.inner.fd.open()?, ttl)
    }

    /// The time-to-live set by [`set_ttl`](Self::set_ttl).
    ///
    /// # Errors
    ///
    /// What `getsockopt(IP_TTL)` fails with.
    pub fn ttl(&self) -> io::Result<u32> {
        socket::ttl(self.inner.fd.open()?)
    }

    /// The error that waits at the socket, which is cleared.
    ///
    /// # Errors
    ///
    /// What `getsockopt(SO_ERROR)` fails with.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.fd.take_error()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpListener");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.fd.as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The connections that a [`TcpListener`] accepts; see [`TcpListener::incoming`].
#[derive(Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.listener.accept() {
            Ok((stream, _)) => Some(Ok(stream)),
            Err(error) if Closed::is_cause_of(&error) || Cancelled::is_cause_of(&error) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl FusedIterator for Incoming<'_> {}
