//! Copying both ways, with what is known of it meanwhile.
//!
//! ```text
//!            there: a task of its own
//!        a ---------------------------> b
//!        a <--------------------------- b
//!            back: the calling task
//! ```
//!
//! Both note when they have moved something. Each bounds its waits by the idle timeout; one
//! whose wait was too long looks when the other has moved something, and waits for what is
//! left. So moving costs a look at the clock, and idleness is noticed when it comes, not at
//! the next of some regular moments.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::Shutdown;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{error, fmt};

use super::copy::follow;
use crate::fd::{Course, Duplex, is_caused_by};
use crate::poll::Way;
use crate::task::Time;
use crate::thread;

/// Copies both ways between two connections, as
/// [`copy_bidirectional`](super::copy_bidirectional) does, and says what it has moved: while
/// it runs, and also when it has failed.
///
/// # Examples
///
/// A proxy's task, which ends when nothing was said for a minute:
///
/// ```
/// use netpoll::io::{Idle, Relay};
/// use netpoll::os::unix::net::UnixStream;
/// use std::io::Write;
/// use std::time::Duration;
///
/// let (mut client, accepted) = UnixStream::pair()?;
/// let (dialed, server) = UnixStream::pair()?;
/// client.write_all(b"hello")?;
///
/// # let minute = Duration::from_millis(20);
/// # #[cfg(any())]
/// let minute = Duration::from_secs(60);
/// let relay = Relay::new().idle_timeout(minute);
/// let error = relay.run(&accepted, &dialed).unwrap_err();
/// assert!(Idle::is_cause_of(&error));
/// assert_eq!(relay.moved(), (5, 0));
/// # drop(server);
/// # std::io::Result::Ok(())
/// ```
#[derive(Default)]
#[must_use = "a relay does nothing before it runs"]
pub struct Relay<'a> {
    idle_timeout: Option<Duration>,
    inspect: Option<&'a (dyn Fn(u64, u64) + Sync)>,
    there: AtomicU64,
    back: AtomicU64,
}

impl<'a> Relay<'a> {
    /// One without an idle timeout, that has moved nothing yet.
    pub const fn new() -> Self {
        Self {
            idle_timeout: None,
            inspect: None,
            there: AtomicU64::new(0),
            back: AtomicU64::new(0),
        }
    }

    /// Ends runs in which nothing was moved, either way, for this long. A connection that
    /// one way keeps busy is not idle, however long the other way waits.
    ///
    /// Runs use the read and write timeouts of both connections for it, and leave them set.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Calls this each time some bytes were moved: with how many went from `a` to `b`, and
    /// how many from `b` to `a`, one of which is zero. It is called by the tasks that copy,
    /// perhaps by both at once, and holds them up.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::io::{self, Relay};
    /// use netpoll::net;
    /// use netpoll::net::Shutdown;
    /// use netpoll::thread;
    /// use std::io::Write;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// static TOTAL: AtomicU64 = AtomicU64::new(0);
    ///
    /// let ((mut client, a), (b, server)) = (net::pipe(), net::pipe());
    /// let proxy = thread::spawn(move || {
    ///     let count = |there, back| _ = TOTAL.fetch_add(there + back, Ordering::Relaxed);
    ///     Relay::new().inspect(&count).run(&a, &b)
    /// });
    /// thread::spawn(move || {
    ///     io::copy(&mut &server, &mut &server)?;
    ///     server.shutdown(Shutdown::Write)
    /// });
    /// thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         (&client).write_all(b"there and back")?;
    ///         client.shutdown(Shutdown::Write)
    ///     });
    ///     io::read_to_string(&client)
    /// })?;
    /// proxy.join().unwrap()?;
    /// assert_eq!(TOTAL.load(Ordering::Relaxed), 28);
    /// # std::io::Result::Ok(())
    /// ```
    pub const fn inspect(mut self, inspect: &'a (dyn Fn(u64, u64) + Sync)) -> Self {
        self.inspect = Some(inspect);
        self
    }

    /// How many bytes were moved so far, by all runs: from `a` to `b`, and from `b` to `a`.
    /// What was read and could not be written does not count. Any task may ask, at any time;
    /// does not wait.
    #[must_use]
    pub fn moved(&self) -> (u64, u64) {
        let count = |way: &AtomicU64| way.load(Ordering::Relaxed);
        (count(&self.there), count(&self.back))
    }

    /// Copies both ways until both have ended; returns how many bytes this run has moved from
    /// `a` to `b`, and from `b` to `a`. See
    /// [`copy_bidirectional`](super::copy_bidirectional).
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// Those of [`copy_bidirectional`](super::copy_bidirectional). `TimedOut`, with [`Idle`],
    /// after the idle timeout; with one, also `InvalidInput` if it is zero, and `Unsupported`
    /// for connections that have no timeouts, as those of
    /// [`net::pipe`](crate::net::pipe).
    pub fn run<A, B>(&self, a: &A, b: &B) -> Result<(u64, u64)>
    where
        A: Duplex + Sync,
        B: Duplex + Sync,
        for<'x> &'x A: Read + Write,
        for<'y> &'y B: Read + Write,
    {
        if let Some(timeout) = self.idle_timeout {
            bound(a, timeout)?;
            bound(b, timeout)?;
        }
        let run = Run {
            relay: self,
            moved_at: AtomicU64::new(Time::now().to_bits()),
            failure: Mutex::new(None),
        };
        let counts = thread::scope(|scope| {
            let there = thread::Builder::new().spawn_scoped(scope, || run.one_way(a, b, There))?;
            let back = run.one_way(b, a, Back);
            let there = there.join().unwrap_or_else(|panic| resume_unwind(panic));
            Ok::<_, Error>((there, back))
        })?;
        let failure = run.failure.into_inner();
        match failure.unwrap_or_else(PoisonError::into_inner) {
            None => Ok(counts),
            Some(error) => {
                a.abort();
                b.abort();
                Err(error)
            }
        }
    }
}

impl fmt::Debug for Relay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("idle_timeout", &self.idle_timeout)
            .field("moved", &self.moved())
            .finish_non_exhaustive()
    }
}

fn bound(connection: &impl Duplex, timeout: Duration) -> Result<()> {
    connection.set_read_timeout(Some(timeout))?;
    connection.set_write_timeout(Some(timeout))
}

#[derive(Clone, Copy)]
enum Direction {
    There,
    Back,
}
use Direction::{Back, There};

/// What both ways of a run share.
struct Run<'a> {
    relay: &'a Relay<'a>,
    /// When either way has moved something, as [`Time::to_bits`].
    moved_at: AtomicU64,
    /// The first error of either way.
    failure: Mutex<Option<Error>>,
}

impl Run<'_> {
    /// Copies one way; returns how many bytes that were.
    fn one_way<A, B>(&self, from: &A, to: &B, direction: Direction) -> u64
    where
        A: Duplex,
        B: Duplex,
        for<'a> &'a A: Read,
        for<'b> &'b B: Write,
    {
        let end = End(Some((from, to)));
        let mut way = OneWay {
            run: self,
            from,
            to,
            direction,
            count: 0,
            failed: Way::Read,
            waits: self.relay.idle_timeout.map(Waits::new),
        };
        match follow(&mut &*from, &mut &*to, &mut way) {
            // What has failed must not look like an end.
            Ok(()) if self.has_failed() => end.of_this_way(),
            Ok(()) => end.well(),
            Err(_) if way.waits.as_ref().is_some_and(|waits| waits.were_idle) => {
                self.fail(Error::new(ErrorKind::TimedOut, Idle));
            }
            Err(error) => {
                let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
                let is_gone = way.failed == Way::Write && gone.contains(&error.kind());
                // First, so that the way back knows that its end is none.
                self.fail(error);
                if is_gone {
                    end.of_this_way();
                }
            }
        }
        way.count
    }

    fn fail(&self, error: Error) {
        self.failure().get_or_insert(error);
    }

    fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long nothing was moved.
    fn idle(&self, now: Time) -> Duration {
        now.since(Time::from_bits(self.moved_at.load(Ordering::Relaxed)))
    }
}

/// One way, under way.
struct OneWay<'a, A, B> {
    run: &'a Run<'a>,
    from: &'a A,
    to: &'a B,
    direction: Direction,
    count: u64,
    /// Which side has failed last.
    failed: Way,
    /// With an idle timeout.
    waits: Option<Waits>,
}

/// The waits of one way.
struct Waits {
    timeout: Duration,
    /// When the present wait began, or before that.
    began: Time,
    /// How long it may take.
    bound: Duration,
    /// Whether the last one ended because nothing was moved for long enough.
    were_idle: bool,
}

impl Waits {
    fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            began: Time::now(),
            bound: timeout,
            were_idle: false,
        }
    }
}

impl<A: Duplex, B: Duplex> OneWay<'_, A, B> {
    /// Bounds the waits of this way; the other way does not use these bounds.
    fn bound(&self, timeout: Duration) {
        // They were taken before.
        let _ = self.from.set_read_timeout(Some(timeout));
        let _ = self.to.set_write_timeout(Some(timeout));
    }
}

impl<A: Duplex, B: Duplex> Course for OneWay<'_, A, B> {
    fn moved(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        self.count += bytes;
        let (counter, moved) = match self.direction {
            There => (&self.run.relay.there, (bytes, 0)),
            Back => (&self.run.relay.back, (0, bytes)),
        };
        counter.fetch_add(bytes, Ordering::Relaxed);
        if let Some(inspect) = self.run.relay.inspect {
            inspect(moved.0, moved.1);
        }
        if let Some(waits) = &mut self.waits {
            let now = Time::now();
            self.run.moved_at.store(now.to_bits(), Ordering::Relaxed);
            waits.began = now;
            if waits.bound != waits.timeout {
                waits.bound = waits.timeout;
                let timeout = waits.timeout;
                self.bound(timeout);
            }
        }
    }

    fn goes_on(&mut self, way: Way, error: &Error) -> bool {
        self.failed = way;
        let Some(waits) = &mut self.waits else {
            return false;
        };
        let now = Time::now();
        // One that came too early is of a connection that does not wait at all.
        if error.kind() != ErrorKind::WouldBlock || now.since(waits.began) < waits.bound {
            return false;
        }
        let left = waits.timeout.saturating_sub(self.run.idle(now));
        if left.is_zero() {
            waits.were_idle = true;
            return false;
        }
        waits.began = now;
        waits.bound = left;
        self.bound(left);
        true
    }

    fn write_all<W: ?Sized + Write>(&mut self, writer: &mut W, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match writer.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.moved(n);
                    bytes = &bytes[n..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.goes_on(Way::Write, &error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Ends both connections, if the copying ends by an error, or a panic.
struct End<'a, A: Duplex, B: Duplex>(Option<(&'a A, &'a B)>);

impl<A: Duplex, B: Duplex> End<'_, A, B> {
    /// Passes the end on.
    fn well(mut self) {
        if let Some((_, to)) = self.0.take() {
            // If it is gone, the way back finds out why.
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    /// Ends this way alone. The other one finds out as well, once it has passed on what there
    /// is.
    fn of_this_way(mut self) {
        if let Some((from, _)) = self.0.take() {
            let _ = from.shutdown(Shutdown::Read);
        }
    }
}

impl<A: Duplex, B: Duplex> Drop for End<'_, A, B> {
    fn drop(&mut self) {
        if let Some((from, to)) = self.0.take() {
            from.abort();
            to.abort();
        }
    }
}

/// The cause of an [`io::Error`](Error) from a [`Relay`] in which nothing was moved for the
/// idle timeout.
///
/// The error's kind is [`TimedOut`](ErrorKind::TimedOut).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Idle;

impl Idle {
    /// Whether an error says that nothing was moved for the idle timeout.
    #[must_use]
    pub fn is_cause_of(error: &Error) -> bool {
        is_caused_by::<Idle>(error)
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was moved for the idle timeout")
    }
}

impl error::Error for Idle {}
