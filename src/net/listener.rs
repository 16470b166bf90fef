//! `TcpListener`.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::{fmt, io};

use super::{TcpStream, ToSocketAddrs, each_address, ttl_methods};
use crate::fd::{Socket, listener_methods, socket_methods};
use crate::sys::socket::{self, options};

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
    pub(super) socket: Socket,
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
            socket: Socket::new_listener(fd),
        })
    }

    /// The address that the listener is bound to. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the listener is closed.
    #[doc(alias = "Addr")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_address(self.socket.open()?)
    }

    /// Does what std's does: sets `IPV6_V6ONLY`, which the system refuses once a socket is
    /// bound, as a listener is.
    ///
    /// # Errors
    ///
    /// `InvalidInput`.
    #[deprecated(note = "this option can only be set before a socket is bound")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        options::set_only_v6(self.socket.open()?, only_v6)
    }

    /// The value of `IPV6_V6ONLY`: whether a listener on IPv6 leaves IPv4 alone. Does
    /// not wait.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with, for a listener on IPv4.
    #[deprecated(note = "this option can only be set before a socket is bound")]
    pub fn only_v6(&self) -> io::Result<bool> {
        options::only_v6(self.socket.open()?)
    }
}

socket_methods!(
    TcpListener,
    example = "\
use netpoll::net::TcpListener;

let socket = TcpListener::bind(\"127.0.0.1:0\")?;",
);

listener_methods!(
    TcpListener,
    TcpStream,
    SocketAddr,
    socket::accept,
    example = "\
use netpoll::net::{TcpListener, TcpStream};

let socket = TcpListener::bind(\"127.0.0.1:0\")?;
let client = TcpStream::connect(socket.local_addr()?)?;",
);

ttl_methods!(TcpListener);

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpListener");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}
