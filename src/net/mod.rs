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
//! All stable names of [`std::net`] are here, so that one `use` line ports a file. Sockets
//! of Unix are in [`os::unix::net`](crate::os::unix::net), as in std.
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

mod convert;
mod keep_alive;
mod listener;
mod multicast;
mod resolve;
mod stream;
mod ttl;
mod udp;

pub use keep_alive::KeepAlive;
pub use listener::{Incoming, TcpListener};
pub use resolve::ToSocketAddrs;
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use stream::TcpStream;
pub use udp::UdpSocket;

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
