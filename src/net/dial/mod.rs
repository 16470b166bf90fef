//! `Dialer`: connections, with what bounds and what sets them.

mod race;
mod share;
mod sockets;

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::network::Network;
use super::options::{Options, option_methods};
use super::target::Target;
use super::{Addr, Conn, OpError, TcpStream, ToSocketAddrs, UdpSocket};
use crate::fd::Socket;
use crate::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixSeqpacket, UnixStream};
use crate::sys::socket::unix;

/// How to connect: bounds, local address, options; in the shape, and with the defaults, of
/// Go's `Dialer`.
///
/// Connections have `TCP_NODELAY` and keep-alive, unless told otherwise. (Those of
/// [`TcpStream::connect`] have std's defaults, which is neither.)
///
/// # Bounds
///
/// [`timeout`](Self::timeout) and [`deadline`](Self::deadline) bound all of it: the
/// resolution of the name, and the attempts at all of its addresses. The addresses share the
/// time: each gets an equal part of what is left, but at least two seconds, or what is left.
/// Without either, the system bounds each attempt, after about two minutes. In a task whose
/// runtime ends, dialling fails with [`Cancelled`](crate::io::Cancelled).
///
/// # Several addresses
///
/// They are tried in order. If there are such of IPv6 and of IPv4, those of the other version
/// than the first are tried beside, once the first have had 300 ms, or have failed (Happy
/// Eyeballs); see [`fallback_delay`](Self::fallback_delay). The first connection that stands
/// is returned, the sockets of the other attempts are closed; they belong to the task that
/// dials, and no other task has to do with them. If none stands, the error is that of the
/// first address.
///
/// # Errors
///
/// All of its methods fail with an [`OpError`] inside, whose kind is that of the cause:
/// `ConnectionRefused`, `HostUnreachable`, `NetworkUnreachable`, `AddrNotAvailable`,
/// `TimedOut`; `InvalidInput` for what is no address, and if there is none that suits the
/// network and the local address; what resolving a name fails with, and what
/// `setsockopt` fails with.
///
/// # Examples
///
/// ```
/// use netpoll::net::{Dialer, KeepAlive, TcpListener};
/// use std::time::Duration;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let dialer = Dialer::new()
///     .timeout(Duration::from_secs(5))
///     .keepalive(None)
///     .recv_buffer_size(64 * 1024);
/// let stream = dialer.dial_tcp(("localhost", listener.local_addr()?.port()))?;
/// assert!(stream.nodelay()?);
/// assert_eq!(stream.keepalive()?, None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a dialer does nothing by itself"]
pub struct Dialer {
    options: Options,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    local: Option<Addr>,
    fallback_delay: Duration,
    fast_open: bool,
}

impl Default for Dialer {
    fn default() -> Self {
        Self {
            options: Options::default(),
            timeout: None,
            deadline: None,
            local: None,
            fallback_delay: Duration::from_millis(300),
            fast_open: false,
        }
    }
}

impl Dialer {
    /// A dialer with Go's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long each call may take, resolution of the name and attempts at all addresses
    /// together. One of zero fails at once.
    #[doc(alias = "Timeout")]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// At which moment calls fail, also if the [`timeout`](Self::timeout) is not over.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Dialer, TcpListener};
    /// use std::time::Instant;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let dialer = Dialer::new().deadline(Instant::now());
    /// let error = dialer.dial_tcp(listener.local_addr()?).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Deadline")]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The address to connect from. Only peers of its version of IP are dialled. With port 0
    /// the system chooses one, which it may share among connections to different peers.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Dialer, SocketAddr, TcpListener};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let local = SocketAddr::from(([127, 0, 0, 2], 0));
    /// let stream = Dialer::new().local_addr(local).dial_tcp(listener.local_addr()?)?;
    /// assert_eq!(stream.local_addr()?.ip(), local.ip());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(mut self, address: impl Into<Addr>) -> Self {
        self.local = Some(address.into());
        self
    }

    /// How long the addresses of the first one's version of IP are tried before those of the
    /// other are tried beside. 300 ms if nobody says otherwise; with zero, all are tried one
    /// after the other.
    #[doc(alias = "FallbackDelay")]
    #[doc(alias = "DualStack")]
    #[doc(alias = "happy eyeballs")]
    pub fn fallback_delay(mut self, delay: Duration) -> Self {
        self.fallback_delay = delay;
        self
    }

    /// Whether the request for a connection waits for the first write, whose bytes go with
    /// it, if the peer has allowed that in an earlier connection (`TCP_FASTOPEN_CONNECT`).
    /// Dialling may then succeed although nobody is there, which the first write, or what
    /// follows it, reports. For protocols whose client speaks first.
    #[doc(alias = "TCP_FASTOPEN")]
    #[doc(alias = "TCP_FASTOPEN_CONNECT")]
    pub fn fast_open(mut self, fast_open: bool) -> Self {
        self.fast_open = fast_open;
        self
    }

    /// Connects by TCP.
    ///
    /// Text is `host:service`: the host is a name, or an address, or empty for this host;
    /// the service is a number, or a name ([`lookup_port`](super::lookup_port)).
    ///
    /// Parks the task, or blocks the thread; see [above](Self#bounds) what bounds it.
    ///
    /// # Errors
    ///
    /// See [above](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Dialer, TcpListener};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let text = format!(":{}", listener.local_addr()?.port());
    /// let stream = Dialer::new().dial_tcp(text)?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "DialTCP")]
    pub fn dial_tcp<A: ToSocketAddrs>(&self, address: A) -> io::Result<TcpStream> {
        self.tcp(Network::TCP, address.to_target())
    }

    /// Makes a UDP socket whose peer is the first of the addresses that the system takes.
    /// It may send to broadcast addresses.
    ///
    /// Does not wait, but for the resolution of a name, like [`dial_tcp`](Self::dial_tcp).
    /// That nobody is there comes out later, if at all.
    ///
    /// # Errors
    ///
    /// See [above](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Dialer, UdpSocket};
    ///
    /// let server = UdpSocket::bind("127.0.0.1:0")?;
    /// let client = Dialer::new().dial_udp(server.local_addr()?)?;
    /// client.send(b"hello")?;
    /// assert_eq!(server.recv_from(&mut [0; 16])?, (5, client.local_addr()?));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "DialUDP")]
    pub fn dial_udp<A: ToSocketAddrs>(&self, address: A) -> io::Result<UdpSocket> {
        self.udp(Network::UDP, address.to_target())
    }

    /// Connects to a listener of Unix. [`resolve_unix_addr`](super::resolve_unix_addr) makes
    /// an address of text.
    ///
    /// Parks the task, or blocks the thread, while the listener's backlog is full; bounded
    /// by the timeout and the deadline.
    ///
    /// # Errors
    ///
    /// See [above](Self#errors); `NotFound`, `PermissionDenied`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Dialer, ListenConfig, resolve_unix_addr};
    ///
    /// let address = resolve_unix_addr(&format!("@netpoll example {}", std::process::id()))?;
    /// let listener = ListenConfig::new().listen_unix(&address)?;
    /// let stream = Dialer::new().dial_unix(&address)?;
    /// assert_eq!(stream.peer_addr()?.as_pathname(), None);
    /// # drop(listener);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "DialUnix")]
    pub fn dial_unix(&self, address: &UnixAddr) -> io::Result<UnixStream> {
        let socket = self.unix_connection(Network::Unix, address, unix::stream)?;
        Ok(UnixStream::from_socket(socket))
    }

    /// Connects to a listener of Unix for packets; waits and fails like
    /// [`dial_unix`](Self::dial_unix).
    ///
    /// # Errors
    ///
    /// As for [`dial_unix`](Self::dial_unix).
    #[doc(alias = "DialUnix")]
    pub fn dial_unixpacket(&self, address: &UnixAddr) -> io::Result<UnixSeqpacket> {
        let socket = self.unix_connection(Network::Unixpacket, address, unix::seqpacket)?;
        Ok(UnixSeqpacket::from_socket(socket))
    }

    /// Makes a socket for datagrams of Unix, with a peer. The peer can answer only if this
    /// has a [`local_addr`](Self::local_addr). Does not wait.
    ///
    /// # Errors
    ///
    /// See [above](Self#errors); `NotFound`, `PermissionDenied`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Dialer, ListenConfig, resolve_unix_addr};
    ///
    /// let address = resolve_unix_addr(&format!("@netpoll example {}", std::process::id()))?;
    /// let server = ListenConfig::new().listen_unixgram(&address)?;
    /// Dialer::new().dial_unixgram(&address)?.send(b"hello")?;
    /// assert_eq!(server.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "DialUnix")]
    pub fn dial_unixgram(&self, address: &UnixAddr) -> io::Result<UnixDatagram> {
        let connect = || {
            let fd = self.unix_socket(Network::Unixgram, address, unix::datagram()?)?;
            unix::set_peer(fd.as_fd(), address)?;
            Ok(UnixDatagram::from_socket(Socket::new(fd)))
        };
        connect()
            .map_err(|cause| self.failed(Network::Unixgram, Some(address.clone().into()), cause))
    }

    /// Connects by a network that is named as in Go: `"tcp"`, `"tcp4"`, `"tcp6"`, `"udp"`,
    /// `"udp4"`, `"udp6"` (to `host:service`), `"unix"`, `"unixgram"`, `"unixpacket"` (to a
    /// path, or `@` and an abstract name).
    ///
    /// Waits like [`dial_tcp`](Self::dial_tcp), [`dial_udp`](Self::dial_udp),
    /// [`dial_unix`](Self::dial_unix), [`dial_unixgram`](Self::dial_unixgram),
    /// [`dial_unixpacket`](Self::dial_unixpacket).
    ///
    /// # Errors
    ///
    /// See [above](Self#errors); `InvalidInput` for a network that has no meaning,
    /// `Unsupported` for one of Go's that is not here (`"ip"`: see [`IpSocket`](super::IpSocket)).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Conn, Dialer, ListenConfig};
    ///
    /// let listener = ListenConfig::new().listen("tcp4", "127.0.0.1:0")?;
    /// let conn = Dialer::new().dial("tcp", &listener.local_addr()?.to_string())?;
    /// assert!(matches!(conn, Conn::Tcp(_)));
    ///
    /// let error = Dialer::new().dial("tpc", "127.0.0.1:80").unwrap_err();
    /// assert_eq!(error.to_string(), r#"dial tpc: unknown network "tpc""#);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Dial")]
    #[doc(alias = "DialContext")]
    pub fn dial(&self, network: &str, address: &str) -> io::Result<Conn> {
        let parsed = Network::parse(network).map_err(|cause| {
            OpError::wrap("dial", network.to_owned(), self.local.clone(), None, cause)
        })?;
        let unix =
            || super::resolve_unix_addr(address).map_err(|cause| self.failed(parsed, None, cause));
        Ok(match parsed {
            Network::Tcp(_) => Conn::Tcp(self.tcp(parsed, Target::parse(address))?),
            Network::Udp(_) => Conn::Udp(self.udp(parsed, Target::parse(address))?),
            Network::Unix => Conn::Unix(self.dial_unix(&unix()?)?),
            Network::Unixgram => Conn::Unixgram(self.dial_unixgram(&unix()?)?),
            Network::Unixpacket => Conn::Unixpacket(self.dial_unixpacket(&unix()?)?),
        })
    }
}

option_methods!(Dialer, "connections", "before it connects");

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Dialer");
        debug
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("local_addr", &self.local)
            .field("fallback_delay", &self.fallback_delay)
            .field("fast_open", &self.fast_open);
        self.options.debug(&mut debug);
        debug.finish_non_exhaustive()
    }
}
