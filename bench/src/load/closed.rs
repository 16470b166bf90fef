//! The closed loop: a fixed number of requests in flight on every connection. It finds
//! out what a request costs; it cannot find out how long one takes, because it sends
//! less while the server is slow.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventFlags};

use super::{Done, Load, PATIENCE, Shape};

impl Load {
    /// Keeps requests in flight for this long, and then waits for all responses.
    pub(super) fn closed(&mut self, length: Duration) -> io::Result<Done> {
        let Shape { size, depth, .. } = self.shape;
        let begin = Instant::now();
        for connection in &mut self.connections {
            connection.owed += depth * size;
            connection.flush(&self.text)?;
        }
        let mut outstanding = self.connections.len() * depth;
        let mut requests = 0;
        while outstanding > 0 {
            self.wait_for_some(PATIENCE)?;
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
        Ok(Done::of(requests, begin.elapsed()))
    }
}
