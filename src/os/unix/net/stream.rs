//! `UnixStream`.

use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

use super::ancillary::ancillary_methods;
use super::connect::connect;
use super::{SocketAddr, debug};
use crate::fd::{Sealed, Socket, halves, socket_methods, stream_io, transfer_methods};
use crate::sys::socket::{self, unix};

/// A connection between two ends on this machine, in the shape of
/// [`std::os::unix::net::UnixStream`].
///
/// Reading and writing go on at the same time on different tasks; clones made by
/// [`try_clone`](Self::try_clone) share one socket, which is closed when the last
/// of them is dropped, or by [`close`](Self::close). Timeouts, deadlines and `close` bound
/// what waits, as for a [`TcpStream`](crate::net::TcpStream#what-bounds-an-operation).
///
/// # Examples
///
/// ```
/// use netpoll::os::unix::net::{UnixListener, UnixStream};
/// use netpoll::thread;
/// use std::io::{Read, Write};
///
/// let path = std::env::temp_dir().join(format!("netpoll-example-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// thread::spawn(move || {
///     let (mut stream, _) = listener.accept()?;
///     stream.write_all(b"hello")
/// });
///
/// let mut greeting = String::new();
/// UnixStream::connect(&path)?.read_to_string(&mut greeting)?;
/// assert_eq!(greeting, "hello");
/// std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixStream {
    pub(super) socket: Socket,
}

impl UnixStream {
    /// Connects to the listener at a path.
    ///
    /// Parks the task, or blocks the thread, while the listener's backlog is full; see
    /// [the module](super#where-the-system-does-not-say-when).
    /// [`connect_timeout`](Self::connect_timeout) bounds it.
    ///
    /// # Errors
    ///
    /// `NotFound`, `PermissionDenied`; `ConnectionRefused` if nobody listens;
    /// `InvalidInput` for a path of more than 107 bytes, or with a NUL byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixStream;
    ///
    /// let error = UnixStream::connect("/there/is/no/such/path").unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// ```
    #[doc(alias = "DialUnix")]
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Connects to the listener at an address, which may be an abstract name.
    ///
    /// Waits like [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::linux::net::SocketAddrExt;
    /// use netpoll::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    ///
    /// let name = format!("netpoll example {}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(&name)?;
    /// let _listener = UnixListener::bind_addr(&address)?;
    /// let stream = UnixStream::connect_addr(&address)?;
    /// assert_eq!(stream.peer_addr()?.as_abstract_name(), Some(name.as_bytes()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::connect_within(address, None)
    }

    /// Connects to the listener at an address, or fails with `TimedOut` after this long. std
    /// has no such method.
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
    /// use netpoll::os::unix::net::{SocketAddr, UnixStream};
    /// use std::time::Duration;
    ///
    /// let address = SocketAddr::from_pathname("/there/is/no/such/path")?;
    /// let error = UnixStream::connect_timeout(&address, Duration::from_secs(3)).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "DialTimeout")]
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        crate::fd::connect_timeout(timeout, |timeout| {
            Self::connect_within(address, Some(timeout))
        })
    }

    fn connect_within(address: &SocketAddr, timeout: Option<Duration>) -> io::Result<Self> {
        let socket = Socket::new(unix::stream()?);
        connect(socket, address, timeout).map(Self::from_socket)
    }

    /// Two streams that are connected to each other. Does not wait.
    ///
    /// # Errors
    ///
    /// What `socketpair` fails with: `EMFILE`, `ENFILE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    ///
    /// let (mut left, mut right) = UnixStream::pair()?;
    /// left.write_all(b"hello")?;
    /// assert_eq!(right.read(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "socketpair")]
    #[doc(alias = "GetSysFdPairs")]
    pub fn pair() -> io::Result<(Self, Self)> {
        let (left, right) = unix::stream_pair()?;
        let [left, right] = [left, right].map(|fd| Self::from_socket(Socket::new(fd)));
        Ok((left, right))
    }

    /// The address of this end; unnamed for one that connected. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the stream is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixStream;
    ///
    /// let (left, right) = UnixStream::pair()?;
    /// assert!(left.local_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        unix::local_address(self.socket.open()?)
    }

    /// The address of the other end. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the stream is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixStream;
    ///
    /// let (left, right) = UnixStream::pair()?;
    /// assert!(left.peer_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "RemoteAddr")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        unix::peer_address(self.socket.open()?)
    }

    /// Ends the reading direction, the writing direction, or both; what waits there
    /// returns. After `Shutdown::Write` the peer reads to the end, and can still answer.
    /// Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the stream is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixStream;
    /// use netpoll::net::Shutdown;
    /// use std::io::Read;
    ///
    /// let (left, mut right) = UnixStream::pair()?;
    /// left.shutdown(Shutdown::Write)?;
    /// assert_eq!(right.read(&mut [0; 16])?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "CloseRead")]
    #[doc(alias = "CloseWrite")]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        socket::shutdown(self.socket.open()?, how)
    }

    /// Receives data without taking it: the next read gets it again. In std this is not
    /// stable.
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
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    ///
    /// let (mut left, mut right) = UnixStream::pair()?;
    /// left.write_all(b"hello")?;
    /// assert_eq!(right.peek(&mut [0; 16])?, 5);
    /// assert_eq!(right.read(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.peek(buffer)
    }
}

socket_methods!(
    UnixStream,
    example = "\
use netpoll::os::unix::net::UnixStream;

let (socket, _peer) = UnixStream::pair()?;",
);

transfer_methods!(
    UnixStream,
    example = "\
use netpoll::os::unix::net::UnixStream;

let (socket, _peer) = UnixStream::pair()?;",
);

ancillary_methods!(
    UnixStream,
    write_along,
    example = "\
use netpoll::os::unix::net::UnixStream;

let (left, right) = UnixStream::pair()?;",
);

halves!(
    UnixStream,
    drains = false,
    resets = false,
    example = "\
use netpoll::os::unix::net::UnixStream;

let (near, far) = UnixStream::pair()?;",
);

impl Sealed for UnixStream {}

// Ancillary data splits reads: a short one proves nothing.
stream_io!(UnixStream, drains = false);

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = [("local", self.local_addr()), ("peer", self.peer_addr())];
        debug(f, "UnixStream", self, &addresses)
    }
}
