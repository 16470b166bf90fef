//! Connecting to one of several addresses.
//!
//! As in Go, the addresses are split by the version of IP of the first one. Those of its
//! version run first, one after the other; those of the other version do the same, from
//! when the fallback delay is over, or the first have all failed. The first connection
//! that stands wins. (RFC 8305 would go on to stagger the addresses within one version.)
//!
//! ```text
//!  lane 0   |--- first ----|--- second ---|--- third ...
//!  lane 1   |<-- delay -->|--- fourth ----|--- fifth ...
//!                                    ^ stands: it wins, the third is closed
//! ```
//!
//! All of it happens on the task that dials. It waits for the one socket that connects; if
//! there are two, they are watched through an epoll instance, for which the task waits. So
//! there is nothing but descriptors to clean up, and these are dropped with the function's
//! frame, however it ends.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use super::share::share;
use crate::fd::{Cancelled, Socket};
use crate::poll::{Timeout, Way};
use crate::sys::socket::{self, race};
use crate::task::Time;

/// Begins to connect to an address; the socket, and whether the connection stands already.
pub(super) type Begin<'a> = &'a dyn Fn(&SocketAddr) -> io::Result<(Socket, bool)>;

/// Which address it was that could not be connected to, and why.
pub(super) struct Failure {
    pub(super) address: Option<SocketAddr>,
    pub(super) cause: io::Error,
}

/// Connects to one of the addresses. If none can be connected to, the failure is that of
/// the first, as in Go.
pub(super) fn connect(
    addresses: &[SocketAddr],
    deadline: Time,
    fallback_delay: Option<Duration>,
    begin: Begin<'_>,
) -> Result<Socket, Failure> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, others) = match fallback_delay {
        Some(_) => addresses
            .iter()
            .partition(|address| address.is_ipv4() == first_is_v4),
        None => (addresses.to_vec(), Vec::new()),
    };
    let others_start = Time::now().after(fallback_delay.unwrap_or_default());
    let mut race = Race {
        lanes: [
            Lane::new(first, Time::from_bits(0)),
            Lane::new(others, others_start),
        ],
        watch: None,
        deadline,
        begin,
    };
    race.run()
}

struct Race<'a> {
    lanes: [Lane; 2],
    /// The epoll instance, from when there are two to wait for.
    watch: Option<Socket>,
    deadline: Time,
    begin: Begin<'a>,
}

struct Lane {
    /// Those whose turn has not come, in reverse.
    left: Vec<SocketAddr>,
    starts: Time,
    current: Option<Attempt>,
    failure: Option<Failure>,
}

struct Attempt {
    address: SocketAddr,
    socket: Socket,
    until: Time,
    is_watched: bool,
}

impl Lane {
    fn new(mut addresses: Vec<SocketAddr>, starts: Time) -> Self {
        addresses.reverse();
        Self {
            left: addresses,
            starts,
            current: None,
            failure: None,
        }
    }

    fn is_over(&self) -> bool {
        self.current.is_none() && self.left.is_empty()
    }

    /// Whether its next address may have its turn.
    fn is_next(&self, now: Time) -> bool {
        self.current.is_none() && !self.left.is_empty() && self.starts <= now
    }

    fn fail(&mut self, address: SocketAddr, cause: io::Error) {
        let address = Some(address);
        self.failure.get_or_insert(Failure { address, cause });
    }

    /// Waits for its attempt, as there is no other.
    fn wait_alone(&mut self) -> Result<Option<Socket>, Failure> {
        let Some(attempt) = self.current.take() else {
            return Ok(None);
        };
        let Attempt {
            address, socket, ..
        } = attempt;
        socket.set_deadline(Way::Write, attempt.until);
        match socket.wait_connected(&mut Timeout::new(None)) {
            Ok(()) => {
                socket.set_deadline(Way::Write, Time::NEVER);
                Ok(Some(socket))
            }
            Err(cause) if Cancelled::is_cause_of(&cause) => Err(Failure {
                address: Some(address),
                cause,
            }),
            Err(cause) => {
                self.fail(address, cause);
                Ok(None)
            }
        }
    }
}

impl Race<'_> {
    fn run(&mut self) -> Result<Socket, Failure> {
        loop {
            if self.lanes[0].is_over() {
                self.lanes[1].starts = Time::from_bits(0);
            }
            for lane in 0..self.lanes.len() {
                if let Some(socket) = self.start(lane) {
                    return Ok(socket);
                }
            }
            if self.lanes.iter().all(Lane::is_over) {
                return Err(self.failure());
            }
            if let Some(socket) = self.wait()? {
                return Ok(socket);
            }
        }
    }

    /// Begins with the next address of a lane that may, until one has to be waited for.
    fn start(&mut self, number: usize) -> Option<Socket> {
        let lane = &mut self.lanes[number];
        while lane.is_next(Time::now()) {
            let addresses = lane.left.len();
            let address = lane.left.pop()?;
            let Some(until) = share(Time::now(), self.deadline, addresses) else {
                lane.left.clear();
                lane.fail(address, io::ErrorKind::TimedOut.into());
                break;
            };
            match (self.begin)(&address) {
                Ok((socket, true)) => return Some(socket),
                Ok((socket, false)) => {
                    lane.current = Some(Attempt {
                        address,
                        socket,
                        until,
                        is_watched: false,
                    });
                }
                Err(cause) => lane.fail(address, cause),
            }
        }
        None
    }

    /// Waits until an attempt is done, or its time is up, or another lane starts. Returns
    /// the winner.
    fn wait(&mut self) -> Result<Option<Socket>, Failure> {
        match &mut self.lanes {
            [lane, other] | [other, lane] if other.is_over() => lane.wait_alone(),
            _ => self.wait_for_both(),
        }
    }

    fn wait_for_both(&mut self) -> Result<Option<Socket>, Failure> {
        let finished = self.finished().map_err(|cause| Failure {
            address: self.lanes.iter().find_map(|lane| {
                let attempt = lane.current.as_ref()?;
                Some(attempt.address)
            }),
            cause,
        })?;
        for number in finished {
            let Some(lane) = self.lanes.get_mut(number as usize) else {
                continue;
            };
            let Some(attempt) = lane.current.take() else {
                continue;
            };
            match socket::connected(attempt.socket.as_fd()) {
                Ok(true) => return Ok(Some(attempt.socket)),
                Ok(false) => lane.current = Some(attempt),
                Err(cause) => lane.fail(attempt.address, cause),
            }
        }
        for lane in &mut self.lanes {
            if let Some(attempt) = lane.current.take_if(|attempt| attempt.until.is_past()) {
                lane.fail(attempt.address, io::ErrorKind::TimedOut.into());
            }
        }
        Ok(None)
    }

    /// The numbers of the lanes whose attempts are done at some time; none if time is up
    /// before, for an attempt or for the other lane to wait any longer.
    fn finished(&mut self) -> io::Result<Vec<u64>> {
        if self.watch.is_none() {
            self.watch = Some(Socket::new(race::create()?));
        }
        let watch = self.watch.as_ref().expect("it was made just now");
        let mut until = Time::NEVER;
        for (number, lane) in (0..).zip(&mut self.lanes) {
            match &mut lane.current {
                Some(attempt) => {
                    if !attempt.is_watched {
                        race::watch(watch.as_fd(), attempt.socket.as_fd(), number)?;
                        attempt.is_watched = true;
                    }
                    until = until.min(attempt.until);
                }
                None => until = until.min(lane.starts),
            }
        }
        watch.set_deadline(Way::Read, until);
        match watch.wait_ready(Way::Read) {
            Err(error) if error.kind() != io::ErrorKind::TimedOut || !until.is_past() => Err(error),
            _ => race::finished(watch.as_fd()),
        }
    }

    fn failure(&mut self) -> Failure {
        let mut failures = self.lanes.iter_mut().filter_map(|lane| lane.failure.take());
        failures.next().unwrap_or_else(|| Failure {
            address: None,
            cause: io::ErrorKind::InvalidInput.into(),
        })
    }
}
