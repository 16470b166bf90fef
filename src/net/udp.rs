//! `UdpSocket`.

mod batch;
mod group;
mod message;
mod report;

pub use batch::{Batch, Datagram, DatagramMut};

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::{fmt, io};

use super::{ToSocketAddrs, each_address, ttl_methods};
use crate::fd::{Socket, socket_methods, transfer_methods};
use crate::sys::socket::{self, udp};

/// A UDP socket, in the shape of [`std::net::UdpSocket`].
///
/// It sends and receives datagrams, each as a whole. One of no bytes is a datagram like
/// any other. What does not fit into the buffer is lost.
///
/// Sending and receiving go on at the same time on different tasks; clones made by
/// [`try_clone`](Self::try_clone) share one socket, which is closed when the last
/// of them is dropped, or by [`close`](Self::close).
///
/// Timeouts, deadlines and `close` bound what waits, as for a
/// [`TcpStream`](super::TcpStream#what-bounds-an-operation): receiving counts as reading,
/// sending as writing.
///
/// # Examples
///
/// ```
/// use netpoll::net::UdpSocket;
/// use netpoll::thread;
///
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let address = server.local_addr()?;
/// thread::spawn(move || -> std::io::Result<()> {
///     let mut buffer = [0; 1500];
///     loop {
///         let (length, client) = server.recv_from(&mut buffer)?;
///         server.send_to(&buffer[..length], client)?;
///     }
/// });
///
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.connect(address)?;
/// client.send(b"ping")?;
/// let mut reply = [0; 1500];
/// assert_eq!(client.recv(&mut reply)?, 4);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UdpSocket {
    pub(super) socket: Socket,
}

impl UdpSocket {
    /// Creates a socket that is bound to the first of the addresses that can be had.
    /// With port 0 the system chooses one; [`local_addr`](Self::local_addr) tells which.
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
    /// let socket = netpoll::net::UdpSocket::bind("127.0.0.1:0")?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenPacket")]
    pub fn bind<A: ToSocketAddrs>(addresses: A) -> io::Result<Self> {
        let fd = each_address(addresses, udp::bind)?;
        Ok(Self {
            socket: Socket::new(fd),
        })
    }

    /// Sets the peer: [`send`](Self::send) sends to it, and only what comes from it is
    /// received. The first of the addresses that the system takes; connecting again
    /// sets another.
    ///
    /// Does not wait, but for the resolution of a name, which parks the task, or blocks
    /// the thread; see [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// `NetworkUnreachable`, `AddrNotAvailable`, `InvalidInput` if there is no address;
    /// what resolving a name fails with. Not that nobody is there: that comes with a later
    /// operation, as `ConnectionRefused`, if at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.connect("127.0.0.1:9")?;
    /// assert_eq!(socket.peer_addr()?.port(), 9);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Dial")]
    pub fn connect<A: ToSocketAddrs>(&self, addresses: A) -> io::Result<()> {
        each_address(addresses, |address| {
            udp::connect(self.socket.open()?, address)
        })
    }

    /// Receives a datagram, and tells from whom. Returns its length, or that of the
    /// buffer if it is longer.
    ///
    /// Parks the task, or blocks the thread, until there is one; bounded like a read.
    ///
    /// # Errors
    ///
    /// `WouldBlock` after the read timeout, and in non-blocking mode; `TimedOut` after the
    /// deadline; `ConnectionRefused` if a datagram that was sent to the
    /// [peer](Self::connect) found nobody; `NotConnected`, with
    /// [`Closed`](crate::io::Closed), once the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let server = UdpSocket::bind("127.0.0.1:0")?;
    /// let client = UdpSocket::bind("127.0.0.1:0")?;
    /// client.send_to(b"hello", server.local_addr()?)?;
    ///
    /// let mut buffer = [0; 1500];
    /// assert_eq!(server.recv_from(&mut buffer)?, (5, client.local_addr()?));
    /// assert_eq!(&buffer[..5], b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ReadFrom")]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.receive_from(|fd| udp::receive_from(fd, buffer))
    }

    /// Receives a datagram, tells from whom, and leaves it there for the next to receive.
    ///
    /// Waits, and fails, like [`recv_from`](Self::recv_from).
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.send_to(b"hello", socket.local_addr()?)?;
    /// assert_eq!(socket.peek_from(&mut [0; 16])?, (5, socket.local_addr()?));
    /// assert_eq!(socket.recv_from(&mut [0; 16])?, (5, socket.local_addr()?));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.receive_from(|fd| udp::peek_from(fd, buffer))
    }

    /// Receives a datagram from the [peer](Self::connect), or from anybody if there is none.
    ///
    /// Waits, and fails, like [`recv_from`](Self::recv_from).
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.connect(socket.local_addr()?)?;
    /// socket.send(b"to myself")?;
    /// let mut buffer = [0; 4];
    /// assert_eq!(socket.peek(&mut buffer)?, 4);
    /// assert_eq!(socket.recv(&mut buffer)?, 4);
    /// assert_eq!(&buffer, b"to m"); // the rest is lost
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Read")]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.receive_datagram(buffer)
    }

    /// Receives a datagram like [`recv`](Self::recv), and leaves it there for the next.
    ///
    /// Waits, and fails, like [`recv_from`](Self::recv_from).
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.peek_datagram(buffer)
    }

    /// Sends a datagram to the first of the addresses. Returns its length.
    ///
    /// Parks the task, or blocks the thread, while the system has no room for it; bounded
    /// like a write. So does the resolution of a name, before; see [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// Raw `EMSGSIZE` for one that is too long; `NetworkUnreachable`, `PermissionDenied`
    /// (broadcast without [`set_broadcast`](Self::set_broadcast)); `InvalidInput` if there
    /// is no address, or it is of the other version of IP; `WouldBlock` after the write
    /// timeout, and in non-blocking mode; `TimedOut` after the deadline; `NotConnected`,
    /// with [`Closed`](crate::io::Closed), once the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert_eq!(socket.send_to(b"hello", socket.local_addr()?)?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "WriteTo")]
    pub fn send_to<A: ToSocketAddrs>(&self, bytes: &[u8], addresses: A) -> io::Result<usize> {
        let address = addresses.to_socket_addrs()?.next().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to")
        })?;
        self.socket.send_by(|fd| udp::send_to(fd, bytes, &address))
    }

    /// Sends a datagram to the [peer](Self::connect). Returns its length.
    ///
    /// Waits like [`send_to`](Self::send_to).
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to); raw `EDESTADDRREQ` without a peer;
    /// `ConnectionRefused` if an earlier datagram found nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert!(socket.send(b"to whom?").is_err());
    /// socket.connect(socket.local_addr()?)?;
    /// assert_eq!(socket.send(b"hello")?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Write")]
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send_datagram(bytes)
    }

    /// The address of the [peer](Self::connect). Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected` without one.
    #[doc(alias = "RemoteAddr")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket::peer_address(self.socket.open()?)
    }

    /// The address that the socket is bound to. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert!(socket.local_addr()?.ip().is_loopback());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_address(self.socket.open()?)
    }
}

socket_methods!(
    UdpSocket,
    example = "\
use netpoll::net::UdpSocket;

let socket = UdpSocket::bind(\"127.0.0.1:0\")?;",
);

transfer_methods!(
    UdpSocket,
    example = "\
use netpoll::net::UdpSocket;

let socket = UdpSocket::bind(\"127.0.0.1:0\")?;",
);

ttl_methods!(UdpSocket);

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("UdpSocket");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}
