//! Dialling: several addresses, bounds, names, options, errors, and nothing left behind.

mod addresses;
mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod names;
mod networks;
mod options;
mod unix;

use std::net::SocketAddr;
use std::os::fd::AsFd;

use netpoll::net::{ListenConfig, TcpListener};
use rustix::event::{PollFd, PollFlags};

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

/// An address from which no answer comes: a listener whose backlog is full.
struct Silent {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: std::net::TcpStream,
}

fn silent(at: &str) -> Silent {
    let listener = ListenConfig::new().backlog(0).listen_tcp(at).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting = std::net::TcpStream::connect(address).unwrap();
    let mut fds = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
    rustix::event::poll(&mut fds, None).unwrap();
    Silent {
        address,
        _listener: listener,
        _waiting: waiting,
    }
}

/// An address that refuses: it was free just now. Not one of those that the system gives
/// to clients, which another test may be given.
fn refused(ip: impl Into<std::net::IpAddr>) -> SocketAddr {
    SocketAddr::new(ip.into(), 1)
}

fn listener(at: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(at).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
