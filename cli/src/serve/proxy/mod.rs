//! `serve proxy`: passing connections on.
//!
//! | file | idea |
//! |---|---|
//! | `targets` | which target gets a connection |
//! | `header` | the PROXY protocol |
//!
//! One connection goes through four stages, each on its task: the client's header, if
//! there shall be one; a target that takes it; the header for the target; and then a
//! [`Relay`], which holds neither buffers nor pipes while nothing comes.
//!
//! An end is passed on only if it came as an end. All else (a reset, a timeout, no
//! target) resets who is left, since nobody shall take half of something for all of it.

mod header;
mod targets;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netpoll::io::{Idle, Relay};
use netpoll::net::{Dialer, OpError, TcpStream, resolve_unix_addr};

use super::About;
use super::counters::{self, Sum};
use super::figures::Rates;
use super::report::Report;
use super::stream::Stream;
use super::tasks::{Connection, Outcome, is_deadline};
use crate::args::{ServeProxy, Version};
use crate::failure::advised;
use crate::place::Place;
use crate::units::{many, size};
use header::{Addresses, Beginning, Fault};
use targets::{Chosen, Targets};

/// See the [module](self).
pub(super) struct Proxy {
    report: Arc<Report>,
    targets: Targets,
    connect_timeout: Duration,
    dialer: Dialer,
    idle_timeout: Option<Duration>,
    /// How long a client may take for its header, if there shall be one.
    header_timeout: Option<Duration>,
    send_header: Option<Version>,
    /// Ends that were no ends.
    idle: AtomicU64,
    broken: AtomicU64,
    /// Clients that no target took.
    refused: AtomicU64,
    /// Clients without a header.
    without_header: AtomicU64,
}

impl Proxy {
    pub(super) fn new(options: &ServeProxy, report: Arc<Report>) -> Self {
        Self {
            report,
            targets: Targets::new(options.to.clone(), options.balance, options.rest),
            connect_timeout: options.connect_timeout,
            // Who wants to find out about dead peers has the idle timeout.
            dialer: Dialer::new()
                .timeout(options.connect_timeout)
                .keepalive(None),
            idle_timeout: options.idle_timeout,
            header_timeout: options.accept_proxy.then_some(options.header_timeout),
            send_header: options.send_proxy,
            idle: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            without_header: AtomicU64::new(0),
        }
    }

    /// Serves a connection to its end, on its task.
    pub(super) fn serve(&self, connection: &Connection) -> Outcome {
        let client = &connection.stream;
        let beginning = match self.begin(client) {
            Ok(beginning) => beginning,
            Err(fault) => {
                client.abort();
                if matches!(fault, Fault::CutOff) {
                    return Outcome::CutOff;
                }
                self.without_header.fetch_add(1, Ordering::Relaxed);
                self.report
                    .failed("reading a PROXY header", fault.to_string());
                return Outcome::Ended;
            }
        };
        let Some((_chosen, target)) = self.dial() else {
            client.abort();
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Outcome::Ended;
        };
        let Beginning { addresses, rest } = beginning;
        let result = connection
            .ticket
            .leads_to(&target)
            .and_then(|()| self.introduce(&target, addresses, &rest))
            .and_then(|()| {
                drop(rest);
                self.relay(client, &target)
            });
        match result {
            Ok(()) => Outcome::Ended,
            Err(error) => self.fail(&error, &[client, &target]),
        }
    }

    /// What the client has begun with.
    fn begin(&self, client: &Stream) -> Result<Beginning, Fault> {
        let mut beginning = match self.header_timeout {
            Some(timeout) => header::read(client, timeout)?,
            None => Beginning {
                addresses: None,
                rest: Vec::new(),
            },
        };
        if self.send_header.is_some() && beginning.addresses.is_none() {
            beginning.addresses = client.addresses();
        }
        Ok(beginning)
    }

    /// Opens a connection to a target that takes it.
    fn dial(&self) -> Option<(Chosen<'_>, Stream)> {
        let mut tried = Vec::new();
        loop {
            let chosen = self.targets.choose(&tried, Instant::now())?;
            match self.dial_one(chosen.place()) {
                Ok(stream) => {
                    chosen.well();
                    return Some((chosen, stream));
                }
                Err(error) => {
                    let cause = OpError::of(&error).map_or(&error, OpError::cause);
                    let what = format!("connecting to {}", chosen.place());
                    self.report.failed(&what, advised(cause));
                    if !is_of_ours(cause) {
                        chosen.failed(Instant::now());
                    }
                    tried.push(chosen.index());
                }
            }
        }
    }

    fn dial_one(&self, place: &Place) -> io::Result<Stream> {
        match place {
            Place::Tcp(address) => match address.parse() {
                // What a name needs beyond that costs system calls.
                Ok(address) => {
                    let stream = TcpStream::connect_timeout(&address, self.connect_timeout)?;
                    stream.set_nodelay(true)?;
                    Ok(Stream::Tcp(stream))
                }
                Err(_) => self.dialer.dial("tcp", address).and_then(Stream::of),
            },
            Place::Unix(path) => {
                let stream = self.dialer.dial_unix(&resolve_unix_addr(path)?)?;
                Ok(Stream::Unix(stream))
            }
        }
    }

    /// Sends a target what comes before all else.
    fn introduce(
        &self,
        mut target: &Stream,
        addresses: Option<Addresses>,
        first: &[u8],
    ) -> io::Result<()> {
        if let Some(version) = self.send_header {
            target.write_all(&header::written(version, addresses))?;
        }
        target.write_all(first)?;
        counters::count_moved(first.len() as u64, 0);
        Ok(())
    }

    fn relay(&self, client: &Stream, target: &Stream) -> io::Result<()> {
        let mut relay = Relay::new().inspect(&counters::count_moved);
        if let Some(timeout) = self.idle_timeout {
            relay = relay.idle_timeout(timeout);
        }
        // By their types, which the kernel's ways of moving bytes go by.
        let moved = match (client, target) {
            (Stream::Tcp(client), Stream::Tcp(target)) => relay.run(client, target),
            (Stream::Tcp(client), Stream::Unix(target)) => relay.run(client, target),
            (Stream::Unix(client), Stream::Tcp(target)) => relay.run(client, target),
            (Stream::Unix(client), Stream::Unix(target)) => relay.run(client, target),
        };
        moved.map(drop)
    }

    /// Ends what is left of a connection that has failed.
    fn fail(&self, error: &io::Error, ends: &[&Stream]) -> Outcome {
        for end in ends {
            end.abort();
        }
        if is_deadline(error) {
            return Outcome::CutOff;
        }
        let counter = match Idle::is_cause_of(error) {
            true => &self.idle,
            false => &self.broken,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Outcome::Ended
    }
}

impl About for Proxy {
    fn name(&self) -> String {
        format!("proxy to {}", self.targets.names())
    }

    fn rates(&self, rates: &Rates) -> String {
        format!(
            "{}/s to targets, {}/s to clients, {:.0} new/s, {}",
            size(rates.forwarded),
            size(rates.bytes),
            rates.accepted,
            self.targets.now()
        )
    }

    fn totals(&self, sum: &Sum) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut totals = format!(
            "{} to targets, {} to clients, {} idle, {} broken, {} without a target",
            many(sum.forwarded, "byte"),
            many(sum.bytes, "byte"),
            count(&self.idle),
            count(&self.broken),
            count(&self.refused),
        );
        if self.header_timeout.is_some() {
            totals += &format!(", {} without a header", count(&self.without_header));
        }
        totals
    }

    fn details(&self) -> Vec<String> {
        self.targets.totals()
    }
}

/// Whether the target has nothing to do with an error of connecting: this process, or this
/// machine, has not what it takes.
fn is_of_ours(error: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const EADDRNOTAVAIL: i32 = 99;
    const ENOBUFS: i32 = 105;
    error
        .raw_os_error()
        .is_some_and(|errno| [ENOMEM, ENFILE, EMFILE, EADDRNOTAVAIL, ENOBUFS].contains(&errno))
}
