//! Accepting, and doing so without descriptors to spare.
//!
//! The connection that could not be accepted stays in the backlog, so the
//! listener stays readable: a loop that tries again at once spins. The first such
//! failure is returned at once, as std does; each further one in a row waits
//! first, longer every time, and then tries once more.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::unlink::UnlinkOnClose;
use super::{Cancelled, Closed, Fd, ShortRead, error_of};
use crate::poll::{Stop, Timeout, Way};
use crate::sys::poll;
use crate::sys::socket::{Errno, Fault, options};
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

/// What a socket has that accepts, beside what all have.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    /// How often in a row there was no descriptor, or no memory.
    shortages: AtomicU32,
    /// Whether the open socket is in whichever mode somebody else wants who has a
    /// duplicate of it. Locked while the mode changes, and while it matters.
    mode_is_shared: Mutex<bool>,
    /// The path that goes with the socket, of one of Unix.
    pub(super) unlink: UnlinkOnClose,
}

impl Listening {
    /// Accepting has no flag like `MSG_DONTWAIT`, so a listener is kept in non-blocking
    /// mode. One whose mode belongs to somebody else is asked first whether there is
    /// a connection. Another process, or thread, may get there before the answer is
    /// used; then this waits like a plain thread, until there is the next one.
    fn attempt<A>(
        &self,
        fd: BorrowedFd<'_>,
        mut accept: impl FnMut(BorrowedFd<'_>) -> Result<(OwnedFd, A), Fault>,
    ) -> Result<(OwnedFd, A), Fault> {
        let mode_is_shared = self.mode_is_shared();
        if *mode_is_shared {
            drop(mode_is_shared);
            if !poll::is_readable(fd) {
                return Err(Fault::WouldBlock);
            }
        }
        accept(fd)
    }

    fn mode_is_shared(&self) -> MutexGuard<'_, bool> {
        self.mode_is_shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_nonblocking(&self, fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
        if *self.mode_is_shared() {
            options::set_nonblocking(fd, on)?;
        }
        Ok(())
    }

    /// Gives the mode away to the owner of a duplicate.
    pub(super) fn share_mode(&self, fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
        let mut mode_is_shared = self.mode_is_shared();
        *mode_is_shared = true;
        options::set_nonblocking(fd, nonblocking)
    }
}

impl Fd {
    /// Sets the path that is removed before the listener is closed.
    pub(crate) fn set_unlink_on_close(&self, path: Option<&Path>) -> io::Result<()> {
        self.open()?;
        self.unlink_on_close().map_or(Ok(()), |it| it.set(path))
    }

    /// Whether there is such a path.
    pub(crate) fn unlinks_on_close(&self) -> bool {
        self.unlink_on_close().is_some_and(UnlinkOnClose::is_set)
    }

    fn unlink_on_close(&self) -> Option<&UnlinkOnClose> {
        self.listening.as_deref().map(|listening| &listening.unlink)
    }

    /// Removes it: the listener ends.
    pub(super) fn unlink(&self) {
        if let Some(unlink) = self.unlink_on_close() {
            unlink.unlink();
        }
    }

    /// Accepts a connection.
    pub(crate) fn accept<A>(
        &self,
        mut accept: impl FnMut(BorrowedFd<'_>) -> Result<(OwnedFd, A), Fault>,
    ) -> io::Result<(OwnedFd, A)> {
        let listening = self.listening.as_deref().expect("this socket listens");
        let failed = listening.shortages.load(Ordering::Relaxed) as usize;
        if let Some(last) = failed.checked_sub(1) {
            self.pause(PAUSES[last.min(PAUSES.len() - 1)])?;
        }
        let result = self.read_with(ShortRead::ProvesNothing, |fd| {
            match listening.attempt(fd, &mut accept) {
                // The connection has gone again, or failed on the way: the next one.
                Err(Fault::Error(Errno::CONNABORTED)) => Err(Fault::Interrupted),
                // The kernel looks for a descriptor before it looks for a connection.
                Err(Fault::Error(errno)) if is_shortage(errno) && !poll::is_readable(fd) => {
                    Err(Fault::WouldBlock)
                }
                other => other,
            }
        });
        match &result {
            Err(error)
                if error
                    .raw_os_error()
                    .is_some_and(|raw| is_shortage(Errno::from_raw_os_error(raw))) =>
            {
                listening.shortages.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ if failed > 0 => listening.shortages.store(0, Ordering::Relaxed),
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
                .wait_for(Reason::Pause, Way::Read, &mut timeout, 0)
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

/// What an iterator over connections makes of one attempt. As in std it goes on
/// after errors; it ends when the listener was closed, or the task is to end.
pub(crate) fn next_incoming<S, A>(accepted: io::Result<(S, A)>) -> Option<io::Result<S>> {
    match accepted {
        Ok((stream, _)) => Some(Ok(stream)),
        Err(error) if Closed::is_cause_of(&error) || Cancelled::is_cause_of(&error) => None,
        Err(error) => Some(Err(error)),
    }
}

/// Whether accepting failed for want of something that others may give back.
fn is_shortage(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM
    )
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::sys::socket;

    /// Its client was told that it is connected, and no other process gets it any more.
    #[test]
    fn a_connection_accepted_while_the_listener_is_closed_is_not_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let fd = Fd::with(listener.into(), Some(Box::default()));
        let (_stream, peer) = fd
            .accept(|listener| {
                let accepted = socket::accept(listener);
                fd.close();
                accepted
            })
            .unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let closed = fd
            .accept(|_| unreachable!("it is closed"))
            .map(|(_, ())| ());
        assert!(Closed::is_cause_of(&closed.unwrap_err()));
    }
}
