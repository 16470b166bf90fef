//! The floor: epoll by hand, with nothing in between that a server could do without.
//!
//! Edge-triggered, registered once, one large buffer for all connections, connections
//! found by their descriptor. A read that does not fill the buffer has drained the
//! socket, so a request is one receive, one send, and its share of a wait.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send, sockopt};

use super::{FLOOR, Server, announce};

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: FLOOR,
    about: "hand-written epoll, edge-triggered, one buffer for all connections",
    usual: true,
    most: usize::MAX,
    run,
};

/// The same once more: what it differs by is noise.
pub(super) const AGAIN: Server = Server {
    name: "raw-again",
    about: "the same once more, as a control",
    ..SERVER
};

/// As in every server that has more than one thread: the kernel takes a reference to a
/// descriptor in each call, because another thread could close it.
pub(super) const THREADS: Server = Server {
    name: "raw-threads",
    about: "the same in a process with a second thread, which sleeps",
    usual: false,
    run: |buffer| {
        std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        });
        run(buffer)
    },
    ..SERVER
};

const BUFFER: usize = 64 * 1024;
const EVENTS: usize = 128;
/// No descriptor has this number.
const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: OwnedFd,
    /// What the socket did not take yet.
    output: Vec<u8>,
}

fn run(_: usize) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let token = EventData::new_u64(LISTENER);
    epoll::add(&epoll, &listener, token, EventFlags::IN | EventFlags::ET)?;
    announce(listener.local_addr()?)?;

    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut buffer = vec![0; BUFFER];
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for epoll::Event { flags, data } in events.drain(..) {
            if data.u64() == LISTENER {
                accept_all(&listener, &epoll, &mut connections)?;
                continue;
            }
            let place = data.u64() as usize;
            let Some(connection) = &mut connections[place] else {
                continue;
            };
            let ends = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
            // A peer that fails is its own affair.
            let goes_on = connection.turn(flags.intersects(ends), &mut buffer);
            if !goes_on.unwrap_or(false) {
                connections[place] = None;
            }
        }
    }
}

fn accept_all(
    listener: &TcpListener,
    epoll: &OwnedFd,
    connections: &mut Vec<Option<Connection>>,
) -> io::Result<()> {
    loop {
        let stream = match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(stream) => stream,
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR | Errno::CONNABORTED) => continue,
            Err(error) => return Err(error.into()),
        };
        sockopt::set_tcp_nodelay(&stream, true)?;
        let place = stream.as_raw_fd() as usize;
        let all = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &stream, EventData::new_u64(place as u64), all)?;
        if connections.len() <= place {
            connections.resize_with(place + 1, || None);
        }
        connections[place] = Some(Connection {
            stream,
            output: Vec::new(),
        });
    }
}

impl Connection {
    /// Sends back what is there. Returns whether the connection goes on.
    #[inline]
    fn turn(&mut self, ends: bool, buffer: &mut [u8]) -> Result<bool, Errno> {
        if !self.output.is_empty() && !self.flush()? {
            return Ok(true);
        }
        loop {
            let length = match recv(&self.stream, &mut *buffer, RecvFlags::empty()) {
                Ok((_, 0)) => return Ok(false),
                Ok((_, length)) => length,
                Err(Errno::AGAIN) => return Ok(true),
                Err(error) => return Err(error),
            };
            let sent = send_some(&self.stream, &buffer[..length])?;
            if sent < length {
                // There will be an event when there is room.
                self.output.extend_from_slice(&buffer[sent..length]);
                return Ok(true);
            }
            // After the peer's end, a short read may leave the end to be read.
            if length < buffer.len() && !ends {
                return Ok(true);
            }
        }
    }

    /// Sends what is left. Returns whether nothing is left now.
    #[cold]
    fn flush(&mut self) -> Result<bool, Errno> {
        let sent = send_some(&self.stream, &self.output)?;
        self.output.drain(..sent);
        Ok(self.output.is_empty())
    }
}

#[inline]
fn send_some(stream: impl AsFd, bytes: &[u8]) -> Result<usize, Errno> {
    match send(stream, bytes, SendFlags::NOSIGNAL) {
        Err(Errno::AGAIN) => Ok(0),
        result => result,
    }
}
