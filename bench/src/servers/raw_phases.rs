//! epoll by hand once more, in phases: receive from all ready sockets into one arena,
//! and only then send all replies. A phase ends when its input fills the arena, so that
//! large messages do not fall out of the cache in between.
//!
//! It repeats what it shares with [`raw`](super::raw), so that the floor stays what it
//! is whatever is tried here.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send, sockopt};

use super::{Server, announce};

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: "raw-phases",
    about: "hand-written epoll, which receives from all ready sockets before it sends",
    usual: true,
    most: usize::MAX,
    run,
};

/// The input of a phase.
const ARENA: usize = 64 * 1024;
/// The window of a read, which may begin where the arena is all but full.
const WINDOW: usize = 64 * 1024;
const EVENTS: usize = 128;
/// No descriptor has this number.
const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: OwnedFd,
    /// What the socket did not take yet.
    output: Vec<u8>,
}

/// What one socket had, in the arena.
struct Part {
    connection: usize,
    begin: usize,
    end: usize,
    /// There may be more, without another event.
    more: bool,
}

fn run(_: usize) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let token = EventData::new_u64(LISTENER);
    epoll::add(&epoll, &listener, token, EventFlags::IN | EventFlags::ET)?;
    announce(listener.local_addr()?)?;

    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut phase = Phase::new();
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
            let ends = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
            phase.receive(
                data.u64() as usize,
                flags.intersects(ends),
                &mut connections,
            );
            if phase.used >= ARENA {
                phase.send(&mut connections);
            }
        }
        phase.send(&mut connections);
    }
}

struct Phase {
    arena: Box<[u8]>,
    used: usize,
    parts: Vec<Part>,
    /// Connections that may have more.
    again: Vec<usize>,
}

impl Phase {
    fn new() -> Self {
        Self {
            arena: vec![0; ARENA + WINDOW].into(),
            used: 0,
            parts: Vec::with_capacity(EVENTS),
            again: Vec::new(),
        }
    }

    /// Receives what one socket has.
    #[inline]
    fn receive(&mut self, place: usize, ends: bool, connections: &mut [Option<Connection>]) {
        let Some(connection) = &mut connections[place] else {
            return;
        };
        match connection.flush() {
            Ok(true) => {}
            // There will be an event when there is room.
            Ok(false) => return,
            Err(_) => {
                connections[place] = None;
                return;
            }
        }
        let window = &mut self.arena[self.used..][..WINDOW];
        match recv(&connection.stream, window, RecvFlags::empty()) {
            Err(Errno::AGAIN) => {}
            // A peer that fails is its own affair.
            Ok((_, 0)) | Err(_) => connections[place] = None,
            Ok((_, length)) => {
                let begin = self.used;
                self.used += length;
                self.parts.push(Part {
                    connection: place,
                    begin,
                    end: self.used,
                    more: length == WINDOW || ends,
                });
            }
        }
    }

    /// Sends all replies, and receives again where there may be more.
    #[inline]
    fn send(&mut self, connections: &mut [Option<Connection>]) {
        while !self.parts.is_empty() {
            for part in self.parts.drain(..) {
                let Some(connection) = &mut connections[part.connection] else {
                    continue;
                };
                match connection.send(&self.arena[part.begin..part.end]) {
                    Ok(true) if part.more => self.again.push(part.connection),
                    Ok(_) => {}
                    Err(_) => connections[part.connection] = None,
                }
            }
            self.used = 0;
            while self.used < ARENA
                && let Some(place) = self.again.pop()
            {
                self.receive(place, true, connections);
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
    /// Sends a reply. Returns whether the socket took all of it.
    #[inline]
    fn send(&mut self, reply: &[u8]) -> Result<bool, Errno> {
        let sent = send_some(&self.stream, reply)?;
        self.output.extend_from_slice(&reply[sent..]);
        Ok(sent == reply.len())
    }

    /// Sends what is left. Returns whether nothing is left now.
    #[inline]
    fn flush(&mut self) -> Result<bool, Errno> {
        if !self.output.is_empty() {
            let sent = send_some(&self.stream, &self.output)?;
            self.output.drain(..sent);
        }
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
