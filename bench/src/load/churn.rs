//! Connections that do not stay: each connects, echoes once, and is closed by both
//! sides before its lane opens the next one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};

use super::text::Text;
use super::{Done, Load, PATIENCE, Shape, wrong};

/// One connection after the other.
struct Lane {
    stream: TcpStream,
    start: u64,
    received: usize,
}

impl Load {
    /// Keeps this many lanes busy for this long, and waits until the last connection is
    /// closed.
    pub(super) fn churn(&mut self, length: Duration, lanes: usize) -> io::Result<Done> {
        let begin = Instant::now();
        let mut open = 0;
        let mut all: Vec<Option<Lane>> = Vec::new();
        for place in 0..lanes {
            all.push(Some(self.open_lane(place)?));
            open += 1;
        }
        let mut requests = 0;
        while open > 0 {
            self.wait_for_some(PATIENCE)?;
            let events: Vec<usize> = self
                .events
                .drain(..)
                .map(|event: epoll::Event| event.data.u64() as usize)
                .collect();
            for place in events {
                let Some(lane) = &mut all[place] else {
                    continue;
                };
                if lane.turn(&self.shape, &mut self.buffer, &self.text)? {
                    continue;
                }
                // The connection ends here, before the lane opens the next one.
                all[place] = None;
                requests += 1;
                if begin.elapsed() < length {
                    all[place] = Some(self.open_lane(place)?);
                } else {
                    open -= 1;
                }
            }
        }
        Ok(Done::of(requests, begin.elapsed()))
    }

    fn open_lane(&mut self, place: usize) -> io::Result<Lane> {
        // On loopback the handshake is over when this returns; it does not wait.
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        self.opened += 1;
        let start = Text::start(self.opened);
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(
            &self.epoll,
            &stream,
            EventData::new_u64(place as u64),
            flags,
        )?;
        stream.write_all(self.text.part(start, self.shape.size))?;
        Ok(Lane {
            stream,
            start,
            received: 0,
        })
    }
}

impl Lane {
    /// Receives what is there. Returns whether the connection goes on.
    fn turn(&mut self, shape: &Shape, buffer: &mut [u8], text: &Text) -> io::Result<bool> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) if self.received == shape.size => return Ok(false),
                Ok(0) => return Err(wrong("the server closed a connection")),
                Ok(length) => {
                    text.check(self.start + self.received as u64, &buffer[..length])?;
                    self.received += length;
                    if self.received > shape.size {
                        return Err(wrong("more came back than was sent"));
                    }
                    if self.received == shape.size {
                        self.stream.shutdown(Shutdown::Write)?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }
}
