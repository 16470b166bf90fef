//! A counter in the kernel that can be waited for: how one thread breaks
//! another's wait.
#![forbid(unsafe_code)]

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A non-blocking eventfd, closed on `exec`.
///
/// It is readable while its counter is above zero. Registered edge-triggered
/// it need never be read, since every write is an edge; waited for by `poll(2)`
/// it must be drained, or it stays readable.
#[derive(Debug)]
pub(crate) struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    /// Makes one, its counter at zero.
    pub(crate) fn new() -> io::Result<EventFd> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(EventFd { fd })
    }

    /// Adds one to the counter, which wakes whoever waits for it.
    pub(crate) fn write(&self) -> io::Result<()> {
        loop {
            match rustix::io::write(&self.fd, &1_u64.to_ne_bytes()) {
                Ok(_) => return Ok(()),
                // The counter is full. Nothing was written, so nobody was
                // woken: empty it, and make the edge.
                Err(Errno::AGAIN) => _ = self.drain()?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sets the counter to zero, and returns what it was.
    pub(crate) fn drain(&self) -> io::Result<u64> {
        let mut count = [0; 8];
        loop {
            match rustix::io::read(&self.fd, &mut count) {
                Ok(_) => return Ok(u64::from_ne_bytes(count)),
                Err(Errno::AGAIN) => return Ok(0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::EventFd;
    use crate::sys::epoll::{Epoll, Events, Flags};
    use std::time::Duration;

    #[test]
    fn draining_returns_the_count_and_never_blocks() {
        let eventfd = EventFd::new().unwrap();
        assert_eq!(eventfd.drain().unwrap(), 0);
        eventfd.write().unwrap();
        eventfd.write().unwrap();
        assert_eq!(eventfd.drain().unwrap(), 2);
        assert_eq!(eventfd.drain().unwrap(), 0);
    }

    #[test]
    fn a_full_counter_still_wakes() {
        let eventfd = EventFd::new().unwrap();
        let epoll = Epoll::new().unwrap();
        let mut events = Events::new();
        epoll
            .add(&eventfd, Flags::IN | Flags::EDGE_TRIGGERED, 0)
            .unwrap();

        rustix::io::write(&eventfd, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        assert_eq!(epoll.wait(&mut events, None).unwrap(), 1);
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);

        eventfd.write().unwrap();
        assert_eq!(epoll.wait(&mut events, None).unwrap(), 1);
        assert_eq!(eventfd.drain().unwrap(), 1);
    }
}
