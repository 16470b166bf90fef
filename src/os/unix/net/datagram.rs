//! `UnixDatagram`.

use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::{fmt, io};

use super::ancillary::ancillary_methods;
use super::{SocketAddr, debug};
use crate::fd::{Socket, socket_methods, transfer_methods};
use crate::sys::socket::ancillary::Along;
use crate::sys::socket::{self, unix};

/// A socket for datagrams on this machine, in the shape of
/// [`std::os::unix::net::UnixDatagram`].
///
/// It sends and receives datagrams, each as a whole, in order, and none is lost: who sends
/// waits while the receiver's queue is full. One of no bytes is a datagram like any other.
///
/// Timeouts, deadlines and `close` bound what waits, as for a
/// [`TcpStream`](crate::net::TcpStream#what-bounds-an-operation): receiving counts as
/// reading, sending as writing.
///
/// # Examples
///
/// ```
/// use netpoll::os::unix::net::UnixDatagram;
///
/// let path = std::env::temp_dir().join(format!("netpoll-example-{}", std::process::id()));
/// let server = UnixDatagram::bind(&path)?;
/// let client = UnixDatagram::unbound()?;
/// client.send_to(b"hello", &path)?;
///
/// let mut buffer = [0; 64];
/// let (length, sender) = server.recv_from(&mut buffer)?;
/// assert_eq!(&buffer[..length], b"hello");
/// assert!(sender.is_unnamed());
/// std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixDatagram {
    pub(super) socket: Socket,
}

impl UnixDatagram {
    /// Creates a socket at a path, which must not exist. Does not wait.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if the path exists, `NotFound`, `PermissionDenied`; `InvalidInput` for a
    /// path of more than 107 bytes, or with a NUL byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("netpoll-example-{}", std::process::id()));
    /// let socket = UnixDatagram::bind(&path)?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(&*path));
    /// std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenUnixgram")]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Creates a socket at an address, which may be an abstract name. For an unnamed one the
    /// system chooses such a name. Does not wait.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::linux::net::SocketAddrExt;
    /// use netpoll::os::unix::net::{SocketAddr, UnixDatagram};
    ///
    /// let name = format!("netpoll example {}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(&name)?;
    /// let socket = UnixDatagram::bind_addr(&address)?;
    /// assert_eq!(socket.local_addr()?.as_abstract_name(), Some(name.as_bytes()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        let fd = unix::datagram()?;
        unix::bind(fd.as_fd(), address)?;
        Ok(Self {
            socket: Socket::new(fd),
        })
    }

    /// Creates a socket without a name: it can send, and receive from a
    /// [peer](Self::connect) that knows it. Does not wait.
    ///
    /// # Errors
    ///
    /// What `socket` fails with: `EMFILE`, `ENFILE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// assert!(UnixDatagram::unbound()?.local_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unbound() -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new(unix::datagram()?),
        })
    }

    /// Two sockets that are each other's peers. Does not wait.
    ///
    /// # Errors
    ///
    /// What `socketpair` fails with: `EMFILE`, `ENFILE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// let (left, right) = UnixDatagram::pair()?;
    /// left.send(b"one")?;
    /// left.send(b"")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(right.recv(&mut buffer)?, 3);
    /// assert_eq!(right.recv(&mut buffer)?, 0); // not the end of anything
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "socketpair")]
    pub fn pair() -> io::Result<(Self, Self)> {
        let (left, right) = unix::datagram_pair()?;
        let [left, right] = [left, right].map(|fd| Self {
            socket: Socket::new(fd),
        });
        Ok((left, right))
    }

    /// Sets the peer, by its path: [`send`](Self::send) sends to it, and only what comes
    /// from it is received. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotFound`, `PermissionDenied`; `ConnectionRefused` if nobody is there; `InvalidInput`
    /// as for [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("netpoll-example-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.connect(&path)?;
    /// client.send(b"hello")?;
    /// assert_eq!(server.recv(&mut [0; 16])?, 5);
    /// std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Sets the peer, by its address; see [`connect`](Self::connect). Does not wait.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::linux::net::SocketAddrExt;
    /// use netpoll::os::unix::net::{SocketAddr, UnixDatagram};
    ///
    /// let name = format!("netpoll example {}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(&name)?;
    /// let server = UnixDatagram::bind_addr(&address)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.connect_addr(&address)?;
    /// assert_eq!(client.peer_addr()?.as_abstract_name(), Some(name.as_bytes()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        unix::set_peer(self.socket.open()?, address)
    }

    /// Receives a datagram, and tells from whom. Returns its length, or that of the
    /// buffer if it is longer; the rest is lost.
    ///
    /// Parks the task, or blocks the thread, until there is one; bounded like a read.
    ///
    /// # Errors
    ///
    /// `WouldBlock` after the read timeout, and in non-blocking mode; `TimedOut` after the
    /// deadline; `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is
    /// closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// let (left, right) = UnixDatagram::pair()?;
    /// left.send(b"hello")?;
    /// let (length, sender) = right.recv_from(&mut [0; 16])?;
    /// assert_eq!(length, 5);
    /// assert!(sender.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket
            .receive_from(|fd| unix::receive_from(fd, buffer))
    }

    /// Receives a datagram, like [`recv_from`](Self::recv_from).
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// let (left, right) = UnixDatagram::pair()?;
    /// left.send(b"hello")?;
    /// assert_eq!(right.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.receive_datagram(buffer)
    }

    /// Receives a datagram, and leaves it there for the next to receive. In std this is not
    /// stable. Waits, and fails, like [`recv_from`](Self::recv_from).
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// let (left, right) = UnixDatagram::pair()?;
    /// left.send(b"hello")?;
    /// assert_eq!(right.peek(&mut [0; 16])?, 5);
    /// assert_eq!(right.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.peek_datagram(buffer)
    }

    /// Sends a datagram to the socket at a path. Returns its length.
    ///
    /// Parks the task, or blocks the thread, while the receiver's queue is full; bounded like
    /// a write. See [the module](super#where-the-system-does-not-say-when).
    ///
    /// # Errors
    ///
    /// `NotFound`, `PermissionDenied`; `ConnectionRefused` if nobody is there; raw `EMSGSIZE`
    /// for one that is too long; `WouldBlock` after the write timeout, and in non-blocking
    /// mode; `TimedOut` after the deadline; `NotConnected`, with
    /// [`Closed`](crate::io::Closed), once the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("netpoll-example-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// assert_eq!(UnixDatagram::unbound()?.send_to(b"hello", &path)?, 5);
    /// assert_eq!(server.recv(&mut [0; 16])?, 5);
    /// std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_to<P: AsRef<Path>>(&self, bytes: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(bytes, &SocketAddr::from_pathname(path)?)
    }

    /// Sends a datagram to the socket at an address; see [`send_to`](Self::send_to).
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::linux::net::SocketAddrExt;
    /// use netpoll::os::unix::net::{SocketAddr, UnixDatagram};
    ///
    /// let name = format!("netpoll example {}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(&name)?;
    /// let server = UnixDatagram::bind_addr(&address)?;
    /// UnixDatagram::unbound()?.send_to_addr(b"hello", &address)?;
    /// assert_eq!(server.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_to_addr(&self, bytes: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.socket
            .write_patiently(|| unix::send_to(self.socket.as_fd(), bytes, address))
    }

    /// Sends a datagram to the [peer](Self::connect). Returns its length.
    ///
    /// Parks the task, or blocks the thread, while the peer's queue is full, and wakes as soon
    /// as it is not; bounded like a write.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to); `NotConnected` without a peer; `ConnectionReset`,
    /// and `ConnectionRefused`, when it has gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    ///
    /// let (left, right) = UnixDatagram::pair()?;
    /// assert_eq!(left.send(b"hello")?, 5);
    /// assert_eq!(right.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send_datagram(bytes)
    }

    /// Sends a datagram to the socket at an address, and descriptors with it; see
    /// [`send_with_fds`](Self::send_with_fds), which sends to the [peer](Self::connect).
    ///
    /// Waits like [`send_to`](Self::send_to).
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to); `InvalidInput` for more than 253 descriptors.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::linux::net::SocketAddrExt;
    /// use netpoll::os::unix::net::{SocketAddr, UnixDatagram};
    /// use std::os::fd::AsFd;
    ///
    /// let name = format!("netpoll along {}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(name)?;
    /// let server = UnixDatagram::bind_addr(&address)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.send_to_addr_with_fds(b"hello", &[client.as_fd()], &address)?;
    /// assert_eq!(server.recv_with_fds(&mut [0; 16], 1)?.fds.len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "WriteMsgUnix")]
    pub fn send_to_addr_with_fds(
        &self,
        bytes: &[u8],
        fds: &[BorrowedFd<'_>],
        address: &SocketAddr,
    ) -> io::Result<usize> {
        let along = Along {
            descriptors: fds,
            address: Some(address),
            ..Along::default()
        };
        self.socket.send_along(bytes, along)
    }

    /// Ends receiving, sending, or both; what waits there returns. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected` without a [peer](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixDatagram;
    /// use netpoll::net::Shutdown;
    ///
    /// let (left, right) = UnixDatagram::pair()?;
    /// left.shutdown(Shutdown::Write)?;
    /// assert!(left.send(b"hello").is_err());
    /// assert_eq!(right.send(b"hello")?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        socket::shutdown(self.socket.open()?, how)
    }

    /// The address of this socket. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        unix::local_address(self.socket.open()?)
    }

    /// The address of the [peer](Self::connect). Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected` without one.
    #[doc(alias = "RemoteAddr")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        unix::peer_address(self.socket.open()?)
    }
}

socket_methods!(
    UnixDatagram,
    example = "\
use netpoll::os::unix::net::UnixDatagram;

let (socket, _peer) = UnixDatagram::pair()?;",
);

transfer_methods!(
    UnixDatagram,
    example = "\
use netpoll::os::unix::net::UnixDatagram;

let (socket, _peer) = UnixDatagram::pair()?;",
);

ancillary_methods!(
    UnixDatagram,
    send_along,
    example = "\
use netpoll::os::unix::net::UnixDatagram;

let (left, right) = UnixDatagram::pair()?;",
);

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = [("local", self.local_addr()), ("peer", self.peer_addr())];
        debug(f, "UnixDatagram", self, &addresses)
    }
}
