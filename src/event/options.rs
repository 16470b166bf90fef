//! How connections of an event loop are treated.

use std::time::Duration;

/// How an [`EventLoop`](super::EventLoop) treats its connections.
///
/// # Examples
///
/// ```
/// use netpoll::event::Options;
/// use std::time::Duration;
///
/// let options = Options::new()
///     .idle_timeout(Duration::from_secs(60))
///     .frame_limit(1 << 20);
/// # drop(options);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) read_timeout: Option<Duration>,
    pub(super) write_timeout: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) close_timeout: Duration,
    pub(super) linger_time: Duration,
    pub(super) linger_bytes: usize,
    pub(super) input_mark: usize,
    pub(super) frame_limit: usize,
    pub(super) high_mark: usize,
    pub(super) low_mark: usize,
    pub(super) most_parked: usize,
    pub(super) phase_bytes: usize,
    pub(super) phase_time: Duration,
    pub(super) stack_size: Option<usize>,
    pub(super) rebalance: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_timeout: None,
            write_timeout: None,
            idle_timeout: None,
            close_timeout: Duration::from_secs(5),
            linger_time: Duration::from_secs(2),
            linger_bytes: 4 << 20,
            input_mark: 64 << 10,
            frame_limit: 16 << 20,
            high_mark: 256 << 10,
            low_mark: 64 << 10,
            most_parked: 1024,
            phase_bytes: 64 << 10,
            phase_time: Duration::from_micros(500),
            stack_size: None,
            rebalance: true,
        }
    }
}

impl Options {
    /// The usual ones, which each method below names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a peer may take to complete what it has begun to send: from the first of
    /// it until the handler consumes something, however often some of it comes, see
    /// [`Next::Need`](super::Next::Need); and the same for what a handler waits for that
    /// reads more. Then the connection is closed with `TimedOut`. While a handler runs,
    /// the peer does not read its replies, or the connection is
    /// [paused](super::ConnectionHandle::pause), no time counts. No limit unless this is called.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next, Options};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    /// use std::time::Duration;
    ///
    /// let options = Options::new().read_timeout(Duration::from_millis(10));
    /// let event_loop = EventLoop::with_options(|_: &mut Connection| Ok(Next::Need(100)), options);
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// event_loop.adopt(stream, LinkBuffer::new())?;
    /// peer.write_all(b"part of a request")?;
    /// assert_eq!(peer.read(&mut [0])?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "WithReadTimeout")]
    #[doc(alias = "ErrReadTimeout")]
    #[doc(alias = "SetReadTimeout")]
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout);
        self
    }

    /// How long a peer may take none of what waits to be sent to it. Then the connection
    /// is closed with `TimedOut`, and whoever waits to write fails. No limit unless this is
    /// called.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next, Options};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// let options = Options::new().write_timeout(Duration::from_millis(10));
    /// let event_loop = EventLoop::with_options(|_: &mut Connection| Ok(Next::Need(100)), options);
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.write(vec![0; 8 << 20])?;
    /// // There is too much already, so this waits, until the connection is closed.
    /// assert!(handle.write("more").is_err());
    /// assert!(!handle.is_active());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "WithWriteTimeout")]
    #[doc(alias = "ErrWriteTimeout")]
    #[doc(alias = "SetWriteTimeout")]
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = Some(timeout);
        self
    }

    /// How long nothing may happen on a connection: nothing received, nothing sent, no
    /// handler that runs. Then it is closed with `TimedOut`. No limit unless this is
    /// called.
    ///
    /// (In CloudWeGo's netpoll the option of this name sets TCP keep-alive.)
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next, Options};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Read;
    /// use std::time::Duration;
    ///
    /// let options = Options::new().idle_timeout(Duration::from_millis(10));
    /// let event_loop = EventLoop::with_options(|_: &mut Connection| Ok(Next::Need(100)), options);
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// event_loop.adopt(stream, LinkBuffer::new())?;
    /// assert_eq!(peer.read(&mut [0])?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "WithIdleTimeout")]
    #[doc(alias = "SetIdleTimeout")]
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// How long a connection that was closed may take to send what was written before: 5
    /// seconds. The rest is then lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next, Options};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Read;
    /// use std::time::{Duration, Instant};
    ///
    /// let options = Options::new().close_timeout(Duration::from_millis(10));
    /// let event_loop = EventLoop::with_options(|_: &mut Connection| Ok(Next::Need(100)), options);
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.write(vec![0; 8 << 20])?;
    /// handle.close();
    /// // Returns when the connection has ended. What did not fit the socket is lost.
    /// event_loop.shutdown(Instant::now() + Duration::from_secs(60));
    /// assert!(peer.read_to_end(&mut Vec::new())? < 8 << 20);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// How long, and for how many bytes, a connection that this end has closed goes on
    /// receiving, after all was sent, and throws away what comes, until its peer closes,
    /// too: 2 seconds, and 4 MiB. Without, input that nobody reads makes the kernel send a
    /// reset, which destroys what of the reply is still on its way. Zero of either closes
    /// at once.
    ///
    /// It concerns connections that are closed by their handler, by an error, or by a
    /// handle, and others of which there is unread input, or a reply that the peer has not
    /// acknowledged. Their handlers have been told of the end before.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next, Options};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    /// use std::time::Duration;
    ///
    /// let refuse = |connection: &mut Connection| {
    ///     connection.writer().write_string("no");
    ///     Ok(Next::Close)
    /// };
    /// let options = Options::new().linger(Duration::from_secs(60), 2 << 20);
    /// let event_loop = EventLoop::with_options(refuse, options);
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// event_loop.adopt(stream, LinkBuffer::new())?;
    /// // It is refused at its first bytes, and gets to know when it has sent all.
    /// peer.write_all(&[0; 1 << 20])?;
    /// let mut reply = String::new();
    /// peer.read_to_string(&mut reply)?;
    /// assert_eq!(reply, "no");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "lingering_close")]
    #[must_use]
    pub fn linger(mut self, time: Duration, bytes: usize) -> Self {
        (self.linger_time, self.linger_bytes) = (time, bytes);
        self
    }

    /// How much may be received that the handler has not consumed, in bytes: 64 KiB.
    /// Above that nothing more is received. A handler that
    /// [needs](super::Next::Need) more than this gets more, up to the
    /// [`frame_limit`](Self::frame_limit); one that returns
    /// [`Again`](super::Next::Again) without consuming any of it waits for what will not
    /// come, so its connection is closed, with `InvalidData`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next, Options};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    ///
    /// let options = Options::new().input_mark(1000);
    /// let event_loop = EventLoop::with_options(|_: &mut Connection| Ok(Next::Again), options);
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// // It never consumes anything.
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// peer.write_all(&[0; 2000])?;
    /// assert_eq!(peer.read(&mut [0])?, 0);
    /// assert!(!handle.is_active());
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn input_mark(mut self, bytes: usize) -> Self {
        self.input_mark = bytes;
        self
    }

    /// The most that a handler may need at once, in bytes, and the longest frame of a
    /// [`Framed`](super::Framed): 16 MiB. A connection of which more is needed is closed, with
    /// `InvalidData`. What has come already is not needed: a handler may take all of that, up
    /// to the [`input_mark`](Self::input_mark), also where this limit is less.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next, Options};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Read;
    ///
    /// let options = Options::new().frame_limit(99);
    /// let event_loop = EventLoop::with_options(|_: &mut Connection| Ok(Next::Need(100)), options);
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// event_loop.adopt(stream, LinkBuffer::from(b"part"))?;
    /// assert_eq!(peer.read(&mut [0])?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn frame_limit(mut self, bytes: usize) -> Self {
        self.frame_limit = bytes.min(u32::MAX as usize - 1);
        self
    }

    /// How much may wait to be sent to a peer, in bytes: more than `high`, 256 KiB, and
    /// nothing more is received from it, and who writes waits, until it is `low`, 64 KiB,
    /// or less.
    ///
    /// # Panics
    ///
    /// If `low` is more than `high`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next, Options};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::ErrorKind;
    ///
    /// let options = Options::new().output_marks(16 << 20, 1 << 20);
    /// let event_loop = EventLoop::with_options(|_: &mut Connection| Ok(Next::Need(100)), options);
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// let handle = event_loop.adopt(stream, LinkBuffer::new())?;
    /// handle.write(vec![0; 8 << 20])?;
    /// // That is much, though not too much yet.
    /// handle.try_write(vec![0; 16 << 20])?;
    /// assert_eq!(handle.try_write("more").unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn output_marks(mut self, high: usize, low: usize) -> Self {
        assert!(low <= high, "the low mark is above the high one");
        (self.high_mark, self.low_mark) = (high, low);
        self
    }

    /// How many handlers may be parked at once on each worker: 1024. Each of them has a
    /// stack. When there are so many, the worker receives no more for this event loop until
    /// one goes on. Other event loops of the worker have bounds of their own.
    ///
    /// # Panics
    ///
    /// If `most` is zero.
    #[doc(alias = "Runner")]
    #[doc(alias = "DisableGopool")]
    #[doc(alias = "gopool")]
    #[must_use]
    pub fn most_parked(mut self, most: usize) -> Self {
        assert!(most > 0, "a handler that parks counts");
        self.most_parked = most;
        self
    }

    /// What one phase of a worker is made of, see the [module](super): so many bytes of
    /// input, 64 KiB; and replies are sent when they are more than that, or after so long,
    /// 500 microseconds, at the next handler's end. Event loops that share a worker share its phases: of several the
    /// smallest bytes count, and the shortest time.
    #[doc(alias = "BufferSize")]
    #[must_use]
    pub fn phase(mut self, bytes: usize, time: Duration) -> Self {
        (self.phase_bytes, self.phase_time) = (bytes.max(1), time);
        self
    }

    /// Whether connections move by themselves from busy workers to those that have time:
    /// they do, unless this says otherwise, or they were placed by the address of their
    /// peer ([`SourceHash`](super::Balance::SourceHash)), which is to keep those of one
    /// peer together. [`EventLoop::rebalance`](super::EventLoop::rebalance) moves them
    /// whatever this says.
    #[must_use]
    pub fn rebalance(mut self, by_itself: bool) -> Self {
        self.rebalance = by_itself;
        self
    }

    /// How large the stacks are that handlers run on; see
    /// [`thread::Builder::stack_size`](crate::thread::Builder::stack_size). Event loops that
    /// share a worker share its stacks: those are as large as the largest that one of them
    /// has asked for.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }
}
