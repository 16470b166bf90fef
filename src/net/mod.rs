//! TCP, in the shape of [`std::net`].
//!
//! The types here have std's names, std's methods and std's defaults. What differs
//! is what waiting costs: on a task, an operation that would block parks the task
//! and lets others run. On any other thread it blocks the thread, as in std.
//!
//! Beside std's methods there are Go's deadlines (points in time, for the socket
//! and not for one operation) and `close`, which ends what others are waiting for.

#![forbid(unsafe_code)]

mod listener;
mod resolve;
mod stream;

pub use listener::{Incoming, TcpListener};
pub use resolve::ToSocketAddrs;
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use stream::TcpStream;

use std::io;

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
