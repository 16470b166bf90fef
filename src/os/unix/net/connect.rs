//! Connecting to a listener, whose backlog may be full.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::SocketAddr;
use crate::fd::Socket;
use crate::poll::Timeout;
use crate::sys::socket::{options, unix};

/// Connects a new socket, which is in non-blocking mode; `WouldBlock` after the timeout.
pub(crate) fn connect(
    socket: Socket,
    address: &SocketAddr,
    timeout: Option<Duration>,
) -> io::Result<Socket> {
    socket.try_patiently(Timeout::new(timeout), || {
        unix::connect(socket.as_fd(), address)
    })?;
    // Only connecting needs non-blocking mode; see `sys::socket`.
    options::set_nonblocking(socket.as_fd(), false)?;
    Ok(socket)
}
