//! The open loop: requests are due at moments that are fixed beforehand, whatever the
//! server does, as those of many independent users are.
//!
//! The latency of a request counts from when it was *due*. If server or client fall
//! behind, all requests that are due meanwhile are late, and are counted so: nothing is
//! left out because the client was waiting ("coordinated omission").

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventFlags};

use super::latency::{Latencies, Latency};
use super::{Done, Load, Open, PATIENCE, Shape};
use crate::work;

/// Timers are no more exact than this; what is left is spent looking.
const TIMER: Duration = Duration::from_micros(100);

/// A request that is in flight.
struct Request {
    /// From the beginning of the slice on.
    due: Duration,
    computes: bool,
}

/// The requests of a slice that are due, and what became of them.
struct Ledger {
    in_flight: Vec<VecDeque<Request>>,
    outstanding: usize,
    ordinary: Latencies,
    computing: Latencies,
}

impl Load {
    /// Sends requests as they are due, for this long, and waits for all responses.
    pub(super) fn open(&mut self, length: Duration, open: &Open) -> io::Result<Done> {
        let Shape { size, .. } = self.shape;
        let mut random = fastrand::Rng::with_seed(open.seed);
        let mut ledger = Ledger::new(self.connections.len());
        let begin = Instant::now();
        let mut due = gap(&mut random, open.rate);
        loop {
            let mut now = begin.elapsed();
            while due <= now && due < length {
                let place = random.usize(..self.connections.len());
                let connection = &mut self.connections[place];
                let computes =
                    open.mixed && work::is_asked_for(connection.upcoming(&self.text, size));
                ledger.sent(place, Request { due, computes });
                connection.owed += size;
                connection.flush(&self.text)?;
                due += gap(&mut random, open.rate);
                now = begin.elapsed();
            }
            if due < length {
                self.wait(pause(due.saturating_sub(now), open.spin))?;
            } else if ledger.outstanding > 0 {
                self.wait_for_some(PATIENCE)?;
            } else {
                return Ok(ledger.close(begin.elapsed()));
            }
            for epoll::Event { flags, data } in self.events.drain(..) {
                let place = data.u64() as usize;
                let connection = &mut self.connections[place];
                if flags.intersects(EventFlags::OUT) && connection.owed > 0 {
                    connection.flush(&self.text)?;
                }
                let responses = connection.receive(size, &mut self.buffer, &self.text)?;
                ledger.came(place, responses, begin.elapsed());
            }
        }
    }
}

/// How long until the next user comes: many independent ones come at random.
fn gap(random: &mut fastrand::Rng, rate: f64) -> Duration {
    let chance = 1.0 - random.f64();
    Duration::from_secs_f64(-chance.ln() / rate)
}

/// How long to wait for responses when the next request is due in some time.
fn pause(rest: Duration, spin: bool) -> Duration {
    if spin {
        rest.saturating_sub(TIMER)
    } else {
        rest
    }
}

impl Ledger {
    fn new(connections: usize) -> Self {
        Self {
            in_flight: (0..connections).map(|_| VecDeque::new()).collect(),
            outstanding: 0,
            ordinary: Latencies::default(),
            computing: Latencies::default(),
        }
    }

    fn sent(&mut self, connection: usize, request: Request) {
        self.in_flight[connection].push_back(request);
        self.outstanding += 1;
    }

    fn came(&mut self, connection: usize, responses: usize, now: Duration) {
        for request in self.in_flight[connection].drain(..responses) {
            let latencies = if request.computes {
                &mut self.computing
            } else {
                &mut self.ordinary
            };
            latencies.add(now.saturating_sub(request.due));
        }
        self.outstanding -= responses;
    }

    fn close(self, time: Duration) -> Done {
        let requests = self.ordinary.count() + self.computing.count();
        Done {
            latency: Latency::of(self.ordinary),
            computing: Latency::of(self.computing),
            ..Done::of(requests as u64, time)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_come_as_the_rate_says() {
        let mut random = fastrand::Rng::with_seed(7);
        let all: Duration = (0..10_000).map(|_| gap(&mut random, 1000.0)).sum();
        assert!((9.5..10.5).contains(&all.as_secs_f64()), "{all:?}");
    }

    #[test]
    fn a_latency_counts_from_when_the_request_was_due() {
        let mut ledger = Ledger::new(2);
        for (connection, due) in [(0, 100), (1, 110), (0, 120)] {
            let due = Duration::from_nanos(due);
            let computes = connection == 1;
            ledger.sent(connection, Request { due, computes });
        }
        ledger.came(0, 2, Duration::from_nanos(150));
        assert_eq!(ledger.outstanding, 1);
        ledger.came(1, 1, Duration::from_nanos(210));
        let done = ledger.close(Duration::from_nanos(300));
        assert_eq!(done.requests, 3);
        assert_eq!(done.latency.unwrap().max_ns, 50);
        assert_eq!(done.computing.unwrap().max_ns, 100);
    }
}
