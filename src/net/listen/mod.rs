//! `ListenConfig`: listeners, and sockets for datagrams, with what sets them.

mod sockets;

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::network::Network;
use super::options::{Options, option_methods};
use super::target::Target;
use super::{Addr, Listener, OpError, PacketConn, TcpListener, ToSocketAddrs, UdpSocket};
use crate::fd::Socket;
use crate::os::unix::net::{
    SocketAddr as UnixAddr, UnixDatagram, UnixListener, UnixSeqpacketListener,
};
use crate::sched::Workers;
use crate::sys::socket::unix;

/// How to listen: in the shape, and with the defaults, of Go's `ListenConfig`, and with what
/// Go leaves to its control hook.
///
/// Accepted connections have `TCP_NODELAY` and keep-alive, unless told otherwise. (Those of
/// [`TcpListener::bind`] have std's defaults, which is neither.)
///
/// # IPv4 and IPv6
///
/// A listener on no address in particular (`":80"`, `"0.0.0.0:80"`, `"[::]:80"`) serves IPv4
/// and IPv6, as in Go, if the system has both: it is bound to `[::]`, and shows peers of IPv4
/// as `::ffff:192.0.2.1`. ([`Listener`] and [`PacketConn`] show them as what they are.)
/// The networks `"tcp4"`, `"tcp6"`, `"udp4"` and `"udp6"` of [`listen`](Self::listen) and
/// [`listen_packet`](Self::listen_packet) serve one of the two, and so does
/// [`only_v6`](Self::only_v6), which takes the address by its word.
///
/// Of a name, IPv4 addresses come first, as in Go. The first address that can be bound to is
/// taken.
///
/// # Errors
///
/// All of its methods fail with an [`OpError`] inside, whose kind is that of the cause:
/// `AddrInUse`, `AddrNotAvailable`, `PermissionDenied`; `InvalidInput` for what is no address,
/// and if there is none that suits the network; what resolving a name fails with, and what
/// `setsockopt` fails with. The methods do not wait, but for the resolution of a name.
///
/// # Examples
///
/// ```
/// use netpoll::net::{KeepAlive, ListenConfig, TcpStream};
///
/// let listener = ListenConfig::new().backlog(128).listen_tcp("127.0.0.1:0")?;
/// let _client = TcpStream::connect(listener.local_addr()?)?;
/// let (stream, _) = listener.accept()?;
/// assert!(stream.nodelay()?);
/// assert_eq!(stream.keepalive()?, Some(KeepAlive::default()));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a configuration does nothing by itself"]
pub struct ListenConfig {
    options: Options,
    backlog: Option<u32>,
    reuse_address: bool,
    reuse_port: bool,
    incoming_cpu: Option<u32>,
    defer_accept: Option<Duration>,
    fast_open: Option<u32>,
    only_v6: Option<bool>,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            options: Options::default(),
            backlog: None,
            reuse_address: true,
            reuse_port: false,
            incoming_cpu: None,
            defer_accept: None,
            fast_open: None,
            only_v6: None,
        }
    }
}

impl ListenConfig {
    /// A configuration with Go's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many connections may wait to be accepted. As many as the system allows if nobody
    /// says otherwise (`net.core.somaxconn`), and never more.
    #[doc(alias = "somaxconn")]
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = Some(connections);
        self
    }

    /// Whether a TCP listener may be bound to an address at which old connections still
    /// linger (`SO_REUSEADDR`). On if nobody says otherwise, as in Go and in std.
    #[doc(alias = "SO_REUSEADDR")]
    pub fn reuse_address(mut self, reuse: bool) -> Self {
        self.reuse_address = reuse;
        self
    }

    /// Whether several sockets may be bound to one address (`SO_REUSEPORT`), if all of them
    /// have this set, and belong to one user: the system spreads connections, or datagrams,
    /// among them.
    ///
    /// What waits in the backlog of such a listener when it is closed is lost: hand listeners
    /// over instead, to restart without refusing a connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::ListenConfig;
    ///
    /// let config = ListenConfig::new().reuse_port(true);
    /// let first = config.listen_tcp("127.0.0.1:0")?;
    /// let second = config.listen_tcp(first.local_addr()?)?;
    /// assert_eq!(first.local_addr()?, second.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SO_REUSEPORT")]
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// For which processor this socket is, among those of one address
    /// (`SO_INCOMING_CPU`): it is preferred for what that processor received.
    #[doc(alias = "SO_INCOMING_CPU")]
    pub fn incoming_cpu(mut self, processor: u32) -> Self {
        self.incoming_cpu = Some(processor);
        self
    }

    /// Accepts a TCP connection when its first bytes are there, or after this long, in whole
    /// seconds, rounded up (`TCP_DEFER_ACCEPT`). For protocols whose client speaks first.
    #[doc(alias = "TCP_DEFER_ACCEPT")]
    pub fn defer_accept(mut self, at_most: Duration) -> Self {
        self.defer_accept = Some(at_most);
        self
    }

    /// Takes data that comes with the request for a TCP connection (`TCP_FASTOPEN`), from as
    /// many clients at once whose address is not verified yet. What came may come again: for
    /// requests that may be repeated. The system has to allow it
    /// (`net.ipv4.tcp_fastopen` has bit 2).
    #[doc(alias = "TCP_FASTOPEN")]
    pub fn fast_open(mut self, pending: u32) -> Self {
        self.fast_open = Some(pending);
        self
    }

    /// Whether a socket of IPv6 leaves IPv4 alone (`IPV6_V6ONLY`). An address that is no
    /// address in particular is then taken by its word: `0.0.0.0` is IPv4 alone, and no host
    /// at all (`":80"`) is `[::]`. If nobody says, it goes as [above](Self#ipv4-and-ipv6).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::ListenConfig;
    ///
    /// let listener = ListenConfig::new().only_v6(true).listen_tcp("0.0.0.0:0")?;
    /// assert!(listener.local_addr()?.is_ipv4());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn only_v6(mut self, only_v6: bool) -> Self {
        self.only_v6 = Some(only_v6);
        self
    }

    /// Listens for TCP connections.
    ///
    /// Text is `host:service`: the host is a name, or an address, or empty for all addresses
    /// of this host; the service is a number, or a name
    /// ([`lookup_port`](super::lookup_port)). Port 0 leaves the choice to the system.
    ///
    /// # Errors
    ///
    /// See [above](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{ListenConfig, TcpStream};
    ///
    /// let listener = ListenConfig::new().listen_tcp(":0")?;
    /// TcpStream::connect(("127.0.0.1", listener.local_addr()?.port()))?;
    /// let taken = listener.local_addr()?;
    /// let error = ListenConfig::new().listen_tcp(taken).unwrap_err();
    /// assert_eq!(error.to_string(), format!("listen tcp {taken}: address already in use"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenTCP")]
    #[doc(alias = "Listen")]
    pub fn listen_tcp<A: ToSocketAddrs>(&self, address: A) -> io::Result<TcpListener> {
        self.tcp(Network::TCP, address.to_target())
    }

    /// Listens for TCP connections with as many listeners as the runtime has workers, all at
    /// one address, among which the system spreads connections (`SO_REUSEPORT`): for accept
    /// loops that do not share a listener. A loop each, in a task of its own, is what they are
    /// for; the runtime places these tasks like any other.
    ///
    /// # Errors
    ///
    /// See [above](Self#errors); and if the runtime that starts by itself cannot.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{ListenConfig, TcpStream};
    /// use netpoll::thread;
    ///
    /// let listeners = ListenConfig::new().listen_tcp_each_worker("127.0.0.1:0")?;
    /// let address = listeners[0].local_addr()?;
    /// for listener in listeners {
    ///     thread::spawn(move || for stream in listener.incoming() {
    ///         drop(stream); // or serve it
    ///     });
    /// }
    /// TcpStream::connect(address)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn listen_tcp_each_worker<A: ToSocketAddrs>(
        &self,
        address: A,
    ) -> io::Result<Vec<TcpListener>> {
        let config = self.clone().reuse_port(true);
        let first = config.listen_tcp(address)?;
        let failed = |cause| failed(Network::TCP, None, cause);
        let bound = first.local_addr().map_err(failed)?;
        // Where it is bound now is to be taken by its word.
        let only_v6 = bound.is_ipv6() && {
            #[expect(deprecated, reason = "it is the setter that comes too late")]
            first.only_v6().map_err(failed)?
        };
        let config = config.only_v6(only_v6);
        let mut listeners = vec![first];
        for _ in 1..Workers::current().map_err(failed)?.len() {
            listeners.push(config.listen_tcp(bound)?);
        }
        Ok(listeners)
    }

    /// Makes a UDP socket that receives at an address. It may send to broadcast addresses.
    ///
    /// # Errors
    ///
    /// See [above](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{ListenConfig, UdpSocket};
    ///
    /// let server = ListenConfig::new().recv_buffer_size(1 << 20).listen_udp(":0")?;
    /// let client = UdpSocket::bind("127.0.0.1:0")?;
    /// client.send_to(b"hello", ("127.0.0.1", server.local_addr()?.port()))?;
    /// let (length, sender) = server.recv_from(&mut [0; 16])?;
    /// assert_eq!((length, sender.ip().to_canonical()), (5, client.local_addr()?.ip()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenUDP")]
    pub fn listen_udp<A: ToSocketAddrs>(&self, address: A) -> io::Result<UdpSocket> {
        self.udp(Network::UDP, address.to_target())
    }

    /// Listens for connections of Unix. [`resolve_unix_addr`](super::resolve_unix_addr) makes
    /// an address of text. A path is removed when the listener ends, as in Go; see
    /// [`set_unlink_on_close`](UnixListener::set_unlink_on_close).
    ///
    /// # Errors
    ///
    /// See [above](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{ListenConfig, resolve_unix_addr};
    ///
    /// let address = resolve_unix_addr(&format!("@netpoll example {}", std::process::id()))?;
    /// let listener = ListenConfig::new().backlog(16).listen_unix(&address)?;
    /// let error = ListenConfig::new().listen_unix(&address).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    /// # drop(listener);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenUnix")]
    pub fn listen_unix(&self, address: &UnixAddr) -> io::Result<UnixListener> {
        let made = |socket| {
            let listener = UnixListener::from_socket(socket);
            listener.set_unlink_on_close(true).map(|()| listener)
        };
        self.unix_listener(Network::Unix, address, unix::stream, made)
    }

    /// Listens for connections of Unix that carry packets, like
    /// [`listen_unix`](Self::listen_unix).
    ///
    /// # Errors
    ///
    /// See [above](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Dialer, ListenConfig, resolve_unix_addr};
    ///
    /// let address = resolve_unix_addr(&format!("@netpoll example {}", std::process::id()))?;
    /// let listener = ListenConfig::new().listen_unixpacket(&address)?;
    /// let client = Dialer::new().dial_unixpacket(&address)?;
    /// let (server, _) = listener.accept()?;
    /// client.send(b"hello")?;
    /// assert_eq!(server.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenUnix")]
    pub fn listen_unixpacket(&self, address: &UnixAddr) -> io::Result<UnixSeqpacketListener> {
        let made = |socket| {
            let listener = UnixSeqpacketListener::from_socket(socket);
            listener.set_unlink_on_close(true).map(|()| listener)
        };
        self.unix_listener(Network::Unixpacket, address, unix::seqpacket, made)
    }

    /// Makes a socket of Unix that receives datagrams at an address. A path stays when it is
    /// closed, as in std.
    ///
    /// # Errors
    ///
    /// See [above](Self#errors).
    #[doc(alias = "ListenUnixgram")]
    pub fn listen_unixgram(&self, address: &UnixAddr) -> io::Result<UnixDatagram> {
        let bind = || {
            let fd = unix::datagram()?;
            self.options
                .set_unix(fd.as_fd(), Network::Unixgram, address)?;
            unix::bind(fd.as_fd(), address)?;
            Ok(UnixDatagram::from_socket(Socket::new(fd)))
        };
        bind().map_err(|cause| failed(Network::Unixgram, Some(address.clone().into()), cause))
    }

    /// Listens on a network that is named as in Go: `"tcp"`, `"tcp4"`, `"tcp6"` (at
    /// `host:service`), `"unix"`, `"unixpacket"` (at a path, or `@` and an abstract name).
    ///
    /// # Errors
    ///
    /// See [above](Self#errors); `InvalidInput` for a network that has no meaning, or is for
    /// datagrams, `Unsupported` for one of Go's that is not here (`"ip"`).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::ListenConfig;
    ///
    /// let listener = ListenConfig::new().listen("tcp4", ":0")?;
    /// assert!(listener.local_addr()?.as_ip().unwrap().is_ipv4());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Listen")]
    pub fn listen(&self, network: &str, address: &str) -> io::Result<Listener> {
        match parse(network)? {
            tcp @ Network::Tcp(_) => Ok(Listener::Tcp(self.tcp(tcp, Target::parse(address))?)),
            Network::Unix => Ok(Listener::Unix(
                self.listen_unix(&unix_addr(Network::Unix, address)?)?,
            )),
            Network::Unixpacket => Ok(Listener::Unixpacket(
                self.listen_unixpacket(&unix_addr(Network::Unixpacket, address)?)?,
            )),
            other => Err(unsuitable(other, "it has no connections")),
        }
    }

    /// Makes a socket for datagrams of a network that is named as in Go: `"udp"`, `"udp4"`,
    /// `"udp6"` (at `host:service`), `"unixgram"` (at a path, or `@` and an abstract name).
    ///
    /// # Errors
    ///
    /// See [above](Self#errors); `InvalidInput` for a network that has no meaning, or is for
    /// connections, `Unsupported` for one of Go's that is not here (`"ip"`).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::ListenConfig;
    ///
    /// let server = ListenConfig::new().listen_packet("udp4", "127.0.0.1:0")?;
    /// server.send_to(b"to myself", &server.local_addr()?)?;
    /// assert_eq!(server.recv_from(&mut [0; 16])?.0, 9);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenPacket")]
    pub fn listen_packet(&self, network: &str, address: &str) -> io::Result<PacketConn> {
        match parse(network)? {
            udp @ Network::Udp(_) => Ok(PacketConn::Udp(self.udp(udp, Target::parse(address))?)),
            Network::Unixgram => Ok(PacketConn::Unixgram(
                self.listen_unixgram(&unix_addr(Network::Unixgram, address)?)?,
            )),
            other => Err(unsuitable(other, "it has no datagrams")),
        }
    }
}

option_methods!(ListenConfig, "accepted connections", "before it is bound");

impl fmt::Debug for ListenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ListenConfig");
        debug
            .field("backlog", &self.backlog)
            .field("reuse_address", &self.reuse_address)
            .field("reuse_port", &self.reuse_port)
            .field("incoming_cpu", &self.incoming_cpu)
            .field("defer_accept", &self.defer_accept)
            .field("fast_open", &self.fast_open)
            .field("only_v6", &self.only_v6);
        self.options.debug(&mut debug);
        debug.finish_non_exhaustive()
    }
}

fn parse(network: &str) -> io::Result<Network> {
    Network::parse(network)
        .map_err(|cause| OpError::wrap("listen", network.to_owned(), None, None, cause))
}

fn unix_addr(network: Network, text: &str) -> io::Result<UnixAddr> {
    super::resolve_unix_addr(text).map_err(|cause| failed(network, None, cause))
}

fn unsuitable(network: Network, why: &str) -> io::Error {
    let cause = io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
    failed(network, None, cause)
}

fn failed(network: Network, address: Option<Addr>, cause: io::Error) -> io::Error {
    OpError::wrap("listen", network.name(), None, address, cause)
}
