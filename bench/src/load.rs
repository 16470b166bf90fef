//! The load client: one thread, epoll, and every byte that comes back is checked.
//!
//! What a connection sends is a part of one endless text, which is the same for all,
//! from a place of its own on. So what has to come back at a position is known
//! without being kept, and a byte that is lost, doubled or another connection's is
//! found out.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

/// What the load is like.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Shape {
    #[arg(long)]
    pub(crate) connections: usize,
    /// The bytes of a request, at most 64 KiB.
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=BUFFER as u64))]
    pub(crate) size: usize,
    /// How many requests each connection has in flight.
    #[arg(long)]
    pub(crate) depth: usize,
}

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) requests: u64,
    /// From the first request to the last response.
    pub(crate) time: Duration,
}

/// How long a server may be silent before it counts as dead.
const PATIENCE: Duration = Duration::from_secs(10);
const BUFFER: usize = 64 * 1024;
const EVENTS: usize = 128;

/// Obeys the parent: a line with a number of milliseconds on standard input runs a
/// slice; the answer has the number of requests and of nanoseconds.
pub(crate) fn obey(address: SocketAddr, shape: Shape) -> io::Result<()> {
    let mut load = Load::connect(address, shape)?;
    let mut out = io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let millis = line?.trim().parse().map_err(io::Error::other)?;
        let done = load.slice(Duration::from_millis(millis))?;
        writeln!(out, "{} {}", done.requests, done.time.as_nanos())?;
        out.flush()?;
    }
    Ok(())
}

/// Connections to one server.
pub(crate) struct Load {
    shape: Shape,
    text: Text,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    events: Vec<epoll::Event>,
    buffer: Box<[u8]>,
}

struct Connection {
    stream: OwnedFd,
    /// Where its part of the text begins.
    start: u64,
    sent: u64,
    received: u64,
    /// What it still has to send.
    owed: usize,
}

impl Load {
    /// Opens the connections, one after the other; each echoes once.
    pub(crate) fn connect(address: SocketAddr, shape: Shape) -> io::Result<Self> {
        let text = Text::new();
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let connections = (0..shape.connections)
            .map(|place| Connection::open(address, place, shape.size, &text, &epoll))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            shape,
            text,
            epoll,
            connections,
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; BUFFER].into(),
        })
    }

    /// Keeps requests in flight for this long, and then waits for all responses.
    pub(crate) fn slice(&mut self, length: Duration) -> io::Result<Done> {
        let Shape { size, depth, .. } = self.shape;
        let begin = Instant::now();
        for connection in &mut self.connections {
            connection.owed += depth * size;
            connection.flush(&self.text)?;
        }
        let mut outstanding = self.connections.len() * depth;
        let mut requests = 0;
        while outstanding > 0 {
            self.wait()?;
            let goes_on = begin.elapsed() < length;
            for epoll::Event { flags, data } in self.events.drain(..) {
                let connection = &mut self.connections[data.u64() as usize];
                if flags.intersects(EventFlags::OUT) && connection.owed > 0 {
                    connection.flush(&self.text)?;
                }
                let responses = connection.receive(size, &mut self.buffer, &self.text)?;
                requests += responses as u64;
                if goes_on {
                    connection.owed += responses * size;
                    connection.flush(&self.text)?;
                } else {
                    outstanding -= responses;
                }
            }
        }
        Ok(Done {
            requests,
            time: begin.elapsed(),
        })
    }

    fn wait(&mut self) -> io::Result<()> {
        let patience = Timespec::try_from(PATIENCE).expect("some seconds are a time");
        loop {
            match epoll::wait(
                &self.epoll,
                spare_capacity(&mut self.events),
                Some(&patience),
            ) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the server owes responses and is silent",
                    ));
                }
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Connection {
    fn open(
        address: SocketAddr,
        place: usize,
        size: usize,
        text: &Text,
        epoll: &OwnedFd,
    ) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // With a reset at the end, no port is kept for a minute.
        sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;

        let start = place as u64 * 7919;
        let mut came = vec![0; size];
        stream.write_all(text.part(start, size))?;
        stream.read_exact(&mut came)?;
        text.check(start, &came)?;

        stream.set_nonblocking(true)?;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &stream, EventData::new_u64(place as u64), flags)?;
        Ok(Self {
            stream: stream.into(),
            start,
            sent: size as u64,
            received: size as u64,
            owed: 0,
        })
    }

    /// Sends what is owed, as far as there is room.
    #[inline]
    fn flush(&mut self, text: &Text) -> io::Result<()> {
        while self.owed > 0 {
            let part = text.part(self.start + self.sent, self.owed.min(BUFFER));
            match send(&self.stream, part, SendFlags::NOSIGNAL) {
                Ok(length) => {
                    self.sent += length as u64;
                    self.owed -= length;
                }
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Receives what is there. Returns how many responses are complete by that.
    #[inline]
    fn receive(&mut self, size: usize, buffer: &mut [u8], text: &Text) -> io::Result<usize> {
        let before = self.received / size as u64;
        loop {
            let length = match recv(&self.stream, &mut *buffer, RecvFlags::empty()) {
                Ok((_, 0)) => return Err(wrong("the server closed a connection")),
                Ok((_, length)) => length,
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            };
            text.check(self.start + self.received, &buffer[..length])?;
            self.received += length as u64;
            if self.received > self.sent {
                return Err(wrong("more came back than was sent"));
            }
            if length < buffer.len() {
                break;
            }
        }
        Ok((self.received / size as u64 - before) as usize)
    }
}

/// The text: random bytes that repeat after a prime number of them, so that no power
/// of two is a period. Long enough for a whole buffer from any place on.
struct Text(Vec<u8>);

const PERIOD: u64 = 65_521;

impl Text {
    fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let once: Vec<u8> = (0..PERIOD).map(|_| random.u8(..)).collect();
        let length = once.len() + BUFFER;
        Self(once.into_iter().cycle().take(length).collect())
    }

    #[inline]
    fn part(&self, position: u64, length: usize) -> &[u8] {
        let place = (position % PERIOD) as usize;
        &self.0[place..][..length]
    }

    #[inline]
    fn check(&self, position: u64, came: &[u8]) -> io::Result<()> {
        if came == self.part(position, came.len()) {
            Ok(())
        } else {
            Err(wrong("other bytes came back than were sent"))
        }
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    const SHAPE: Shape = Shape {
        connections: 3,
        size: 100,
        depth: 4,
    };

    /// A server that does something to what it has read before it sends it back.
    fn serve(change: fn(u64, &mut Vec<u8>)) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || -> io::Result<()> {
                    let mut before = 0;
                    let mut buffer = vec![0; 1 << 16];
                    while let n @ 1.. = stream.read(&mut buffer)? {
                        let mut bytes = buffer[..n].to_vec();
                        change(before, &mut bytes);
                        before += n as u64;
                        stream.write_all(&bytes)?;
                    }
                    Ok(())
                });
            }
        });
        address
    }

    fn slice_of(change: fn(u64, &mut Vec<u8>)) -> io::Result<Done> {
        Load::connect(serve(change), SHAPE)?.slice(Duration::from_millis(50))
    }

    #[test]
    fn responses_are_counted() {
        let mut load = Load::connect(serve(|_, _| {}), SHAPE).unwrap();
        for _ in 0..3 {
            let done = load.slice(Duration::from_millis(30)).unwrap();
            assert!(done.requests >= 12, "{done:?}");
            assert!(done.time >= Duration::from_millis(30), "{done:?}");
        }
        for connection in &load.connections {
            assert_eq!(connection.sent, connection.received);
            assert_eq!(connection.owed, 0);
        }
    }

    #[test]
    fn more_than_the_sockets_hold_gets_through() {
        let shape = Shape {
            connections: 2,
            size: BUFFER,
            depth: 256,
        };
        let mut load = Load::connect(serve(|_, _| {}), shape).unwrap();
        let done = load.slice(Duration::from_millis(50)).unwrap();
        assert!(done.requests >= 512, "{done:?}");
    }

    #[test]
    fn a_byte_that_was_changed_is_found_out() {
        let error = slice_of(|before, bytes| {
            if before > 500 {
                bytes[0] ^= 1;
            }
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_byte_too_many_is_found_out() {
        let error = slice_of(|before, bytes| {
            if before > 500 {
                bytes.insert(0, bytes[0]);
            }
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
