//! One connection: a task that writes requests, and one that reads what comes back.
//!
//! They are two, so that neither ever holds up the other: requests of any size go out
//! while answers come in, whatever the server makes of them. Both run on the same
//! worker (see [`super::crew`]); what they share is the [`Window`].
//!
//! The end, in order:
//!
//! 1. The writer finds that the load is over, and shuts down the writing direction.
//! 2. The server answers what is outstanding, reads to the end, and closes.
//! 3. The reader reads to the end. What is missing then was lost.
//!
//! The reader ends the connection, and alone says what was wrong with it: when the
//! writer fails, the connection is broken, and the reader finds out how.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use netpoll::net::TcpStream;
use netpoll::thread::{self, Thread};

use super::Load;
use super::fault::{Fault, Kind};
use super::pacer::Pacer;
use super::pattern::{Damage, Pattern};
use super::tally::Tally;
use super::window::{Flight, Window};
use crate::buffers::{self, Buffer};

/// A buffer for reading has this much at least, and what is read at once is at most
/// what a buffer of the pool has.
const READ_LEAST: usize = 512;

/// See the [module](self).
pub(super) struct Connection {
    load: Arc<Load>,
    tally: Arc<Tally>,
    /// By which it is named.
    number: usize,
    /// By which its bytes are told from those of others.
    pattern: Pattern,
    stream: TcpStream,
    window: Window,
    /// In an open loop.
    pacer: Option<Pacer>,
    writer: OnceLock<Thread>,
    /// Whether the writer has sent all, and said so to the server.
    finished: AtomicBool,
    /// Why the writer could not go on.
    broken: OnceLock<io::Error>,
    /// Whether the reader is through.
    ended: AtomicBool,
}

impl Connection {
    pub(super) fn new(
        load: &Arc<Load>,
        tally: &Arc<Tally>,
        number: usize,
        stream: TcpStream,
        pacer: Option<Pacer>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(load.plan.timeout))?;
        Ok(Self {
            load: Arc::clone(load),
            tally: Arc::clone(tally),
            number,
            pattern: Pattern::of(number, load.plan.framed.then_some(load.plan.size)),
            stream,
            window: Window::new(load.plan.in_flight as usize),
            pacer,
            writer: OnceLock::new(),
            finished: AtomicBool::new(false),
            broken: OnceLock::new(),
            ended: AtomicBool::new(false),
        })
    }

    /// Makes the writer look at the course of things. For tasks of the same worker: in
    /// between two threads, it might just miss a writer that starts at the moment.
    fn rouse(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// Lets the connection go on until then at most.
    pub(super) fn set_deadline(&self, deadline: Instant) {
        // A stream never refuses a deadline.
        let _ = self.stream.set_deadline(Some(deadline));
    }

    /// The writing task.
    pub(super) fn write(&self) {
        let _ = self.writer.set(thread::current());
        while !self.load.course.has_begun() {
            thread::park();
        }
        match self.write_requests() {
            Ok(()) => self.finished.store(true, Ordering::Release),
            Err(error) => drop(self.broken.set(error)),
        }
        // Fails when the connection is gone; the reader says how.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn write_requests(&self) -> io::Result<()> {
        let unit = self.load.plan.unit();
        let mut begun = 0;
        while let Some(count) = self.begin(begun) {
            let mut offset = begun * unit;
            begun += count;
            let mut buffer = Buffer::take();
            while offset < begun * unit {
                let length = buffers::SIZE.min((begun * unit - offset) as usize);
                self.pattern.fill(offset, &mut buffer[..length]);
                (&self.stream).write_all(&buffer[..length])?;
                offset += length as u64;
            }
        }
        Ok(())
    }

    /// Waits until requests are due and there is room for them, and begins as many as
    /// go into a buffer; `None` if there shall be no more.
    fn begin(&self, begun: u64) -> Option<u64> {
        let course = &self.load.course;
        let most = (buffers::SIZE / self.load.plan.unit() as usize).max(1);
        loop {
            let now = course.now();
            if self.ended.load(Ordering::Acquire) {
                return None;
            }
            if course.is_over(now) {
                self.count_behind(begun, now);
                return None;
            }
            let room = self.window.room().min(most) as u64;
            if room == 0 {
                thread::park();
                continue;
            }
            let due = |request| self.pacer.map_or(now, |pacer| pacer.due(request));
            let ready = (begun..begun + room)
                .take_while(|request| due(*request) <= now)
                .count() as u64;
            if ready == 0 {
                thread::park_timeout(Duration::from_nanos(due(begun) - now));
                continue;
            }
            let unmeasured = (begun..begun + ready)
                .take_while(|request| !course.measures(due(*request)))
                .count() as u64;
            let measured = match ready - unmeasured {
                0 => 0,
                wanted => course.take_tickets(wanted),
            };
            let count = unmeasured + measured;
            if count == 0 {
                return None;
            }
            self.tally.count_sent(measured);
            self.window
                .begin((begun..begun + count).map(|request| Flight {
                    due: due(request),
                    sent: now,
                }));
            return Some(count);
        }
    }

    /// Counts the requests that were due, and for which it is too late.
    fn count_behind(&self, begun: u64, now: u64) {
        if let Some(pacer) = self.pacer {
            let end = self.load.course.end().unwrap_or(now).min(now);
            let measured_from = pacer.due_before(self.load.course.warm_up());
            let behind = pacer
                .due_before(end)
                .saturating_sub(begun.max(measured_from));
            self.tally.count_behind(behind);
        }
    }

    /// The reading task.
    pub(super) fn read(&self) {
        let _leaving = Leaving(self);
        if let Err(fault) = self.read_answers() {
            self.load.faults.note(fault);
            // The writer may wait for the socket.
            self.stream.close();
        }
    }

    fn read_answers(&self) -> Result<(), Fault> {
        let unit = self.load.plan.unit();
        let most = unit.saturating_mul(self.load.plan.in_flight.into());
        let length = (most.min(buffers::SIZE as u64) as usize).max(READ_LEAST);
        let mut buffer = vec![0; length];
        let mut received = 0;
        loop {
            match (&self.stream).read(&mut buffer) {
                Ok(0) => return self.check_end(received),
                Ok(length) => {
                    self.check(received, &buffer[..length])?;
                    received += length as u64;
                    self.tally.count_bytes(length as u64);
                    self.count_answers(received / unit);
                }
                Err(error) if is_silence(&error) => match self.window.oldest() {
                    Some(flight) if self.is_late(flight) => {
                        return Err(self.unanswered(received));
                    }
                    // All was answered; it is the server that does not close.
                    None if self.finished.load(Ordering::Acquire) => return Ok(()),
                    _ => {}
                },
                Err(error) if is_deadline(&error) => {
                    return match self.window.oldest() {
                        Some(_) => Err(self.unanswered(received)),
                        None => Ok(()),
                    };
                }
                Err(error) => return Err(self.failed(&error, received)),
            }
        }
    }

    /// Whether an answer has taken too long. While there was nothing to answer, it
    /// was right that nothing came.
    fn is_late(&self, flight: Flight) -> bool {
        let waited = self.load.course.now().saturating_sub(flight.sent);
        Duration::from_nanos(waited) >= self.load.plan.timeout
    }

    /// Ends the requests that are answered by now.
    fn count_answers(&self, answered: u64) {
        let course = &self.load.course;
        let now = course.now();
        let mut latencies = None;
        let ended = self.window.end(answered, |flight| {
            if course.measures(flight.due) {
                latencies
                    .get_or_insert_with(|| self.tally.latencies(now))
                    .record(now - flight.due);
            }
        });
        drop(latencies);
        if ended > 0 {
            self.tally.count_answered(ended as u64);
            self.rouse();
        }
    }

    /// Whether these are the bytes that have to come at this place.
    fn check(&self, received: u64, bytes: &[u8]) -> Result<(), Fault> {
        let sent = self.window.begun() * self.load.plan.unit();
        let (due, surplus) = bytes.split_at(bytes.len().min((sent - received) as usize));
        let damage = |offset, wrong| {
            let connections = self.load.plan.connections as usize;
            Damage::of(self.pattern, connections, offset, wrong)
        };
        if let Some(place) = self.pattern.mismatch(received, due) {
            let offset = received + place as u64;
            let damage = damage(offset, &bytes[place..]);
            return Err(self.wrong(format!("byte {offset} is not the one sent: {damage}")));
        }
        if !surplus.is_empty() {
            let damage = damage(sent, surplus);
            return Err(self.wrong(format!(
                "more came back than the {sent} bytes sent: {damage}"
            )));
        }
        Ok(())
    }

    /// Whether it may end here.
    fn check_end(&self, received: u64) -> Result<(), Fault> {
        let missing = self.window.begun() * self.load.plan.unit() - received;
        match self.broken.get() {
            Some(error) => return Err(self.failed(error, received)),
            None if !self.finished.load(Ordering::Acquire) => {}
            None if missing == 0 => return Ok(()),
            None => {
                let sent = received + missing;
                return Err(self.wrong(format!("{missing} of {sent} bytes never came back")));
            }
        }
        Err(self.fault(
            Kind::ClosedEarly,
            format!("after {received} bytes, {missing} of those sent still missing"),
        ))
    }

    fn unanswered(&self, received: u64) -> Fault {
        let seconds = self.load.plan.timeout.as_secs_f64();
        self.fault(
            Kind::Unanswered,
            format!("after {received} bytes, none within {seconds} s"),
        )
    }

    fn failed(&self, error: &io::Error, received: u64) -> Fault {
        self.fault(
            Kind::of_talking(error),
            format!("after {received} bytes: {error}"),
        )
    }

    fn wrong(&self, what: String) -> Fault {
        self.fault(Kind::WrongBytes, what)
    }

    fn fault(&self, kind: Kind, what: impl AsRef<str>) -> Fault {
        Fault {
            kind,
            detail: format!("connection {}: {}", self.number, what.as_ref()),
        }
    }
}

/// The end of the reader, also if it panics: nobody shall wait for it for ever.
struct Leaving<'a>(&'a Connection);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        // The writer may wait for room.
        self.0.rouse();
        self.0.load.course.leave();
    }
}

/// Whether nothing came within the timeout of one read.
fn is_silence(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// Whether the time for the last answers is over.
fn is_deadline(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut && error.raw_os_error().is_none()
}
