//! What others have of a connection.
//!
//! | file | idea |
//! |---|---|
//! | `shared` | what a loop and the handles of one connection have in common |
//! | `write` | a handle as a [`Write`](std::io::Write) |

mod shared;
mod write;

pub(super) use shared::{Detached, Inbox, Place, Shared};

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use bytes::Bytes;

use super::remote::{Command, lock};
use crate::buf::{COPIED, LinkBuffer};
use crate::fd::Closed;
use crate::sys::fork;
use crate::task::Time;

/// A handle of a connection of an event loop, for everybody else: other tasks, other
/// threads, other connections' handlers.
///
/// It does not keep the connection open. Made by [`Connection::handle`](super::Connection::handle).
///
/// A process that was [forked](crate::mux::WriteQueue#in-a-forked-child) has handles of its
/// parent's connections: writing and detaching fail there, and the rest does nothing.
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
    /// mark](super::Options::output_marks): parks the task, or blocks the thread. What
    /// bounds that, where the peer never reads:
    ///
    /// - the [write deadline](Self::set_write_deadline) of the connection, which ends this
    ///   and leaves the connection as it is;
    /// - for one call, that of [`write_by`](Self::write_by);
    /// - the [write timeout](super::Options::write_timeout), which ends the connection.
    ///
    /// # Errors
    ///
    /// `TimedOut` after the write deadline. `NotConnected`, with [`Closed`]: the connection
    /// has ended, or is about to. [`Cancelled`](crate::io::Cancelled) in a task that has to
    /// wait and whose runtime ends. Nothing of what failed is sent. That there is no error
    /// does not mean that the peer gets it.
    ///
    /// # Examples
    ///
    /// What is written by turns arrives in order, and nothing after the end:
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{ErrorKind, Read};
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.write("hello, ")?;
    /// handle.write(vec![b'w'; 3])?;
    /// handle.close();
    /// assert_eq!(handle.write("late").unwrap_err().kind(), ErrorKind::NotConnected);
    /// let mut received = String::new();
    /// peer.read_to_string(&mut received)?;
    /// assert_eq!(received, "hello, www");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "AsyncWrite")]
    #[doc(alias = "Write")]
    pub fn write(&self, bytes: impl Into<Bytes>) -> io::Result<()> {
        self.put(bytes.into(), Time::NEVER)
    }

    /// The same, but waits until this moment at most, or until the [write
    /// deadline](Self::set_write_deadline), whichever comes first.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); `TimedOut` where it would have waited for longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::ErrorKind;
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Again));
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.write(vec![0; 8 << 20])?;
    /// let soon = Instant::now() + Duration::from_millis(10);
    /// let error = handle.write_by("one more", soon).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// assert!(handle.is_active());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn write_by(&self, bytes: impl Into<Bytes>, deadline: Instant) -> io::Result<()> {
        self.put(bytes.into(), Time::at(deadline))
    }

    /// The same, but does not wait.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); `WouldBlock` where that would wait.
    ///
    /// # Examples
    ///
    /// A broadcast, which closes who does not read:
    ///
    /// ```
    /// use netpoll::event::ConnectionHandle;
    /// use std::io::ErrorKind;
    ///
    /// fn broadcast(listeners: &mut Vec<ConnectionHandle>, news: &bytes::Bytes) {
    ///     listeners.retain(|listener| match listener.try_write(news.clone()) {
    ///         Err(error) if error.kind() == ErrorKind::WouldBlock => {
    ///             listener.close();
    ///             false
    ///         }
    ///         written => written.is_ok(),
    ///     });
    /// }
    /// # broadcast(&mut Vec::new(), &bytes::Bytes::new());
    /// ```
    pub fn try_write(&self, bytes: impl Into<Bytes>) -> io::Result<()> {
        self.offer(bytes.into()).map_err(|(error, _)| error)
    }

    fn put(&self, mut bytes: Bytes, deadline: Time) -> io::Result<()> {
        let shared = &self.shared;
        loop {
            match self.offer(bytes) {
                Ok(()) => return Ok(()),
                Err((error, _)) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err((_, back)) => bytes = back,
            }
            let low = lock(&shared.place).remote.options.low_mark;
            let may_go_on = || self.unsent() <= low || !self.is_active();
            if !shared.wait_until(may_go_on, || deadline.min(shared.write_deadline()))? {
                return Err(too_late());
            }
        }
    }

    fn offer(&self, bytes: Bytes) -> Result<(), (io::Error, Bytes)> {
        if let Err(error) = fork::refuse_child() {
            return Err((error, bytes));
        }
        if self.shared.write_deadline().is_past() {
            return Err((too_late(), bytes));
        }
        let inbox = lock(&self.shared.inbox);
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
        self.note(inbox);
        Ok(())
    }

    fn high_mark(&self) -> usize {
        lock(&self.shared.place).remote.options.high_mark
    }

    /// How many bytes were written and not sent yet: by handles, and by the handler as
    /// far as the socket did not take it.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use netpoll::thread;
    /// use std::io::Read;
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// // So much does not fit the socket.
    /// handle.write(vec![0; 8 << 20])?;
    /// assert!(handle.unsent() > 0);
    /// peer.read_exact(&mut vec![0; 8 << 20])?;
    /// while handle.unsent() > 0 {
    ///     thread::yield_now();
    /// }
    /// # std::io::Result::Ok(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Read;
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.write(vec![7; 1 << 20])?;
    /// handle.close();
    /// // It ends, and behind all that was written.
    /// assert_eq!(peer.read_to_end(&mut Vec::new())?, 1 << 20);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Close")]
    pub fn close(&self) {
        // One that has failed, too: else what still comes from its peer is handled.
        self.tell(|_| true, |inbox| inbox.close = true);
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
    /// Sending is bounded by the [time for that](super::Options::close_timeout), a handler
    /// that waits for something else is not: for a bound of one's own there is
    /// [`detach_by`](Self::detach_by).
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`]: the connection has ended or failed, or was detached
    /// by somebody else; `TimedOut`: what was written could not be sent in time, and the
    /// connection is closed. [`Cancelled`](crate::io::Cancelled) in a task whose runtime
    /// ends.
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
        self.detach_at(Time::NEVER)
    }

    /// The same, but waits until this moment at most. Then the connection is closed, when
    /// its handler has come to its end.
    ///
    /// # Errors
    ///
    /// As for [`detach`](Self::detach).
    ///
    /// # Examples
    ///
    /// A peer that does not take what was written holds nobody up for longer:
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::ErrorKind;
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.write(vec![0; 8 << 20])?;
    /// let soon = Instant::now() + Duration::from_millis(10);
    /// let error = handle.detach_by::<UnixStream>(soon).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// assert_eq!(handle.write("more").unwrap_err().kind(), ErrorKind::NotConnected);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn detach_by<S: From<OwnedFd>>(&self, deadline: Instant) -> io::Result<(S, LinkBuffer)> {
        self.detach_at(Time::at(deadline))
    }

    fn detach_at<S: From<OwnedFd>>(&self, deadline: Time) -> io::Result<(S, LinkBuffer)> {
        fork::refuse_child()?;
        if !self.want(|inbox| inbox.detach = true) {
            return Err(Closed::error());
        }
        let is_there = || lock(&self.shared.inbox).detached.is_some();
        let waited = self.shared.wait_until(is_there, || deadline);
        let detached = {
            let mut inbox = lock(&self.shared.inbox);
            if !matches!(waited, Ok(true)) {
                // Nobody gets it any more.
                (inbox.close, inbox.detach) = (true, false);
            }
            inbox.detached.take()
        };
        match detached {
            Some(detached) => detached.map(|(fd, received)| (S::from(fd), received)),
            None if waited? => Err(Closed::error()),
            None => Err(too_late()),
        }
    }

    /// Stops receiving, until [`resume`](Self::resume), except for a handler that waits to
    /// read: what that asks for is received. What has been received is handled,
    /// and a [shutdown](super::EventLoop::shutdown) then ends the connection, whatever its
    /// peer may have sent meanwhile.
    ///
    /// A peer that has gone is noticed nevertheless: a connection that was reset, or of
    /// which both directions have ended, ends at once, and what was not received by then is
    /// lost with it. Whatever a peer does that leaves in order waits until this is resumed:
    /// that it has finished sending, for it may wait for a reply; and that a Unix socket
    /// was closed, as long as there is something to receive from it.
    ///
    /// # Examples
    ///
    /// What is received goes to a queue, and nothing more is received while that is full:
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Write;
    /// use std::sync::mpsc;
    ///
    /// let (send, queue) = mpsc::channel();
    /// let event_loop = EventLoop::new(move |connection: &mut Connection| {
    ///     let all = connection.reader().read_binary(connection.reader().len())?;
    ///     let handle = connection.handle();
    ///     handle.pause();
    ///     send.send((all, handle)).map_err(std::io::Error::other)?;
    ///     Ok(Next::Again)
    /// });
    /// let (ours, mut theirs) = UnixStream::pair()?;
    /// event_loop.adopt(ours, LinkBuffer::new())?;
    /// for word in [b"one", b"two"] {
    ///     theirs.write_all(word)?;
    ///     let (received, handle) = queue.recv().unwrap();
    ///     assert_eq!(received, word);
    ///     handle.resume();
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn pause(&self) {
        self.want(|inbox| inbox.pause = Some(true));
    }

    /// Receives again.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|connection: &mut Connection| {
    ///     let received = connection.reader().slice(connection.reader().len())?;
    ///     connection.writer().append(received);
    ///     Ok(Next::Again)
    /// });
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.pause();
    /// peer.write_all(b"waits")?;
    /// handle.resume();
    /// let mut reply = [0; 5];
    /// peer.read_exact(&mut reply)?;
    /// assert_eq!(&reply, b"waits");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn resume(&self) {
        self.want(|inbox| inbox.pause = Some(false));
    }

    /// Tells the loop something. Returns whether the connection stands.
    pub(super) fn want(&self, what: impl FnOnce(&mut Inbox)) -> bool {
        self.tell(Self::is_active, what)
    }

    /// Tells the loop something, if that is of use and nobody wants the connection's end.
    fn tell(&self, is_of_use: fn(&Self) -> bool, what: impl FnOnce(&mut Inbox)) -> bool {
        if fork::is_child() {
            // The loop is its parent's.
            return false;
        }
        let mut inbox = lock(&self.shared.inbox);
        if inbox.close || inbox.detach || !is_of_use(self) {
            return false;
        }
        what(&mut inbox);
        self.note(inbox);
        true
    }

    pub(super) fn owe(&self) {
        self.shared.owed.fetch_add(1, Ordering::Relaxed);
    }

    /// Where it was the last one, the loop sees whether the connection was kept for it.
    pub(super) fn owe_no_more(&self) {
        let inbox = lock(&self.shared.inbox);
        if self.shared.owed.fetch_sub(1, Ordering::Release) == 1 && self.is_active() {
            self.note(inbox);
        }
    }

    /// Has the loop look into the inbox, unless it is about to.
    fn note(&self, mut inbox: MutexGuard<'_, Inbox>) {
        let is_noted = std::mem::replace(&mut inbox.noted, true);
        drop(inbox);
        if !is_noted {
            let remote = Arc::clone(&lock(&self.shared.place).remote);
            remote.send(Command::Look(Arc::clone(&self.shared)));
        }
    }

    /// Whether the connection stands: it was not closed, by anybody, and did not fail. A
    /// pool of connections to others asks this: the loop notices when a peer goes, also
    /// when nobody reads.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// assert!(handle.is_active());
    /// drop(peer);
    /// // Returns when all connections have ended, this one by itself.
    /// event_loop.shutdown(Instant::now() + Duration::from_secs(10));
    /// assert!(!handle.is_active());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "IsActive")]
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.shared.active.load(Ordering::Acquire)
    }
}

pub(super) fn too_late() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the deadline of the operation has passed",
    )
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHandle")
            .field("is_active", &self.is_active())
            .field("unsent", &self.unsent())
            .finish_non_exhaustive()
    }
}
