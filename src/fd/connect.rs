//! Waiting for a connection that was begun.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::{Fd, error_of, zero_timeout};
use crate::poll::{Timeout, Way};
use crate::sys::socket;

impl Fd {
    /// Waits for a connection that was begun.
    pub(crate) fn wait_connected(&self, timeout: &mut Timeout) -> io::Result<()> {
        let direction = self.registration.direction(Way::Write);
        direction.consume();
        loop {
            self.wait(Way::Write, timeout).map_err(error_of)?;
            direction.consume();
            if socket::connected(self.as_fd())? {
                direction.set_ready(false);
                return Ok(());
            }
        }
    }
}

/// What connecting within a timeout reports, as std does: no zero, and `TimedOut`, where
/// a write would report `WouldBlock`.
pub(crate) fn connect_timeout<T>(
    timeout: Duration,
    connect: impl FnOnce(Duration) -> io::Result<T>,
) -> io::Result<T> {
    if timeout.is_zero() {
        return Err(zero_timeout());
    }
    connect(timeout).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "connection timed out")
        }
        _ => error,
    })
}
