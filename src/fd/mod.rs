//! Layer 5: a file descriptor whose operations park.
//!
//! [`Fd`] promises that an operation is tried, waits for readiness if it must,
//! and is tried again; that one task at a time reads, and one writes; that
//! deadlines and closing end every wait, for the socket and for the lock; and that
//! the number of a descriptor is not freed while anybody may still use it.
//!
//! It is the same for tasks and for plain threads.

mod accept;
mod ancillary;
mod busy;
mod cancelled;
mod cause;
mod closed;
mod conduit;
mod connect;
mod course;
mod datagram;
mod duplex;
mod endpoint;
mod halves;
mod handle;
mod linger;
mod linux;
mod methods;
mod pipe;
mod read;
mod ready;
mod source;
mod stream;
mod transfer;
mod unlink;
mod write;
mod zerocopy;

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use accept::{Listening, next_incoming};
pub use cancelled::Cancelled;
pub(crate) use cause::{again, is_caused_by};
pub use closed::Closed;
pub(crate) use connect::connect_timeout;
pub(crate) use course::{Count, Course};
pub use duplex::Duplex;
pub(crate) use endpoint::{End, Endpoint, Ends, Sends, announce_end};
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, Split, WriteHalf};
pub(crate) use halves::{Parts, announce_halves, into_split, split};
pub(crate) use handle::Socket;
pub(crate) use linux::Sealed;
pub use linux::TcpStreamExt;
pub(crate) use methods::{
    conversions, halves, listener_methods, socket_methods, stream_io, transfer_methods,
};
pub(crate) use pipe::Pipe;
pub(crate) use read::ShortRead;
pub(crate) use source::{Known, Source, announce};
pub(crate) use transfer::Transfer;

use zerocopy::ZeroCopy;

use crate::poll::{Registration, Stop, Timeout, Way};
use crate::sys::socket::{self, Errno, options};
use crate::task::{self, Lock, Outcome, Reason, Time};

/// See the [module](self). In the order in which a task that comes back needs it: see
/// `Descriptor::wait`.
#[repr(C)]
pub(crate) struct Fd {
    registration: Registration,
    /// There is none only while the rest is dropped after it was given away.
    fd: Option<OwnedFd>,
    /// The error that ended a write which had written something; the next one
    /// reports it. Zero for none.
    deferred: AtomicI32,
    read_lock: Lock,
    write_lock: Lock,
    /// How long one operation may wait, in nanoseconds; zero for as long as it takes.
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
    /// Whether the user asked for operations that never wait.
    nonblocking: AtomicBool,
    /// Whether somebody else may have the open file as well, and with it its mode.
    shared: AtomicBool,
    /// What there is once the user asked to send from their own memory.
    zerocopy: OnceLock<Box<ZeroCopy>>,
    /// What a socket has that accepts.
    listening: Option<Box<Listening>>,
}

impl Fd {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self::with(fd, None)
    }

    fn with(fd: OwnedFd, listening: Option<Box<Listening>>) -> Self {
        Self {
            fd: Some(fd),
            registration: Registration::new(),
            read_lock: Lock::new(),
            write_lock: Lock::new(),
            read_timeout: AtomicU64::new(0),
            write_timeout: AtomicU64::new(0),
            deferred: AtomicI32::new(0),
            nonblocking: AtomicBool::new(false),
            shared: AtomicBool::new(false),
            zerocopy: OnceLock::new(),
            listening,
        }
    }

    /// The descriptor without what is around it. Nobody waits on it: they would
    /// share this.
    pub(crate) fn into_owned(mut self) -> OwnedFd {
        self.registration.deregister(self.as_fd());
        if let Some(duplicate) = self.before_replacing() {
            self.leave_memory(duplicate, false);
        }
        self.fd.take().expect(GIVEN_AWAY)
    }

    fn lock_of(&self, way: Way) -> &Lock {
        match way {
            Way::Read => &self.read_lock,
            Way::Write => &self.write_lock,
        }
    }

    fn timeout_of(&self, way: Way) -> &AtomicU64 {
        match way {
            Way::Read => &self.read_timeout,
            Way::Write => &self.write_timeout,
        }
    }

    /// How long one operation may wait.
    pub(crate) fn timeout(&self, way: Way) -> Option<Duration> {
        let nanoseconds = self.timeout_of(way).load(Ordering::Relaxed);
        (nanoseconds != 0).then(|| Duration::from_nanos(nanoseconds))
    }

    /// Sets how long one operation may wait.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for zero, as in std.
    pub(crate) fn set_timeout(&self, way: Way, timeout: Option<Duration>) -> io::Result<()> {
        let nanoseconds = match timeout {
            None => 0,
            Some(Duration::ZERO) => return Err(zero_timeout()),
            Some(timeout) => u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
        };
        self.timeout_of(way).store(nanoseconds, Ordering::Relaxed);
        Ok(())
    }

    /// Sets when operations of one direction fail, those that wait already included.
    pub(crate) fn set_deadline(&self, way: Way, deadline: Time) {
        self.registration.set_deadline(way, deadline);
        // Who waits for the lock goes by the same deadline.
        self.lock_of(way).rouse();
    }

    /// Sets whether operations return instead of waiting: here, and in the kernel for
    /// those who go by the file's mode, except where we need that ourselves.
    pub(crate) fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        let fd = self.open()?;
        // In this order: see `without_waiting`.
        self.nonblocking.store(on, Ordering::SeqCst);
        match &self.listening {
            None => options::set_nonblocking(fd, on),
            Some(listening) => listening.set_nonblocking(fd, on),
        }
    }

    /// The descriptor, for a call that does not wait; an error if it was closed.
    pub(crate) fn open(&self) -> io::Result<BorrowedFd<'_>> {
        if self.is_closed() {
            return Err(Closed::error());
        }
        Ok(self.as_fd())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.registration.direction(Way::Read).is_closed()
    }

    /// Closes the descriptor for all who share it. Who waits is woken, later
    /// operations fail. The peer sees the end at once; the number stays taken until
    /// the last who shares it lets go, so that it cannot come to mean something
    /// else to one who still holds it.
    pub(crate) fn close(&self) {
        self.unlink();
        self.registration.direction(Way::Read).close();
        self.registration.direction(Way::Write).close();
        self.registration.deregister(self.as_fd());
        let duplicate = self.before_replacing();
        let replaced = dead().is_some_and(|dead| socket::replace(self.as_fd(), dead).is_ok());
        if replaced {
            // Without a duplicate the first such send came in between, if there was any.
            let duplicate = duplicate.unwrap_or_else(|| Err(Closed::error()));
            self.leave_memory(duplicate, true);
        } else {
            // No descriptor to spare. This ends the connection as well; the number
            // then refers to the dead socket itself.
            let _ = socket::shutdown(self.as_fd(), Shutdown::Both);
        }
        self.read_lock.rouse();
        self.write_lock.rouse();
    }

    /// Takes the lock of a direction: one task at a time.
    fn lock<'a>(&'a self, way: Way, timeout: &mut Timeout) -> Result<Locked<'a>, Stop> {
        let lock = self.lock_of(way);
        if !lock.try_lock() {
            if self.is_nonblocking() {
                return Err(Stop::Timeout);
            }
            self.lock_slow(way, timeout)?;
        }
        Ok(Locked(lock))
    }

    #[cold]
    fn lock_slow(&self, way: Way, timeout: &mut Timeout) -> Result<(), Stop> {
        let lock = self.lock_of(way);
        loop {
            let waited = lock.wait(Reason::Turn, || {
                self.check(way)
                    .map(|()| self.registration.deadline(way).min(timeout.at()))
            })?;
            match waited {
                None => return Ok(()),
                Some(Outcome::Cancelled) => return Err(Stop::Cancelled),
                Some(_) => {}
            }
            self.registration.expired(way, timeout)?;
        }
    }

    /// Whether operations of a direction fail before they are tried.
    #[inline]
    fn check(&self, way: Way) -> Result<(), Stop> {
        if self.registration.direction(way).is_closed() {
            return Err(Stop::Closed);
        }
        if self.registration.deadline(way).is_past() {
            return Err(Stop::Deadline);
        }
        Ok(())
    }

    /// Counts an operation, after which the task gives way if there were many. Not in
    /// non-blocking mode: who asked for that may hold a lock that other tasks take.
    #[inline]
    fn spend(&self) {
        if !self.is_nonblocking() {
            task::spend();
        }
    }

    /// Waits until a direction is ready, or may be.
    fn wait(&self, way: Way, timeout: &mut Timeout) -> Result<(), Stop> {
        self.reap();
        let beside = std::ptr::from_ref(self).addr();
        self.registration.wait(self.as_fd(), way, timeout, beside)
    }

    /// Says that an operation is worth trying, whatever was known before.
    pub(crate) fn try_again(&self, way: Way) {
        self.registration.direction(way).set_ready(false);
    }

    fn is_nonblocking(&self) -> bool {
        self.nonblocking.load(Ordering::Relaxed)
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        if let Some(fd) = &self.fd {
            self.unlink();
            self.registration.deregister(fd.as_fd());
            self.drop_zerocopy();
        }
    }
}

impl AsFd for Fd {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect(GIVEN_AWAY).as_fd()
    }
}

const GIVEN_AWAY: &str = "who gives a descriptor away has no use for it";

/// The lock of a direction, held.
struct Locked<'a>(&'a Lock);

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// Why a wait ended, as users see it: a deadline is `TimedOut`, as in Go; the
/// timeout of std's `set_read_timeout` is `WouldBlock`, as in std.
fn error_of(stop: Stop) -> io::Error {
    match stop {
        Stop::Deadline => io::Error::from(io::ErrorKind::TimedOut),
        Stop::Timeout => would_block(),
        Stop::Closed => Closed::error(),
        Stop::Cancelled => Cancelled::error(),
        Stop::Error(error) => error,
    }
}

/// What std reports of an operation that would have to wait, or waited for too long.
fn would_block() -> io::Error {
    Errno::AGAIN.into()
}

/// What std says of a timeout that no operation could meet.
fn zero_timeout() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "cannot set a 0 duration timeout",
    )
}

/// What a closed descriptor's number stands for until it is freed. One for the
/// whole process, made when it is first needed.
fn dead() -> Option<BorrowedFd<'static>> {
    static DEAD: OnceLock<OwnedFd> = OnceLock::new();
    if DEAD.get().is_none() {
        let _ = DEAD.set(socket::dead().ok()?);
    }
    DEAD.get().map(AsFd::as_fd)
}
