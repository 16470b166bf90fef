//! `TcpStream`.

use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;
use std::{fmt, io};

use super::{KeepAlive, ToSocketAddrs, each_address, ttl_methods};
use crate::fd::{
    Sealed, Socket, TcpStreamExt, halves, socket_methods, stream_io, transfer_methods,
};
use crate::poll::Timeout;
use crate::sys::socket::{self, options};

/// A TCP connection, in the shape of [`std::net::TcpStream`].
///
/// Reading and writing go on at the same time on different tasks; clones made by
/// [`try_clone`](Self::try_clone) share one socket, which is closed when the last
/// of them is dropped, or by [`close`](Self::close). Of several tasks that read
/// (or write) at once, one goes first and the others wait for it.
///
/// # What bounds an operation
///
/// | | for | fails with |
/// |---|---|---|
/// | [`set_read_timeout`](Self::set_read_timeout), [`set_write_timeout`](Self::set_write_timeout) | each operation anew, as in std | `WouldBlock`, as in std on Linux |
/// | [`set_read_deadline`](Self::set_read_deadline), [`set_write_deadline`](Self::set_write_deadline) | the socket, until moved, as in Go | `TimedOut` |
/// | [`close`](Self::close) | all operations | `NotConnected`, with [`Closed`](crate::io::Closed) |
///
/// [`TcpStreamExt`](crate::os::linux::net::TcpStreamExt) has further options, as in std.
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
/// thread::spawn(move || {
///     let (mut stream, _) = listener.accept()?;
///     let mut request = [0; 4];
///     stream.read_exact(&mut request)?;
///     stream.write_all(&request)
/// });
///
/// let mut stream = TcpStream::connect(address)?;
/// stream.write_all(b"ping")?;
/// let mut reply = [0; 4];
/// stream.read_exact(&mut reply)?;
/// assert_eq!(&reply, b"ping");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpStream {
    pub(super) socket: Socket,
}

impl TcpStream {
    /// Connects to the first of the addresses that accepts.
    ///
    /// Parks the task, or blocks the thread, until the connection stands or the
    /// system gives up, which can take minutes; [`connect_timeout`](Self::connect_timeout)
    /// bounds it. The resolution of a name comes before, and waits likewise; see
    /// [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// The error of the last address: `ConnectionRefused`, `TimedOut`,
    /// `HostUnreachable`, `NetworkUnreachable`, `AddrNotAvailable`; `InvalidInput`
    /// if there is no address; what resolving a name fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::TcpStream;
    ///
    /// let error = TcpStream::connect("127.0.0.1:1").unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    /// ```
    #[doc(alias = "Dial")]
    pub fn connect<A: ToSocketAddrs>(addresses: A) -> io::Result<Self> {
        each_address(addresses, |address| Self::connect_within(address, None))
    }

    /// Connects to one address, or fails with `TimedOut` after this long.
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect); `InvalidInput` for a timeout of zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// TcpStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(3))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "DialTimeout")]
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        crate::fd::connect_timeout(timeout, |timeout| {
            Self::connect_within(address, Some(timeout))
        })
    }

    fn connect_within(address: &SocketAddr, timeout: Option<Duration>) -> io::Result<Self> {
        let socket = Socket::new(socket::tcp(address)?);
        if !socket::connect(socket.as_fd(), address)? {
            socket.wait_connected(&mut Timeout::new(timeout))?;
        }
        // Streams are in blocking mode; see `sys::socket`.
        options::set_nonblocking(socket.as_fd(), false)?;
        Ok(Self::from_socket(socket))
    }

    /// The address of the other end. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "RemoteAddr")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket::peer_address(self.socket.open()?)
    }

    /// The address of this end. Does not wait.
    ///
    /// # Errors
    ///
    /// What `getsockname` fails with; `NotConnected`, with
    /// [`Closed`](crate::io::Closed), once the stream is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert!(stream.local_addr()?.ip().is_loopback());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_address(self.socket.open()?)
    }

    /// Ends the reading direction, the writing direction, or both; what waits there
    /// returns. After `Shutdown::Write` the peer reads to the end, and can still answer.
    /// Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Shutdown, TcpListener, TcpStream};
    /// use std::io::{Read, Write};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut server, _) = listener.accept()?;
    /// client.write_all(b"a question")?;
    /// client.shutdown(Shutdown::Write)?;
    ///
    /// let mut question = String::new();
    /// server.read_to_string(&mut question)?; // up to the end
    /// server.write_all(b"an answer")?;
    /// assert_eq!(client.read(&mut [0; 9])?, 9);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "CloseRead")]
    #[doc(alias = "CloseWrite")]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        socket::shutdown(self.socket.open()?, how)
    }

    /// Receives data without taking it: the next read gets it again.
    ///
    /// Parks the task, or blocks the thread, like a read; bounded like a read.
    ///
    /// # Errors
    ///
    /// As for a read.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use std::io::{Read, Write};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.write_all(b"hello")?;
    /// let (mut peer, _) = listener.accept()?;
    /// assert_eq!(peer.peek(&mut [0; 16])?, 5);
    /// assert_eq!(peer.read(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.peek(buffer)
    }

    /// Whether small writes are sent at once instead of being gathered (`TCP_NODELAY`).
    /// Off at first, as in std. Does not wait.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert!(!stream.nodelay()?);
    /// stream.set_nodelay(true)?;
    /// assert!(stream.nodelay()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SetNoDelay")]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        options::set_nodelay(self.socket.open()?, nodelay)
    }

    /// The value of `TCP_NODELAY`. Does not wait.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with.
    pub fn nodelay(&self) -> io::Result<bool> {
        options::nodelay(self.socket.open()?)
    }

    /// What happens to data that was not sent yet when the socket is closed
    /// (`SO_LINGER`). Does not wait itself.
    ///
    /// | | closing |
    /// |---|---|
    /// | `None`, at first | returns at once, the system goes on sending |
    /// | zero | throws it away, and resets the connection |
    /// | longer | **blocks the thread**, a worker's too, until it is sent, or for this long |
    ///
    /// The time is in whole seconds, rounded up.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut server, _) = listener.accept()?;
    /// client.set_linger(Some(Duration::ZERO))?;
    /// drop(client);
    /// let error = server.read(&mut [0; 16]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SetLinger")]
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        options::set_linger(self.socket.open()?, linger)
    }

    /// The value of `SO_LINGER`; see [`set_linger`](Self::set_linger). Does not wait.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        options::linger(self.socket.open()?)
    }

    /// Whether, and how, the system finds out that the peer has gone without a word.
    /// Off at first, as in std. Does not wait.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what [`KeepAlive`] does not allow; what `setsockopt` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{KeepAlive, TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(stream.keepalive()?, None);
    /// stream.set_keepalive(Some(KeepAlive::default()))?;
    /// assert_eq!(stream.keepalive()?, Some(KeepAlive::default()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SetKeepAlive")]
    #[doc(alias = "SetKeepAliveConfig")]
    #[doc(alias = "SetKeepAlivePeriod")]
    pub fn set_keepalive(&self, keepalive: Option<KeepAlive>) -> io::Result<()> {
        KeepAlive::set(self.socket.open()?, keepalive)
    }

    /// What [`set_keepalive`](Self::set_keepalive) set. Does not wait.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with.
    pub fn keepalive(&self) -> io::Result<Option<KeepAlive>> {
        KeepAlive::get(self.socket.open()?)
    }
}

socket_methods!(
    TcpStream,
    example = "\
use netpoll::net::{TcpListener, TcpStream};

let listener = TcpListener::bind(\"127.0.0.1:0\")?;
let socket = TcpStream::connect(listener.local_addr()?)?;",
);

transfer_methods!(
    TcpStream,
    example = "\
use netpoll::net::{TcpListener, TcpStream};

let listener = TcpListener::bind(\"127.0.0.1:0\")?;
let socket = TcpStream::connect(listener.local_addr()?)?;",
);

ttl_methods!(TcpStream);

halves!(
    TcpStream,
    drains = true,
    resets = true,
    example = "\
use netpoll::net::{TcpListener, TcpStream};

let listener = TcpListener::bind(\"127.0.0.1:0\")?;
let near = TcpStream::connect(listener.local_addr()?)?;
let (far, _) = listener.accept()?;",
);

// A short read of a TCP socket has drained it.
stream_io!(TcpStream, drains = true);

impl Sealed for TcpStream {}

impl TcpStreamExt for TcpStream {
    fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        options::set_quickack(self.socket.open()?, quickack)
    }

    fn quickack(&self) -> io::Result<bool> {
        options::quickack(self.socket.open()?)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpStream");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        if let Ok(peer) = self.peer_addr() {
            debug.field("peer", &peer);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}
