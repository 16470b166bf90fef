//! Accepting without descriptors to spare.
//!
//! The connection that could not be accepted stays in the backlog, so the
//! listener stays readable: a loop that tries again at once spins. The first such
//! failure is returned at once, as std does; each further one in a row waits
//! first, longer every time, and then tries once more.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Fd, ShortRead, error_of};
use crate::poll::{Stop, Timeout, Way};
use crate::sys::poll;
use crate::sys::socket::{self, Errno, Fault};
use crate::task::Reason;

/// How long the second, third, ... failure in a row waits.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_millis(1000),
];

/// How often in a row a listener found no descriptor, or no memory.
#[derive(Debug, Default)]
pub(crate) struct Pause(AtomicU32);

impl Fd {
    /// Accepts a connection.
    pub(crate) fn accept(&self, pause: &Pause) -> io::Result<(OwnedFd, SocketAddr)> {
        let failed = pause.0.load(Ordering::Relaxed) as usize;
        if let Some(last) = failed.checked_sub(1) {
            self.pause(PAUSES[last.min(PAUSES.len() - 1)])?;
        }
        let result = self.read_with(ShortRead::ProvesNothing, |fd| match socket::accept(fd) {
            // The connection has gone again, or failed on the way: the next one.
            Err(Fault::Error(Errno::CONNABORTED)) => Err(Fault::Interrupted),
            // The kernel looks for a descriptor before it looks for a connection.
            Err(Fault::Error(errno)) if is_shortage(errno) && !poll::is_readable(fd) => {
                Err(Fault::WouldBlock)
            }
            other => other,
        });
        match &result {
            Err(error)
                if error
                    .raw_os_error()
                    .is_some_and(|raw| is_shortage(Errno::from_raw_os_error(raw))) =>
            {
                pause.0.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ if failed > 0 => pause.0.store(0, Ordering::Relaxed),
            _ => {}
        }
        result
    }

    /// Waits without accepting, but not beyond the deadline, or closing.
    fn pause(&self, length: Duration) -> io::Result<()> {
        if self.is_nonblocking() {
            return Ok(());
        }
        let mut timeout = Timeout::new(Some(length));
        let _locked = self.lock(Way::Read, &mut timeout).map_err(error_of)?;
        let direction = self.registration.direction(Way::Read);
        let stop = loop {
            // More connections come in meanwhile; they do not end the pause.
            direction.consume();
            if let Err(stop) = self
                .registration
                .wait_for(Reason::Pause, Way::Read, &mut timeout)
            {
                break stop;
            }
        };
        direction.set_ready(false);
        match stop {
            Stop::Timeout => Ok(()),
            stop => Err(error_of(stop)),
        }
    }
}

/// Whether accepting failed for want of something that others may give back.
fn is_shortage(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM
    )
}
