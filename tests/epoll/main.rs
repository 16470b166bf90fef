//! The public epoll against the kernel: what is reported, how often, with which
//! token, when a wait ends, and what is refused.
//!
//! Run with `NETPOLL_FALLBACK=epoll_pwait2` too: everything holds there as well.

mod buffer;
mod registrations;
mod reports;
mod timeouts;
mod triggers;
mod waker;

use netpoll::epoll::{Epoll, Event, Events, Flags};
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

const NOW: Option<Duration> = Some(Duration::ZERO);
const TOKEN: u64 = 0x0123_4567_89ab_cdef;
const EDGE: Flags = Flags::EDGE_TRIGGERED;

/// An epoll instance, and one buffer for all its waits.
struct Poll {
    epoll: Epoll,
    events: Events,
}

impl Poll {
    fn new() -> Poll {
        Poll {
            epoll: Epoll::new().unwrap(),
            events: Events::new(),
        }
    }

    /// A poll that watches one descriptor.
    fn watching(fd: impl AsFd, flags: Flags) -> Poll {
        let poll = Poll::new();
        poll.epoll.add(fd, flags, TOKEN).unwrap();
        poll
    }

    /// The events of one wait.
    fn wait(&mut self, timeout: Option<Duration>) -> Vec<Event> {
        let count = self.epoll.wait(&mut self.events, timeout).unwrap();
        assert_eq!(count, self.events.len());
        assert_eq!(count == 0, self.events.is_empty());
        self.events.iter().collect()
    }

    fn assert_silent(&mut self) {
        assert_eq!(self.wait(NOW), []);
    }

    /// The flags of the single event that the next wait brings.
    fn seen(&mut self) -> Flags {
        match self.wait(None)[..] {
            [Event { flags, token }] => {
                assert_eq!(token, TOKEN);
                flags
            }
            ref other => panic!("one event expected, not {other:?}"),
        }
    }

    /// Waits until all of these flags hold. What they depend on may reach a TCP
    /// socket in several steps, each with an event of its own.
    fn until(&mut self, flags: Flags) -> Flags {
        loop {
            let seen = self.seen();
            if seen.contains(flags) {
                return seen;
            }
        }
    }
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    (near, far)
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}
