//! Several sockets that connect at once, watched through one descriptor: an epoll
//! instance, which is readable when one of them is done.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// A new set of sockets to watch.
pub(crate) fn create() -> io::Result<OwnedFd> {
    Ok(epoll::create(CreateFlags::CLOEXEC)?)
}

/// Watches a socket that connects, under a number. Closing the socket ends that.
pub(crate) fn watch(set: impl AsFd, socket: impl AsFd, number: u64) -> io::Result<()> {
    let data = EventData::new_u64(number);
    Ok(epoll::add(set, socket, data, EventFlags::OUT)?)
}

/// The numbers of those that are done, for good or ill; there are few.
pub(crate) fn finished(set: impl AsFd) -> io::Result<Vec<u64>> {
    const NOW: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut events: Vec<Event> = Vec::with_capacity(4);
    match epoll::wait(set, rustix::buffer::spare_capacity(&mut events), Some(&NOW)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(events.iter().map(|event| event.data.u64()).collect())
}
