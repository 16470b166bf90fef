//! Sockets whose network is chosen by name, when the program runs.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::{Addr, Dialer, ListenConfig, TcpListener, TcpStream, UdpSocket};
use crate::os::linux::net::SocketAddrExt;
use crate::os::unix::net::{
    SocketAddr as UnixAddr, UnixDatagram, UnixListener, UnixSeqpacket, UnixSeqpacketListener,
    UnixStream,
};

/// A connection of any network; see [`dial()`] and [`Listener::accept`].
///
/// It reads and writes, by value and by reference, as what is inside of it does: one for
/// datagrams reads and writes a datagram each time. For all else there is what is inside.
#[derive(Debug)]
#[non_exhaustive]
pub enum Conn {
    /// `"tcp"`, `"tcp4"`, `"tcp6"`.
    Tcp(TcpStream),
    /// `"udp"`, `"udp4"`, `"udp6"`.
    Udp(UdpSocket),
    /// `"unix"`.
    Unix(UnixStream),
    /// `"unixgram"`.
    Unixgram(UnixDatagram),
    /// `"unixpacket"`.
    Unixpacket(UnixSeqpacket),
}

/// A listener of any network; see [`listen()`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Listener {
    /// `"tcp"`, `"tcp4"`, `"tcp6"`.
    Tcp(TcpListener),
    /// `"unix"`.
    Unix(UnixListener),
    /// `"unixpacket"`.
    Unixpacket(UnixSeqpacketListener),
}

/// A socket for datagrams of any network; see [`listen_packet()`].
#[derive(Debug)]
#[non_exhaustive]
pub enum PacketConn {
    /// `"udp"`, `"udp4"`, `"udp6"`.
    Udp(UdpSocket),
    /// `"unixgram"`.
    Unixgram(UnixDatagram),
}

/// `each!(Conn: Tcp | Udp, self, socket => expression)`: the same for whatever is inside.
macro_rules! each {
    ($Type:ident: $($Variant:ident)|+, $value:expr, $socket:ident => $body:expr) => {
        match $value {
            $($Type::$Variant($socket) => $body,)+
        }
    };
}

/// What all three have.
macro_rules! common_methods {
    ($Type:ident: $($Variant:ident)|+) => {
        impl $Type {
            /// The address of this end. Does not wait.
            ///
            /// # Errors
            ///
            /// `NotConnected`, with [`Closed`](crate::io::Closed), once it is closed.
            #[doc(alias = "LocalAddr")]
            #[doc(alias = "Addr")]
            pub fn local_addr(&self) -> io::Result<Addr> {
                each!($Type: $($Variant)|+, self, socket => socket.local_addr().map(Addr::from))
            }

            /// Ends what waits with `TimedOut` at this moment, and what comes later. Does not
            /// wait.
            ///
            /// # Errors
            ///
            /// None now.
            #[doc(alias = "SetDeadline")]
            pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                each!($Type: $($Variant)|+, self, socket => socket.set_deadline(deadline))
            }

            /// Closes the socket for all who share it, and wakes who waits. Does not wait.
            #[doc(alias = "Close")]
            pub fn close(&self) {
                each!($Type: $($Variant)|+, self, socket => socket.close());
            }

            /// Another handle to the same socket. Does not wait.
            ///
            /// # Errors
            ///
            /// None now.
            pub fn try_clone(&self) -> io::Result<Self> {
                Ok(match self {
                    $($Type::$Variant(socket) => $Type::$Variant(socket.try_clone()?),)+
                })
            }
        }

        impl AsFd for $Type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                each!($Type: $($Variant)|+, self, socket => socket.as_fd())
            }
        }
    };
}

common_methods!(Conn: Tcp | Udp | Unix | Unixgram | Unixpacket);
common_methods!(Listener: Tcp | Unix | Unixpacket);
common_methods!(PacketConn: Udp | Unixgram);

/// `transfer_deadlines!(Conn: Tcp | Udp)`: what has two directions.
macro_rules! transfer_deadlines {
    ($Type:ident: $($Variant:ident)|+) => {
        impl $Type {
            /// Ends reads with `TimedOut` at this moment; see
            /// [`set_deadline`](Self::set_deadline).
            ///
            /// # Errors
            ///
            /// None now.
            #[doc(alias = "SetReadDeadline")]
            pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                each!($Type: $($Variant)|+, self, socket => socket.set_read_deadline(deadline))
            }

            /// Ends writes with `TimedOut` at this moment; see
            /// [`set_deadline`](Self::set_deadline).
            ///
            /// # Errors
            ///
            /// None now.
            #[doc(alias = "SetWriteDeadline")]
            pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                each!($Type: $($Variant)|+, self, socket => socket.set_write_deadline(deadline))
            }
        }
    };
}

transfer_deadlines!(Conn: Tcp | Udp | Unix | Unixgram | Unixpacket);
transfer_deadlines!(PacketConn: Udp | Unixgram);

impl Conn {
    /// The address of the other end. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection is gone.
    #[doc(alias = "RemoteAddr")]
    pub fn peer_addr(&self) -> io::Result<Addr> {
        each!(Conn: Tcp | Udp | Unix | Unixgram | Unixpacket, self, socket => socket.peer_addr().map(Addr::from))
    }
}

impl Read for &Conn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match *self {
            Conn::Tcp(stream) => {
                let mut stream = stream;
                stream.read(buffer)
            }
            Conn::Unix(stream) => {
                let mut stream = stream;
                stream.read(buffer)
            }
            Conn::Udp(socket) => socket.recv(buffer),
            Conn::Unixgram(socket) => socket.recv(buffer),
            Conn::Unixpacket(socket) => socket.recv(buffer),
        }
    }
}

impl Write for &Conn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match *self {
            Conn::Tcp(stream) => {
                let mut stream = stream;
                stream.write(bytes)
            }
            Conn::Unix(stream) => {
                let mut stream = stream;
                stream.write(bytes)
            }
            Conn::Udp(socket) => socket.send(bytes),
            Conn::Unixgram(socket) => socket.send(bytes),
            Conn::Unixpacket(socket) => socket.send(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Conn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Conn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Listener {
    /// Accepts a connection; waits and fails like [`TcpListener::accept`].
    ///
    /// # Errors
    ///
    /// As for [`TcpListener::accept`].
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net;
    /// use std::io::{Read, Write};
    ///
    /// let listener = net::listen("tcp", "127.0.0.1:0")?;
    /// let mut client = net::dial("tcp", &listener.local_addr()?.to_string())?;
    /// let (mut server, peer) = listener.accept()?;
    /// assert_eq!(peer.to_string(), client.local_addr()?.to_string());
    /// client.write_all(b"hello")?;
    /// assert_eq!(server.read(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Accept")]
    pub fn accept(&self) -> io::Result<(Conn, Addr)> {
        Ok(match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                (Conn::Tcp(stream), peer.into())
            }
            Listener::Unix(listener) => {
                let (stream, peer) = listener.accept()?;
                (Conn::Unix(stream), peer.into())
            }
            Listener::Unixpacket(listener) => {
                let (packets, peer) = listener.accept()?;
                (Conn::Unixpacket(packets), peer.into())
            }
        })
    }
}

impl PacketConn {
    /// Receives a datagram, and tells from whom; waits and fails like
    /// [`UdpSocket::recv_from`].
    ///
    /// # Errors
    ///
    /// As for [`UdpSocket::recv_from`].
    #[doc(alias = "ReadFrom")]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, Addr)> {
        Ok(match self {
            PacketConn::Udp(socket) => {
                let (length, sender) = socket.recv_from(buffer)?;
                (length, sender.into())
            }
            PacketConn::Unixgram(socket) => {
                let (length, sender) = socket.recv_from(buffer)?;
                (length, sender.into())
            }
        })
    }

    /// Sends a datagram; waits and fails like [`UdpSocket::send_to`].
    ///
    /// # Errors
    ///
    /// As for [`UdpSocket::send_to`]; `InvalidInput` for an address of another network.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net;
    ///
    /// let server = net::listen_packet("udp", "127.0.0.1:0")?;
    /// let client = net::listen_packet("udp", "127.0.0.1:0")?;
    /// client.send_to(b"hello", &server.local_addr()?)?;
    /// let (length, sender) = server.recv_from(&mut [0; 16])?;
    /// assert_eq!(length, 5);
    /// assert_eq!(sender.as_ip(), client.local_addr()?.as_ip());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "WriteTo")]
    pub fn send_to(&self, bytes: &[u8], address: &Addr) -> io::Result<usize> {
        match (self, address) {
            (PacketConn::Udp(socket), Addr::Ip(address)) => {
                socket.send_to(bytes, suiting(socket, *address)?)
            }
            (PacketConn::Unixgram(socket), Addr::Unix(address)) => {
                socket.send_to_addr(bytes, address)
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the address is of another network than the socket",
            )),
        }
    }
}

/// An address in the form that a socket takes: one of IPv6 has its own for IPv4.
fn suiting(socket: &UdpSocket, address: SocketAddr) -> io::Result<SocketAddr> {
    Ok(match address {
        SocketAddr::V4(v4) if socket.local_addr()?.is_ipv6() => {
            SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port()))
        }
        other => other,
    })
}

/// Connects by a network that is named as in Go; see [`Dialer::dial`].
///
/// # Errors
///
/// As for [`Dialer::dial`].
///
/// # Examples
///
/// ```
/// use netpoll::net;
///
/// let error = net::dial("tcp", "127.0.0.1:1").unwrap_err();
/// assert_eq!(error.to_string(), "dial tcp 127.0.0.1:1: connection refused");
/// ```
pub fn dial(network: &str, address: &str) -> io::Result<Conn> {
    Dialer::new().dial(network, address)
}

/// Connects by a network that is named as in Go, within this long; see [`Dialer::dial`].
///
/// # Errors
///
/// As for [`Dialer::dial`].
///
/// # Examples
///
/// ```
/// use netpoll::net;
/// use std::time::Duration;
///
/// let listener = net::listen("tcp", "127.0.0.1:0")?;
/// let address = listener.local_addr()?.to_string();
/// net::dial_timeout("tcp", &address, Duration::from_secs(10))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn dial_timeout(network: &str, address: &str, timeout: Duration) -> io::Result<Conn> {
    Dialer::new().timeout(timeout).dial(network, address)
}

/// Listens on a network that is named as in Go; see [`ListenConfig::listen`].
///
/// # Errors
///
/// As for [`ListenConfig::listen`].
///
/// # Examples
///
/// ```
/// let listener = netpoll::net::listen("tcp", "localhost:0")?;
/// assert!(listener.local_addr()?.as_ip().unwrap().ip().is_loopback());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn listen(network: &str, address: &str) -> io::Result<Listener> {
    ListenConfig::new().listen(network, address)
}

/// Makes a socket for datagrams of a network that is named as in Go; see
/// [`ListenConfig::listen_packet`].
///
/// # Errors
///
/// As for [`ListenConfig::listen_packet`].
///
/// # Examples
///
/// ```
/// let socket = netpoll::net::listen_packet("udp", "127.0.0.1:0")?;
/// assert_ne!(socket.local_addr()?.as_ip().unwrap().port(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn listen_packet(network: &str, address: &str) -> io::Result<PacketConn> {
    ListenConfig::new().listen_packet(network, address)
}

/// The address of Unix that text stands for: a path, or `@` and an abstract name.
///
/// # Errors
///
/// `InvalidInput` for one that is too long, or a path with a NUL byte.
///
/// # Examples
///
/// ```
/// use netpoll::net::resolve_unix_addr;
/// use netpoll::os::linux::net::SocketAddrExt;
///
/// let path = resolve_unix_addr("/run/server")?;
/// assert_eq!(path.as_pathname().unwrap().to_str(), Some("/run/server"));
/// let name = resolve_unix_addr("@server")?;
/// assert_eq!(name.as_abstract_name(), Some(&b"server"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn resolve_unix_addr(text: &str) -> io::Result<UnixAddr> {
    match text.strip_prefix('@') {
        Some(name) => UnixAddr::from_abstract_name(name),
        None => UnixAddr::from_pathname(text),
    }
}
