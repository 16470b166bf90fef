//! What others have of a connection.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::remote::{Command, Remote, lock};
use super::slot::Key;
use crate::buf::{COPIED, LinkBuffer};
use crate::fd::{Cancelled, Closed};
use crate::task::{Outcome, Reason, Time, Wait, WaitList};

/// What a loop and the handles of one connection share.
pub(super) struct Shared {
    pub(super) place: Mutex<Place>,
    pub(super) inbox: Mutex<Inbox>,
    pub(super) active: AtomicBool,
    /// What is in the inbox, in bytes.
    pub(super) queued: AtomicUsize,
    /// What the loop has taken from there, or from the handler, and not sent.
    pub(super) unsent: AtomicUsize,
    /// Those who wait for less of both.
    pub(super) waiters: Mutex<WaitList>,
}

/// Where a connection is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) remote: Arc<Remote>,
    pub(super) key: Key,
}

/// A socket that was taken away from its loop, and what was received and not read.
pub(super) type Detached = (OwnedFd, LinkBuffer);

/// What handles want of a connection.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) output: LinkBuffer,
    pub(super) close: bool,
    /// Somebody waits for the socket.
    pub(super) detach: bool,
    pub(super) detached: Option<io::Result<Detached>>,
    pub(super) pause: Option<bool>,
    /// The loop knows of it.
    pub(super) noted: bool,
}

impl Shared {
    pub(super) fn new(remote: &Arc<Remote>, key: Key) -> Arc<Self> {
        Arc::new(Self {
            place: Mutex::new(Place {
                remote: Arc::clone(remote),
                key,
            }),
            inbox: Mutex::default(),
            active: AtomicBool::new(true),
            queued: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            waiters: Mutex::default(),
        })
    }

    /// Wakes those who wait to write, for they may, or need not any more.
    pub(super) fn wake_writers(&self) {
        lock(&self.waiters).wake_all(Outcome::Woken);
    }

    /// Nothing can be written any more.
    pub(super) fn end(&self) {
        self.active.store(false, Ordering::Release);
        self.wake_writers();
    }

    /// The connection is gone, or belongs to who asked for it. Gives back what nobody
    /// asked for.
    pub(super) fn finish(&self, detached: io::Result<Detached>) -> Option<Detached> {
        let mut inbox = lock(&self.inbox);
        let refused = if inbox.detach && inbox.detached.is_none() {
            inbox.detached = Some(detached);
            None
        } else {
            detached.ok()
        };
        drop(inbox);
        self.end();
        refused
    }
}

/// A handle of a connection of an event loop, for everybody else: other tasks, other
/// threads, other connections' handlers.
///
/// It does not keep the connection open. Made by [`Connection::handle`](super::Connection::handle).
///
/// # Examples
///
/// ```
/// use netpoll::event::{Connection, EventLoop, Next};
/// use netpoll::net::{TcpListener, TcpStream};
/// use netpoll::thread;
/// use std::io::Read;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let server = EventLoop::new(|connection: &mut Connection| {
///     let handle = connection.handle();
///     connection.reader().skip(connection.reader().len())?;
///     thread::spawn(move || {
///         // When it is done with something that takes long:
///         handle.write("done")?;
///         handle.close();
///         std::io::Result::Ok(())
///     });
///     Ok(Next::Again)
/// });
/// thread::spawn({ let server = server.clone(); move || server.serve(listener) });
///
/// let mut client = TcpStream::connect(address)?;
/// std::io::Write::write_all(&mut client, b"do it")?;
/// let mut reply = String::new();
/// client.read_to_string(&mut reply)?;
/// assert_eq!(reply, "done");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct ConnectionHandle {
    pub(super) shared: Arc<Shared>,
}

impl ConnectionHandle {
    /// Sends bytes, as one piece: what others write comes before or behind them. They go
    /// behind what was written before, and are sent by the connection's worker.
    ///
    /// Waits while more waits to be sent than the [high
    /// mark](super::Options::output_marks): parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`]: the connection has ended, or is about to. That
    /// there is no error does not mean that the peer gets it.
    #[doc(alias = "Write")]
    #[doc(alias = "AsyncWrite")]
    pub fn write(&self, bytes: impl Into<Bytes>) -> io::Result<()> {
        let mut bytes = bytes.into();
        loop {
            match self.offer(bytes) {
                Ok(()) => return Ok(()),
                Err((error, _)) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err((_, back)) => bytes = back,
            }
            let low = lock(&self.shared.place).remote.options.low_mark;
            self.wait_until(|| self.unsent() <= low || !self.is_active())?;
        }
    }

    /// The same, but does not wait.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); `WouldBlock` where that would wait.
    pub fn try_write(&self, bytes: impl Into<Bytes>) -> io::Result<()> {
        self.offer(bytes.into()).map_err(|(error, _)| error)
    }

    fn offer(&self, bytes: Bytes) -> Result<(), (io::Error, Bytes)> {
        let mut inbox = lock(&self.shared.inbox);
        if inbox.close || inbox.detach || !self.is_active() {
            return Err((Closed::error(), bytes));
        }
        if self.unsent() > self.high_mark() {
            return Err((io::ErrorKind::WouldBlock.into(), bytes));
        }
        self.shared.queued.fetch_add(bytes.len(), Ordering::SeqCst);
        if bytes.len() < COPIED {
            inbox.output.write_binary(&bytes);
        } else {
            inbox.output.write_direct(bytes);
        }
        let is_noted = std::mem::replace(&mut inbox.noted, true);
        drop(inbox);
        if !is_noted {
            self.note();
        }
        Ok(())
    }

    fn high_mark(&self) -> usize {
        lock(&self.shared.place).remote.options.high_mark
    }

    fn wait_until(&self, is_so: impl Fn() -> bool) -> io::Result<()> {
        loop {
            let wait = {
                let mut waiters = lock(&self.shared.waiters);
                if is_so() {
                    return Ok(());
                }
                let wait = Wait::begin(Reason::Events);
                waiters.push(wait.waker());
                wait
            };
            let waker = wait.waker();
            let outcome = wait.park(Time::NEVER);
            lock(&self.shared.waiters).remove(waker);
            if outcome == Outcome::Cancelled {
                return Err(Cancelled::error());
            }
        }
    }

    /// How many bytes were written and not sent yet: by handles, and by the handler as
    /// far as the socket did not take it.
    #[must_use]
    pub fn unsent(&self) -> usize {
        let shared = &self.shared;
        shared.queued.load(Ordering::SeqCst) + shared.unsent.load(Ordering::SeqCst)
    }

    /// Closes the connection, when what was written before has been sent, or could not be
    /// within the [time for that](super::Options::close_timeout). Its handler is not
    /// called again, except for its `disconnect`; one that runs goes on.
    ///
    /// Does not wait.
    #[doc(alias = "Close")]
    pub fn close(&self) {
        self.want(|inbox| inbox.close = true);
    }

    /// Takes the connection away from its event loop: its socket, and what was received
    /// and not read, for a task that goes on with it. The type is
    /// [`TcpStream`](crate::net::TcpStream), [`UnixStream`](crate::os::unix::net::UnixStream),
    /// or whatever can be made of a descriptor.
    ///
    /// A handler that runs comes to its end before, and one that waits to read gets an
    /// error, as if the connection were closed; then `disconnect` is called, and what was
    /// written is sent. Parks the task, or blocks the thread, until all that is done, so
    /// a handler uses [`Connection::detach`](super::Connection::detach) for its own.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`]: the connection has ended or failed, or was detached
    /// by somebody else; `TimedOut`: what was written could not be sent within the [time
    /// for that](super::Options::close_timeout), and the connection is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    ///
    /// let (server, mut client) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = event_loop.adopt(server, LinkBuffer::from(b"not enough"))?;
    /// let (mut stream, received) = handle.detach::<UnixStream>()?;
    /// assert_eq!(received.as_bytes(), b"not enough");
    /// stream.write_all(b"a task goes on")?;
    /// # client.read_exact(&mut [0; 14])?;
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Detach")]
    pub fn detach<S: From<OwnedFd>>(&self) -> io::Result<(S, LinkBuffer)> {
        if !self.want(|inbox| inbox.detach = true) {
            return Err(Closed::error());
        }
        let waited = self.wait_until(|| lock(&self.shared.inbox).detached.is_some());
        if let Err(error) = waited {
            // Then nobody gets it.
            let mut inbox = lock(&self.shared.inbox);
            (inbox.close, inbox.detach) = (true, false);
            let detached = inbox.detached.take();
            drop(inbox);
            drop(detached);
            return Err(error);
        }
        let detached = lock(&self.shared.inbox).detached.take();
        let (fd, received) = detached.unwrap_or_else(|| Err(Closed::error()))?;
        Ok((S::from(fd), received))
    }

    /// Stops receiving, until [`resume`](Self::resume). What has been received is handled,
    /// and a [shutdown](super::EventLoop::shutdown) then ends the connection, whatever its
    /// peer may have sent meanwhile.
    pub fn pause(&self) {
        self.want(|inbox| inbox.pause = Some(true));
    }

    /// Receives again.
    pub fn resume(&self) {
        self.want(|inbox| inbox.pause = Some(false));
    }

    /// Tells the loop something. Returns whether the connection stands.
    fn want(&self, what: impl FnOnce(&mut Inbox)) -> bool {
        let mut inbox = lock(&self.shared.inbox);
        if inbox.close || inbox.detach || !self.is_active() {
            return false;
        }
        what(&mut inbox);
        let is_noted = std::mem::replace(&mut inbox.noted, true);
        drop(inbox);
        if !is_noted {
            self.note();
        }
        true
    }

    fn note(&self) {
        let remote = Arc::clone(&lock(&self.shared.place).remote);
        remote.send(Command::Look(Arc::clone(&self.shared)));
    }

    /// Whether the connection stands: it was not closed, by anybody, and did not fail. A
    /// pool of connections to others asks this: the loop notices when a peer goes, also
    /// when nobody reads.
    #[doc(alias = "IsActive")]
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.shared.active.load(Ordering::Acquire)
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHandle")
            .field("is_active", &self.is_active())
            .field("unsent", &self.unsent())
            .finish_non_exhaustive()
    }
}
