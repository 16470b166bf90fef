//! The load client: one thread, epoll, and every byte that comes back is checked.
//!
//! It obeys the benchmark: each line on its standard input is an [`Order`], each line
//! that it answers a [`Done`].
#![forbid(unsafe_code)]

mod churn;
mod closed;
mod connection;
mod frames;
mod latency;
mod open;
mod text;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use connection::Connection;
pub(crate) use latency::Latency;
use text::Text;

/// What the load is like.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Shape {
    /// How many connections stay open.
    #[arg(long)]
    pub(crate) connections: usize,
    /// The bytes of a request, at most 64 KiB.
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=BUFFER as u64))]
    pub(crate) size: usize,
    /// How many requests each connection has in flight, where that is fixed.
    #[arg(long)]
    pub(crate) depth: usize,
    /// Whether responses come in any order.
    #[arg(long)]
    pub(crate) any_order: bool,
}

/// What to do for a slice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Order {
    Closed { millis: u64 },
    Open { millis: u64, open: Open },
    Churn { millis: u64, lanes: usize },
}

/// How requests come in an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// Requests a second.
    pub(crate) rate: f64,
    /// The same seed, the same moments.
    pub(crate) seed: u64,
    /// Whether the client has its core for itself, and may look rather than sleep.
    pub(crate) spin: bool,
    /// Whether requests that ask for work are counted apart.
    pub(crate) mixed: bool,
}

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) requests: u64,
    /// From the first request to the last response.
    pub(crate) time_ns: u64,
    /// In the open loop, from when a request was due to its response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
    /// The same of those that asked for work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) computing: Option<Latency>,
    /// From when a request was due until the client came to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) late: Option<Latency>,
}

impl Done {
    fn of(requests: u64, time: Duration) -> Self {
        Self {
            requests,
            time_ns: time.as_nanos() as u64,
            latency: None,
            computing: None,
            late: None,
        }
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_nanos(self.time_ns)
    }
}

/// How long a server may be silent before it counts as dead.
const PATIENCE: Duration = Duration::from_secs(10);
const BUFFER: usize = 64 * 1024;
const EVENTS: usize = 128;

/// Does what standard input says.
pub(crate) fn obey(address: SocketAddr, shape: Shape) -> io::Result<()> {
    let mut load = Load::connect(address, shape)?;
    let mut out = io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let done = load.run(&serde_json::from_str(&line?)?)?;
        writeln!(out, "{}", serde_json::to_string(&done)?)?;
        out.flush()?;
    }
    Ok(())
}

/// Connections to one server.
struct Load {
    address: SocketAddr,
    shape: Shape,
    text: Text,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// How many connections came and went.
    opened: u64,
    events: Vec<epoll::Event>,
    buffer: Box<[u8]>,
}

impl Load {
    /// Opens the connections that stay, one after the other; each echoes once.
    fn connect(address: SocketAddr, shape: Shape) -> io::Result<Self> {
        let text = Text::new();
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let connections = (0..shape.connections)
            .map(|place| Connection::open(address, place, shape, &text, &epoll))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            address,
            shape,
            text,
            epoll,
            connections,
            opened: 0,
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; BUFFER].into(),
        })
    }

    fn run(&mut self, order: &Order) -> io::Result<Done> {
        match *order {
            Order::Closed { millis } => self.closed(Duration::from_millis(millis)),
            Order::Open { millis, ref open } => self.open(Duration::from_millis(millis), open),
            Order::Churn { millis, lanes } => self.churn(Duration::from_millis(millis), lanes),
        }
    }

    /// Waits for events, to the nanosecond no longer than this.
    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        if !longest.is_zero() {
            let mut epoll = [PollFd::new(&self.epoll, PollFlags::IN)];
            let longest = Timespec::try_from(longest).expect("some seconds are a time");
            match poll(&mut epoll, Some(&longest)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.collect(Duration::ZERO)
    }

    /// Waits for events, no longer than this, rounded up to milliseconds.
    fn collect(&mut self, longest: Duration) -> io::Result<()> {
        let longest = Timespec::try_from(longest).expect("some seconds are a time");
        loop {
            match epoll::wait(
                &self.epoll,
                spare_capacity(&mut self.events),
                Some(&longest),
            ) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for events; an error if there are none for this long.
    fn wait_for_some(&mut self, patience: Duration) -> io::Result<()> {
        self.collect(patience)?;
        if self.events.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the server owes responses and is silent",
            ));
        }
        Ok(())
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    const MIXED: Open = Open {
        rate: 5000.0,
        seed: 1,
        spin: false,
        mixed: true,
    };

    const SHAPE: Shape = Shape {
        connections: 3,
        size: 100,
        depth: 4,
        any_order: false,
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
        Load::connect(serve(change), SHAPE)?.closed(Duration::from_millis(50))
    }

    #[test]
    fn responses_are_counted() {
        let mut load = Load::connect(serve(|_, _| {}), SHAPE).unwrap();
        for _ in 0..3 {
            let done = load.closed(Duration::from_millis(30)).unwrap();
            assert!(done.requests >= 12, "{done:?}");
            assert!(done.time() >= Duration::from_millis(30), "{done:?}");
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
            any_order: false,
        };
        let mut load = Load::connect(serve(|_, _| {}), shape).unwrap();
        let done = load.closed(Duration::from_millis(50)).unwrap();
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

    #[test]
    fn requests_that_are_due_are_sent_and_answered() {
        let mut load = Load::connect(serve(|_, _| {}), SHAPE).unwrap();
        let done = load.open(Duration::from_millis(400), &MIXED).unwrap();
        assert!((1500..2500).contains(&done.requests), "{done:?}");
        let latency = done.latency.unwrap();
        assert!(latency.p50_ns <= latency.p99_ns && latency.p99_ns <= latency.max_ns);
        // One in a hundred asks for work.
        assert!(done.computing.is_some(), "{done:?}");
        // The connections can still be used.
        assert!(load.closed(Duration::from_millis(10)).unwrap().requests > 0);
    }

    #[test]
    fn connections_come_and_go() {
        let shape = Shape {
            connections: 0,
            ..SHAPE
        };
        let mut load = Load::connect(serve(|_, _| {}), shape).unwrap();
        let done = load.churn(Duration::from_millis(50), 4).unwrap();
        assert!(done.requests >= 4, "{done:?}");
    }

    #[test]
    fn a_connection_that_answers_wrongly_and_goes_is_found_out() {
        let shape = Shape {
            connections: 0,
            ..SHAPE
        };
        let mut load = Load::connect(serve(|_, bytes| bytes.reverse()), shape).unwrap();
        let error = load.churn(Duration::from_millis(50), 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn orders_and_answers_survive_the_way() {
        let order = Order::Open {
            millis: 7,
            open: MIXED,
        };
        let line = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&line).unwrap(), order);
    }
}
