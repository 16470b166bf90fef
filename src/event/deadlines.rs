//! Moments up to which is read and written, as Go's connections have them.

use std::io;
use std::time::Instant;

use super::connection::Connection;
use super::handle::ConnectionHandle;
use crate::task::Time;

pub(super) fn read_too_late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the read deadline has passed")
}

impl Connection {
    /// From this moment on, nothing more is received, whatever was set before; `None` is
    /// for ever. Belongs to the connection, not to this call of its handler.
    ///
    /// - A handler that waits to read, or begins to, gets `TimedOut`. The connection stays:
    ///   it may answer, set another deadline, and go on.
    /// - While no handler runs, it is the event loop that waits to read, and nobody is there
    ///   to be told: the connection ends, with [an error](Self::error) of that kind. What was
    ///   received before and waits for its turn is handled first; part of a frame is not.
    ///
    /// It means nothing while the connection is [paused](ConnectionHandle::pause), while more
    /// waits to be sent than the [high mark](super::Options::output_marks), and when the peer
    /// has finished. A [timeout](Self::set_timeouts), in contrast, begins anew with each
    /// request.
    ///
    /// # Examples
    ///
    /// Who connects has ten seconds to say who it is, however slowly it sends:
    ///
    /// ```
    /// use netpoll::event::{Connection, Handler, Next};
    /// use std::io;
    /// use std::time::{Duration, Instant};
    ///
    /// struct Members;
    ///
    /// impl Handler for Members {
    ///     type Context = bool;
    ///
    ///     fn prepare(&self, _: &mut Connection) -> io::Result<bool> {
    ///         Ok(false)
    ///     }
    ///
    ///     fn connect(&self, connection: &mut Connection, _: &mut bool) -> io::Result<()> {
    ///         connection.set_read_deadline(Some(Instant::now() + Duration::from_secs(10)));
    ///         Ok(())
    ///     }
    ///
    ///     fn request(&self, connection: &mut Connection, is_member: &mut bool) -> io::Result<Next> {
    ///         let Some(line) = connection.reader().try_until(b'\n') else {
    ///             return Ok(Next::Need(connection.reader().len() + 1));
    ///         };
    ///         if !*is_member {
    ///             *is_member = line == b"a secret\n";
    ///             connection.set_read_deadline(None);
    ///         }
    ///         Ok(if *is_member { Next::Again } else { Next::Close })
    ///     }
    /// }
    /// # drop(netpoll::event::EventLoop::new(Members));
    /// ```
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&mut self, deadline: Option<Instant>) {
        // When the handler returns, the loop sees to it.
        self.with_slot(|slot| slot.set_read_deadline(Time::of(deadline)));
    }

    /// From this moment on, who would have to wait to write gets `TimedOut` instead:
    /// [`flush`](Self::flush), [`detach`](Self::detach), and writing [by
    /// handles](ConnectionHandle::set_write_deadline). `None` takes it away. The connection
    /// stays, and what was written is still sent: what ends a connection whose peer takes
    /// nothing is the [write timeout](super::Options::write_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::ErrorKind;
    /// use std::sync::mpsc;
    /// use std::time::{Duration, Instant};
    ///
    /// let (send, receive) = mpsc::channel();
    /// let event_loop = EventLoop::new(move |connection: &mut Connection| {
    ///     connection.reader().skip(connection.reader().len())?;
    ///     connection.writer().malloc(8 << 20).fill(0);
    ///     connection.set_write_deadline(Some(Instant::now() + Duration::from_millis(10)));
    ///     let late = connection.flush().unwrap_err();
    ///     send.send((late.kind(), connection.is_active())).map_err(std::io::Error::other)?;
    ///     Ok(Next::Again)
    /// });
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// event_loop.adopt(stream, LinkBuffer::from(b"much, please"))?;
    /// assert_eq!(receive.recv(), Ok((ErrorKind::TimedOut, true)));
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&mut self, deadline: Option<Instant>) {
        self.handle().shared.set_write_deadline(Time::of(deadline));
    }

    /// Sets both: the deadline of [reading](Self::set_read_deadline) and of
    /// [writing](Self::set_write_deadline).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{ErrorKind, Read};
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|connection: &mut Connection| {
    ///     connection.set_deadline(Some(Instant::now() + Duration::from_millis(10)));
    ///     let late = connection.reader().next(100).unwrap_err();
    ///     connection.set_deadline(None);
    ///     connection.writer().write_string(match late.kind() {
    ///         ErrorKind::TimedOut => "too slow",
    ///         _ => "what?",
    ///     });
    ///     Ok(Next::Close)
    /// });
    /// event_loop.adopt(stream, LinkBuffer::from(b"the beginning"))?;
    /// let mut reply = String::new();
    /// peer.read_to_string(&mut reply)?;
    /// assert_eq!(reply, "too slow");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.set_read_deadline(deadline);
        self.set_write_deadline(deadline);
    }
}

impl ConnectionHandle {
    /// As [`Connection::set_read_deadline`]. A handler that waits to read is told at once.
    ///
    /// # Examples
    ///
    /// Whoever is not done by then is let go, and `disconnect` is told why:
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Read;
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.set_read_deadline(Some(Instant::now() + Duration::from_millis(10)));
    /// assert_eq!(peer.read(&mut [0])?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: Option<Instant>) {
        self.want(|inbox| inbox.read_deadline = Some(Time::of(deadline)));
    }

    /// Makes writing by handles of this connection fail with `TimedOut` from this moment
    /// on, as [`TcpStream::set_write_deadline`](crate::net::TcpStream::set_write_deadline)
    /// does: who waits then is woken. So is a handler that waits in
    /// [`flush`](Connection::flush). `None` takes it away. It may be set from any task,
    /// and belongs to the connection, whichever of its handles sets it.
    ///
    /// It does not concern what was written before: for that there is
    /// the [write timeout](super::Options::write_timeout), which ends the connection.
    ///
    /// # Examples
    ///
    /// Code that knows nothing of deadlines gives up in time:
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{self, ErrorKind};
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Again));
    /// let mut handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.set_write_deadline(Some(Instant::now() + Duration::from_millis(10)));
    /// let error = io::copy(&mut io::repeat(7), &mut handle).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// # io::Result::Ok(())
    /// ```
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: Option<Instant>) {
        self.shared.set_write_deadline(Time::of(deadline));
        self.want(|inbox| inbox.moved = true);
    }

    /// Sets both: the deadline of [reading](Self::set_read_deadline) and of
    /// [writing](Self::set_write_deadline).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Read;
    /// use std::time::Instant;
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.set_deadline(Some(Instant::now()));
    /// // Nobody writes any more, and nobody waits for the peer.
    /// assert!(handle.write("late").is_err());
    /// assert_eq!(peer.read(&mut [0])?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.set_read_deadline(deadline);
        self.set_write_deadline(deadline);
    }
}
