//! TCP and UDP, in the shape of [`std::net`].
//!
//! The types here have std's names, std's methods and std's defaults. What differs
//! is what waiting costs: on a task, an operation that would block parks the task
//! and lets others run. On any other thread it blocks the thread, as in std.
//!
//! Beside std's methods there are Go's deadlines (points in time, for the socket
//! and not for one operation), `close`, which ends what others are waiting for,
//! `wait_readable`, which waits without a buffer, and options for which std has no name.
//!
//! What std's UDP lacks: many datagrams in a call ([`Batch`]), datagrams that the system
//! takes apart and joins ([`send_segments`](UdpSocket::send_segments)), and what goes with
//! them ([`Transmit`], [`Received`]). Below UDP there is [`IpSocket`], and the host's
//! [`interfaces`].
//!
//! All stable names of [`std::net`] are here, so that one `use` line ports a file. Sockets
//! of Unix are in [`os::unix::net`](crate::os::unix::net), as in std.
//!
//! # Go's way
//!
//! A [`Dialer`] connects, and a [`ListenConfig`] listens, with options, bounds and defaults
//! of Go's `net`: deadlines that bound the resolution of names as well, Happy Eyeballs,
//! dual-stack listeners, `TCP_NODELAY` and keep-alive. Their errors are [`OpError`]s inside.
//! [`dial()`], [`listen()`] and [`listen_packet()`] take networks by their names there.
//!
//! # From and to std
//!
//! Each socket converts from std's type and from a descriptor, and into them, and none of
//! that fails or waits. The mode comes along, so do the timeouts; deadlines do not.
//!
//! - A socket **in non-blocking mode** never waits here either, until
//!   `set_nonblocking(false)`. Ours are in blocking mode for whoever gets
//!   the descriptor, unless they were set otherwise, although no operation of ours relies
//!   on it. Listeners alone are kept in non-blocking mode, and come out in the mode
//!   that was set.
//! - **Clones share one descriptor.** A socket that has clones goes out as a duplicate,
//!   as std's `try_clone` would make it, and the clones stay. Without any, the number
//!   is the same.
//! - A listener whose duplicate went out in blocking mode shares that mode. Accepting here
//!   then asks first whether there is a connection; if the other owner takes it in
//!   between, the worker is held up until the next one comes. Give away listeners that
//!   you have no more use for.
//!
//! ```
//! use netpoll::net::{TcpListener, TcpStream};
//! use std::io::{Read, Write};
//!
//! let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! let mut client = TcpStream::from(std::net::TcpStream::connect(listener.local_addr()?)?);
//! let mut server = std::net::TcpStream::from(TcpListener::from(listener).accept()?.0);
//! client.write_all(b"hello")?;
//! assert_eq!(server.read(&mut [0; 16])?, 5);
//! # Ok::<(), std::io::Error>(())
//! ```

#![deny(unsafe_code)]

mod addr;
mod conn;
mod convert;
mod dial;
mod inherited;
mod interfaces;
mod ip;
mod keep_alive;
mod listen;
mod listener;
mod memory;
mod multicast;
mod network;
mod op_error;
mod options;
mod resolve;
mod resolver;
mod scoped;
mod services;
mod stream;
mod target;
mod ttl;
mod udp;
mod zerocopy;

#[doc(alias = "CloseWrite")]
pub use crate::fd::OwnedWriteHalf;
pub use crate::fd::{OwnedReadHalf, ReadHalf, ReuniteError, Split, WriteHalf};
pub use crate::sys::socket::envelope::{Ecn, Received, Transmit};
pub use addr::Addr;
#[doc(alias = "Dial")]
#[doc(alias = "DialConnection")]
pub use conn::dial;
#[doc(alias = "DialTimeout")]
pub use conn::dial_timeout;
#[doc(alias = "Listen")]
#[doc(alias = "CreateListener")]
pub use conn::listen;
#[doc(alias = "ListenPacket")]
pub use conn::listen_packet;
#[doc(alias = "ResolveUnixAddr")]
pub use conn::resolve_unix_addr;
pub use conn::{Conn, Listener, PacketConn};
pub use dial::Dialer;
pub use inherited::Inherited;
#[doc(alias = "sd_listen_fds")]
#[doc(alias = "FileListener")]
#[doc(alias = "LISTEN_FDS")]
pub use inherited::inherited_listeners;
#[doc(alias = "net.Interface")]
pub use interfaces::Interface;
#[doc(alias = "IPNet")]
pub use interfaces::InterfaceAddress;
#[doc(alias = "Interfaces")]
#[doc(alias = "InterfaceAddrs")]
#[doc(alias = "InterfaceByName")]
#[doc(alias = "InterfaceByIndex")]
#[doc(alias = "getifaddrs")]
pub use interfaces::interfaces;
#[doc(alias = "IPConn")]
#[doc(alias = "SOCK_RAW")]
pub use ip::IpSocket;
#[doc(alias = "KeepAliveConfig")]
pub use keep_alive::KeepAlive;
pub use listen::ListenConfig;
pub use listener::{Incoming, TcpListener};
#[doc(alias = "DuplexStream")]
pub use memory::MemoryStream;
#[doc(alias = "Pipe")]
#[doc(alias = "duplex")]
pub use memory::pipe;
pub use op_error::OpError;
pub use resolve::ToSocketAddrs;
pub use resolver::Resolver;
#[doc(alias = "DefaultResolver")]
pub use resolver::SystemResolver;
#[doc(alias = "LookupHost")]
#[doc(alias = "LookupIP")]
pub use resolver::lookup_host;
#[doc(alias = "IPAddr")]
#[doc(alias = "Zone")]
pub use scoped::ScopedIpAddr;
pub use scoped::ScopedIpAddrParseError;
#[doc(alias = "LookupPort")]
#[doc(alias = "getservbyname")]
pub use services::lookup_port;
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
#[doc(alias = "TCPConn")]
pub use stream::TcpStream;
pub use target::Target;
#[doc(alias = "recvmmsg")]
#[doc(alias = "sendmmsg")]
#[doc(alias = "ReadBatch")]
#[doc(alias = "WriteBatch")]
pub use udp::Batch;
#[doc(alias = "UDPConn")]
#[doc(alias = "PacketConn")]
pub use udp::UdpSocket;
pub use udp::{Datagram, DatagramMut};

use std::io;

use ttl::ttl_methods;

/// Tries each address until one does; fails as std does if there is none.
fn each_address<A: ToSocketAddrs, T>(
    addresses: A,
    mut f: impl FnMut(&SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for address in addresses.to_socket_addrs()? {
        match f(&address) {
            Ok(result) => return Ok(result),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "could not resolve to any addresses",
        )
    }))
}
