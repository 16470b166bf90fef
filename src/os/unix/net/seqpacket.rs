//! `UnixSeqpacket`.

use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

use super::ancillary::ancillary_methods;
use super::connect::connect;
use super::{SocketAddr, debug};
use crate::fd::{Socket, socket_methods, transfer_methods};
use crate::sys::socket::{self, unix};

/// A connection between two ends on this machine that keeps messages apart
/// (`SOCK_SEQPACKET`): each packet is received as a whole, in order, and none is lost. It
/// connects and ends like a [`UnixStream`](super::UnixStream).
///
/// A packet of no bytes can be sent, and cannot be told from the end by who receives it.
/// (It can with [`set_passcred`](Self::set_passcred): the end has no sender.)
///
/// Sending and receiving go on at the same time on different tasks; clones made by
/// [`try_clone`](Self::try_clone) share one socket. Timeouts, deadlines and `close` bound
/// what waits, as for a [`TcpStream`](crate::net::TcpStream#what-bounds-an-operation):
/// receiving counts as reading, sending as writing.
///
/// # Examples
///
/// ```
/// use netpoll::os::unix::net::UnixSeqpacket;
///
/// let (left, right) = UnixSeqpacket::pair()?;
/// left.send(b"one")?;
/// left.send(b"and two")?;
/// drop(left);
///
/// let mut buffer = [0; 64];
/// assert_eq!(right.recv(&mut buffer)?, 3);
/// assert_eq!(right.recv(&mut buffer)?, 7);
/// assert_eq!(right.recv(&mut buffer)?, 0); // the end
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixSeqpacket {
    pub(super) socket: Socket,
}

impl UnixSeqpacket {
    /// Connects to the [listener](super::UnixSeqpacketListener) at a path.
    ///
    /// Parks the task, or blocks the thread, while the listener's backlog is full; see
    /// [the module](super#where-the-system-does-not-say-when).
    /// [`connect_timeout`](Self::connect_timeout) bounds it.
    ///
    /// # Errors
    ///
    /// `NotFound`, `PermissionDenied`; `ConnectionRefused` if nobody listens; that, or
    /// raw `EPROTOTYPE`, for a listener of streams; `InvalidInput` for a path of more than 107
    /// bytes, or with a NUL byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixSeqpacket;
    ///
    /// let error = UnixSeqpacket::connect("/there/is/no/such/path").unwrap_err();
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
    pub fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::connect_within(address, None)
    }

    /// Connects to the listener at an address, or fails with `TimedOut` after this long.
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect); `InvalidInput` for a timeout of zero.
    #[doc(alias = "DialTimeout")]
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        crate::fd::connect_timeout(timeout, |timeout| {
            Self::connect_within(address, Some(timeout))
        })
    }

    fn connect_within(address: &SocketAddr, timeout: Option<Duration>) -> io::Result<Self> {
        let socket = Socket::new(unix::seqpacket()?);
        connect(socket, address, timeout).map(Self::from_socket)
    }

    /// Two ends that are connected to each other. Does not wait.
    ///
    /// # Errors
    ///
    /// What `socketpair` fails with: `EMFILE`, `ENFILE`.
    #[doc(alias = "socketpair")]
    pub fn pair() -> io::Result<(Self, Self)> {
        let (left, right) = unix::seqpacket_pair()?;
        let [left, right] = [left, right].map(|fd| Self {
            socket: Socket::new(fd),
        });
        Ok((left, right))
    }

    /// Receives a packet. Returns its length, or that of the buffer if it is longer: the
    /// rest is lost, and [`recv_with_fds`](Self::recv_with_fds) says so. Zero is the end.
    ///
    /// Parks the task, or blocks the thread, until there is one; bounded like a read.
    ///
    /// # Errors
    ///
    /// `WouldBlock` after the read timeout, and in non-blocking mode; `TimedOut` after the
    /// deadline; `ConnectionReset` if the peer went and left packets unread; `NotConnected`,
    /// with [`Closed`](crate::io::Closed), once the socket is closed.
    #[doc(alias = "Read")]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.receive_datagram(buffer)
    }

    /// Receives a packet, and leaves it there for the next to receive. Waits, and fails,
    /// like [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixSeqpacket;
    ///
    /// let (left, right) = UnixSeqpacket::pair()?;
    /// left.send(b"hello")?;
    /// assert_eq!(right.peek(&mut [0; 16])?, 5);
    /// assert_eq!(right.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.peek_datagram(buffer)
    }

    /// Sends a packet. Returns its length.
    ///
    /// Parks the task, or blocks the thread, while the peer's queue is full; bounded like a
    /// write.
    ///
    /// # Errors
    ///
    /// Raw `EMSGSIZE` for one that is longer than the [send
    /// buffer](Self::set_send_buffer_size); `BrokenPipe` if the peer has gone, after one
    /// `ConnectionReset` if it left packets unread; `WouldBlock` after the write timeout, and in non-blocking mode; `TimedOut` after the deadline;
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
    #[doc(alias = "Write")]
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send_datagram(bytes)
    }

    /// Ends the receiving direction, the sending direction, or both; what waits there
    /// returns. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
    #[doc(alias = "CloseRead")]
    #[doc(alias = "CloseWrite")]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        socket::shutdown(self.socket.open()?, how)
    }

    /// The address of this end; unnamed for one that connected. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        unix::local_address(self.socket.open()?)
    }

    /// The address of the other end. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
    #[doc(alias = "RemoteAddr")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        unix::peer_address(self.socket.open()?)
    }
}

socket_methods!(
    UnixSeqpacket,
    example = "\
use netpoll::os::unix::net::UnixSeqpacket;

let (socket, _peer) = UnixSeqpacket::pair()?;",
);

transfer_methods!(
    UnixSeqpacket,
    example = "\
use netpoll::os::unix::net::UnixSeqpacket;

let (socket, _peer) = UnixSeqpacket::pair()?;",
);

ancillary_methods!(
    UnixSeqpacket,
    send_along,
    example = "\
use netpoll::os::unix::net::UnixSeqpacket;

let (left, right) = UnixSeqpacket::pair()?;",
);

impl fmt::Debug for UnixSeqpacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = [("local", self.local_addr()), ("peer", self.peer_addr())];
        debug(f, "UnixSeqpacket", self, &addresses)
    }
}
