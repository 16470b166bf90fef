//! What a handler has of a connection.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::answer::Answer;
use super::handle::{ConnectionHandle, Shared};
use super::looper::Loop;
use super::place::Place;
use super::slot::{Key, Slot, Timeouts, flag};
use super::{Options, Received};
use crate::buf::{LinkBuffer, Reader, Sink, Writer, WriterMut};
use crate::fd::Closed;
use crate::net::{Addr, KeepAlive, SocketAddr};
use crate::os::unix::net::SocketAddr as UnixAddr;
use crate::sys::socket::{self, Errno, unix};
use crate::task::Time;

/// A connection, while its handler runs.
///
/// Reading and writing are buffered: [`reader`](Self::reader) gives slices of what was
/// received, where it was received, and what [`writer`](Self::writer) writes is sent when
/// the handler has returned, in one system call for all that was written in the turn.
///
/// It is lent to the handler, and belongs to its worker. For everything else there is the
/// [`handle`](Self::handle).
///
/// A handler has it alone: there is no such thing as a concurrent access to it.
pub struct Connection {
    pub(super) input: LinkBuffer,
    pub(super) output: LinkBuffer,
    place: Place,
    /// Why it ends.
    pub(super) error: Option<io::Error>,
    /// Since when what the handler was called for had been there in part.
    pub(super) begun_at: Option<Time>,
    /// What had been consumed, of all connections, when the handler was called.
    consumed_before: u64,
}

type Asking<A> = fn(BorrowedFd<'_>) -> io::Result<A>;

/// A handler that has written more than this at once is asked how much may wait.
const MUCH: usize = 4 << 10;

impl Connection {
    pub(super) fn new(home: Rc<Loop>, driver: u64) -> Self {
        Self {
            input: LinkBuffer::new(),
            output: LinkBuffer::new(),
            place: Place::new(home, driver),
            error: None,
            begun_at: None,
            consumed_before: 0,
        }
    }

    pub(super) fn driver(&self) -> u64 {
        self.place.driver()
    }

    pub(super) fn key(&self) -> Key {
        self.place.key.get()
    }

    /// Becomes the working set of a connection.
    #[inline]
    pub(super) fn enter(&mut self, key: Key) {
        self.place.enter(key);
    }

    pub(super) fn leave(&mut self) {
        self.place.leave();
    }

    /// Counts what was put into the input.
    #[inline]
    pub(super) fn was_given(&mut self, n: usize) {
        self.place.given.set(self.place.given.get() + n as u64);
        self.consumed_before = self.consumed();
    }

    /// How much was consumed, in all.
    #[inline]
    pub(super) fn consumed(&self) -> u64 {
        self.place.given.get() - self.input.len() as u64
    }

    /// Whether the handler has consumed something since it was called.
    pub(super) fn has_consumed(&self) -> bool {
        self.consumed() > self.consumed_before
    }

    /// Whether what it has written shall be sent before it is called again.
    #[inline]
    pub(super) fn has_written_much(&self) -> bool {
        let written = self.output.malloc_len();
        written > MUCH && written > self.high_mark()
    }

    fn high_mark(&self) -> usize {
        self.option(|options| options.high_mark)
    }

    /// How much may be needed at once.
    pub(super) fn frame_limit(&self) -> usize {
        self.option(|options| options.frame_limit)
    }

    fn option(&self, which: impl FnOnce(&Options) -> usize) -> usize {
        let option = |slot: &mut Slot| Some(which(&slot.counted.as_ref()?.remote().options));
        self.with_slot(option).flatten().unwrap_or(usize::MAX)
    }

    pub(super) fn with_slot<R>(&self, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.place.with_slot(f)
    }

    /// What was received. Methods that want more than there is wait for it: they park
    /// the task, each time for the [read timeout](super::Options::read_timeout) at most.
    /// Those that begin with `try_` never wait.
    ///
    /// A handler that returns [`Next::Need`](super::Next::Need) instead holds nothing
    /// while it waits.
    ///
    /// # Errors
    ///
    /// Of reading: `UnexpectedEof` where the peer ends first; `TimedOut` after the [read
    /// timeout](super::Options::read_timeout), or the [read
    /// deadline](Self::set_read_deadline); `NotConnected`, with
    /// [`Closed`], where somebody closes the connection; what
    /// receiving fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, Next};
    /// use std::io;
    ///
    /// fn request(connection: &mut Connection) -> io::Result<Next> {
    ///     let header = connection.reader().next(4)?;
    ///     let len = u32::from_be_bytes(header.try_into().expect("four bytes"));
    ///     let body = connection.reader().next(len as usize)?;
    ///     connection.writer().write_binary(header);
    ///     connection.writer().write_binary(body);
    ///     Ok(Next::Again)
    /// }
    /// # drop(netpoll::event::EventLoop::new(request));
    /// ```
    #[doc(alias = "Read")]
    #[doc(alias = "Reader")]
    #[doc(alias = "ErrEOF")]
    #[inline]
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.input, &self.place)
    }

    /// The same as a [`Read`](io::Read) that never waits, for code that keeps the state of
    /// a protocol by itself: TLS.
    #[inline]
    pub fn received(&self) -> Received<'_> {
        Received { connection: self }
    }

    /// Where to write. It is sent when the handler has returned, or
    /// [`flush`](Self::flush) is called. Never waits.
    #[doc(alias = "Write")]
    #[doc(alias = "Writer")]
    #[inline]
    pub fn writer(&self) -> Writer<'_> {
        self.output.writer()
    }

    /// Where to write, for what takes back, changes or sends what was written; see
    /// [`WriterMut`].
    ///
    /// # Examples
    ///
    /// A reply whose length is known when it is there:
    ///
    /// ```
    /// use netpoll::event::{Connection, Next};
    /// use std::io::{self, Write};
    ///
    /// fn request(connection: &mut Connection) -> io::Result<Next> {
    ///     let mut name = [0; 8];
    ///     name.copy_from_slice(connection.reader().next(8)?);
    ///     let mut writer = connection.writer_mut();
    ///     let at = writer.malloc_len();
    ///     writer.malloc(2);
    ///     write!(writer, "hello {}", String::from_utf8_lossy(&name))?;
    ///     let len = writer.malloc_len() - at - 2;
    ///     writer.patch(at, &(len as u16).to_be_bytes())?;
    ///     Ok(Next::Again)
    /// }
    /// # drop(netpoll::event::EventLoop::new(request));
    /// ```
    ///
    /// What was handed out to be written to ends there:
    ///
    /// ```compile_fail,E0502
    /// # use netpoll::event::{Connection, Next};
    /// fn request(connection: &mut Connection) -> std::io::Result<Next> {
    ///     let room = connection.writer().malloc(100);
    ///     connection.writer_mut().malloc_ack(5)?;
    ///     room[7] = 1;
    ///     Ok(Next::Again)
    /// }
    /// ```
    #[doc(alias = "MallocAck")]
    #[inline]
    pub fn writer_mut(&mut self) -> WriterMut<'_> {
        WriterMut::new(&mut self.output, &self.place)
    }

    /// The two sides of the connection: [`reader`](Self::reader) and
    /// [`writer_mut`](Self::writer_mut), so that slices of what was received may be alive
    /// while what is written is changed, taken back or flushed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, Next};
    /// use std::io;
    ///
    /// fn request(connection: &mut Connection) -> io::Result<Next> {
    ///     let (reader, mut writer) = connection.split();
    ///     let Some(line) = reader.try_until(b'\n') else {
    ///         return Ok(Next::Need(reader.len() + 1));
    ///     };
    ///     // No more than twice as long; how long it is turns out.
    ///     let before = writer.malloc_len();
    ///     let room = writer.malloc(2 * line.len());
    ///     let mut n = 0;
    ///     for &byte in line {
    ///         let times = 1 + usize::from(byte == b'\\');
    ///         room[n..n + times].fill(byte);
    ///         n += times;
    ///     }
    ///     writer.malloc_ack(before + n)?;
    ///     assert!(n >= line.len());
    ///     Ok(Next::Again)
    /// }
    /// # drop(netpoll::event::EventLoop::new(request));
    /// ```
    #[inline]
    pub fn split(&mut self) -> (Reader<'_>, WriterMut<'_>) {
        let reader = Reader::new(&self.input, &self.place);
        (reader, WriterMut::new(&mut self.output, &self.place))
    }

    /// Gives back what was read, and has what was written sent: when this handler parks,
    /// or at the end of the turn; at once, if it has parked before.
    ///
    /// Where more waits to be sent than the [high mark](super::Options::output_marks),
    /// parks the task until it is the low one; the [write
    /// timeout](super::Options::write_timeout) bounds that, and the [write
    /// deadline](Self::set_write_deadline); without them it lasts for as
    /// long as the peer stays and takes nothing.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`]: it was closed; `TimedOut`: the
    /// peer took nothing for longer than the [write
    /// timeout](super::Options::write_timeout), which has closed it, or the write deadline
    /// has passed, and it stays; what sending failed with.
    ///
    /// # Examples
    ///
    /// A peer that waits for permission gets it while the handler waits for the rest:
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let event_loop = EventLoop::new(|connection: &mut Connection| {
    ///     connection.reader().skip(6)?;
    ///     connection.writer().write_string("go ahead");
    ///     connection.flush()?;
    ///     connection.reader().skip(8)?;
    ///     Ok(Next::Close)
    /// });
    /// event_loop.adopt(stream, LinkBuffer::from(b"May I?"))?;
    /// let mut permission = [0; 8];
    /// peer.read_exact(&mut permission)?;
    /// assert_eq!(&permission, b"go ahead");
    /// peer.write_all(b"the rest")?;
    /// assert_eq!(peer.read(&mut [0])?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Flush")]
    pub fn flush(&mut self) -> io::Result<()> {
        self.input.release();
        self.place.flush(&mut self.output)
    }

    /// A handle for everybody else.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::Read;
    /// use std::sync::mpsc;
    ///
    /// let (subscribe, subscribers) = mpsc::channel();
    /// let event_loop = EventLoop::new(move |connection: &mut Connection| {
    ///     connection.reader().skip(connection.reader().len())?;
    ///     subscribe.send(connection.handle()).map_err(std::io::Error::other)?;
    ///     Ok(Next::Again)
    /// });
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// event_loop.adopt(stream, LinkBuffer::from(b"subscribe"))?;
    /// subscribers.recv().unwrap().write("news")?;
    /// let mut news = [0; 4];
    /// peer.read_exact(&mut news)?;
    /// assert_eq!(&news, b"news");
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn handle(&self) -> ConnectionHandle {
        let shared = self.with_slot(|slot| {
            let key = self.key();
            let ended = slot.has(flag::CLOSING | flag::ENDED);
            let remote = slot.counted.as_ref().map(|counted| counted.remote());
            let remote = Arc::clone(remote.expect("it counts while it is there"));
            let unsent = slot.unsent();
            let extra = slot.extra();
            let shared = extra.shared.get_or_insert_with(|| {
                let shared = Shared::new(&remote, key);
                shared.unsent.store(unsent, Ordering::SeqCst);
                if ended {
                    shared.end();
                }
                shared
            });
            Arc::clone(shared)
        });
        ConnectionHandle {
            shared: shared.expect(IN_USE),
        }
    }

    /// A handle for who answers when the handler has returned. As long as it lives, the
    /// connection owes an answer: that its peer sends no more, which else ends it when all
    /// is handled, does not, nor is it idle, and [`shutdown`](super::EventLoop::shutdown)
    /// waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, Next};
    /// use netpoll::thread;
    /// use std::io;
    ///
    /// fn request(connection: &mut Connection) -> io::Result<Next> {
    ///     let request = connection.reader().read_string(4)?;
    ///     let answer = connection.answer_later();
    ///     thread::spawn(move || answer.write(request.to_uppercase()));
    ///     Ok(Next::Again)
    /// }
    /// # drop(netpoll::event::EventLoop::new(request));
    /// ```
    #[must_use = "it is owed only as long as this lives"]
    pub fn answer_later(&self) -> Answer {
        Answer::new(self.handle())
    }

    /// Whether the peer has sent all it will: nothing more can be read than there is. It
    /// may still read what is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    /// use std::net::Shutdown;
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// // A request is as long as it is, and its end is the peer's.
    /// let event_loop = EventLoop::new(|connection: &mut Connection| {
    ///     let len = connection.reader().len();
    ///     if !connection.peer_has_finished() {
    ///         return Ok(Next::Need(len + 1));
    ///     }
    ///     connection.reader().skip(len)?;
    ///     connection.writer().write_string(&format!("{len} bytes"));
    ///     Ok(Next::Close)
    /// });
    /// event_loop.adopt(stream, LinkBuffer::from(b"all "))?;
    /// peer.write_all(b"of it")?;
    /// peer.shutdown(Shutdown::Write)?;
    /// let mut reply = String::new();
    /// peer.read_to_string(&mut reply)?;
    /// assert_eq!(reply, "9 bytes");
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn peer_has_finished(&self) -> bool {
        self.with_slot(|slot| slot.has(flag::FINISHED))
            .unwrap_or(true)
    }

    /// Whether it was not closed, by anybody, and has not failed.
    ///
    /// # Examples
    ///
    /// What nobody needs any more is not done:
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use netpoll::thread;
    /// use std::sync::mpsc;
    ///
    /// let (send, receive) = mpsc::channel();
    /// let event_loop = EventLoop::new(move |connection: &mut Connection| {
    ///     send.send("begun").map_err(std::io::Error::other)?;
    ///     while connection.is_active() {
    ///         thread::yield_now();
    ///     }
    ///     send.send("stopped").map_err(std::io::Error::other)?;
    ///     Ok(Next::Close)
    /// });
    /// let (stream, _peer) = UnixStream::pair()?;
    /// let handle = event_loop.adopt(stream, LinkBuffer::from(b"compute"))?;
    /// assert_eq!(receive.recv(), Ok("begun"));
    /// handle.close();
    /// assert_eq!(receive.recv(), Ok("stopped"));
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "IsActive")]
    #[must_use]
    pub fn is_active(&self) -> bool {
        let ends = flag::CLOSING | flag::ENDED | flag::BROKEN | flag::GONE;
        self.with_slot(|slot| !slot.has(ends)).unwrap_or(false)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.with_slot(|slot| slot.has(flag::CLOSING))
            .unwrap_or(true)
    }

    /// Why the connection ends, in [`Handler::disconnect`](super::Handler::disconnect): the error of a handler, of
    /// the socket, or a timeout. `None` if the peer has finished, or a handler or a
    /// handle closed it.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Handler, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{self, ErrorKind};
    /// use std::sync::mpsc::{self, Sender};
    ///
    /// struct Refusing(Sender<Option<ErrorKind>>);
    ///
    /// impl Handler for Refusing {
    ///     type Context = ();
    ///
    ///     fn prepare(&self, _: &mut Connection) -> io::Result<()> {
    ///         Ok(())
    ///     }
    ///
    ///     fn request(&self, _: &mut Connection, (): &mut ()) -> io::Result<Next> {
    ///         Err(ErrorKind::InvalidData.into())
    ///     }
    ///
    ///     fn disconnect(&self, connection: &mut Connection, (): ()) {
    ///         let _ = self.0.send(connection.error().map(|error| error.kind()));
    ///     }
    /// }
    ///
    /// let (send, receive) = mpsc::channel();
    /// let (stream, _peer) = UnixStream::pair()?;
    /// EventLoop::new(Refusing(send)).adopt(stream, LinkBuffer::from(b"nonsense"))?;
    /// assert_eq!(receive.recv(), Ok(Some(ErrorKind::InvalidData)));
    /// # io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Has a closure called when the connection has ended, after
    /// [`Handler::disconnect`](super::Handler::disconnect), which may still add some; of
    /// several, the last first.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, Handler, Next};
    /// use std::io;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// /// Counts those that are there.
    /// struct Counting(Arc<AtomicUsize>);
    ///
    /// impl Handler for Counting {
    ///     type Context = ();
    ///
    ///     fn prepare(&self, connection: &mut Connection) -> io::Result<()> {
    ///         self.0.fetch_add(1, Ordering::Relaxed);
    ///         let count = Arc::clone(&self.0);
    ///         connection.on_close(move || drop(count.fetch_sub(1, Ordering::Relaxed)));
    ///         Ok(())
    ///     }
    ///
    ///     fn request(&self, connection: &mut Connection, (): &mut ()) -> io::Result<Next> {
    ///         connection.reader().skip(connection.reader().len())?;
    ///         Ok(Next::Again)
    ///     }
    /// }
    /// # drop(netpoll::event::EventLoop::new(Counting(Arc::default())));
    /// ```
    #[doc(alias = "AddCloseCallback")]
    #[doc(alias = "CloseCallback")]
    pub fn on_close(&mut self, call: impl FnOnce() + Send + 'static) {
        self.with_slot(|slot| slot.extra().callbacks.push(Box::new(call)));
    }

    /// Sets the timeouts of this connection, instead of those of its event loop: of
    /// [reading](super::Options::read_timeout), [writing](super::Options::write_timeout),
    /// and of [doing nothing](super::Options::idle_timeout). `None` is for ever.
    ///
    /// These are durations, and each of them begins anew with what it bounds: a request that
    /// begins to come, output that the peer begins not to take, the last thing that happened.
    /// A moment that bounds all of that up to it is [a deadline](Self::set_deadline).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, Next};
    /// use std::io;
    /// use std::time::Duration;
    ///
    /// fn request(connection: &mut Connection) -> io::Result<Next> {
    ///     let reader = connection.reader();
    ///     match reader.try_until(b'\n') {
    ///         // From here on it may be silent for as long as it likes.
    ///         Some(b"subscribe\n") => {
    ///             let hurry = Some(Duration::from_secs(5));
    ///             connection.set_timeouts(hurry, hurry, None);
    ///             Ok(Next::Again)
    ///         }
    ///         Some(_) => Ok(Next::Close),
    ///         None => Ok(Next::Need(reader.len() + 1)),
    ///     }
    /// }
    /// # drop(netpoll::event::EventLoop::new(request));
    /// ```
    #[doc(alias = "SetReadTimeout")]
    #[doc(alias = "SetWriteTimeout")]
    #[doc(alias = "SetIdleTimeout")]
    pub fn set_timeouts(
        &mut self,
        read: Option<Duration>,
        write: Option<Duration>,
        idle: Option<Duration>,
    ) {
        let timeouts = Timeouts { read, write, idle };
        self.with_slot(|slot| slot.extra().timeouts = Some(Box::new(timeouts)));
        self.place.home.state.borrow_mut().arm(self.key());
    }

    /// The address of the peer. A Unix socket that was not bound has one without a name.
    ///
    /// # Errors
    ///
    /// What `getpeername` fails with: `NotConnected` where the peer has gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use std::io::Read;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// let event_loop = EventLoop::new(|connection: &mut Connection| {
    ///     connection.reader().skip(connection.reader().len())?;
    ///     let address = connection.peer_addr()?;
    ///     connection.writer().write_string(&address.to_string());
    ///     Ok(Next::Close)
    /// });
    /// event_loop.adopt(listener.accept()?.0, LinkBuffer::from(b"Who am I?"))?;
    /// let mut reply = String::new();
    /// client.read_to_string(&mut reply)?;
    /// assert_eq!(reply, client.local_addr()?.to_string());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "RemoteAddr")]
    pub fn peer_addr(&self) -> io::Result<Addr> {
        self.address(socket::peer_address, unix::peer_address)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// As for [`peer_addr`](Self::peer_addr).
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(&self) -> io::Result<Addr> {
        self.address(socket::local_address, unix::local_address)
    }

    fn address(&self, of_ip: Asking<SocketAddr>, of_unix: Asking<UnixAddr>) -> io::Result<Addr> {
        self.with_fd(|fd| match of_ip(fd) {
            Ok(address) => Ok(Addr::from(address)),
            Err(error) if error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error()) => {
                of_unix(fd).map(Addr::from)
            }
            Err(error) => Err(error),
        })
    }

    /// Does something with the socket, unless that was taken away.
    fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<R> {
        let done = self.with_slot(|slot| Some(f(slot.fd.as_ref()?.as_fd())));
        done.flatten().unwrap_or_else(|| Err(Closed::error()))
    }

    /// Takes the connection away from its event loop: its socket, and what was received
    /// and not read. The type is [`TcpStream`](crate::net::TcpStream), `UnixStream`, or whatever can be made of a
    /// descriptor.
    ///
    /// What was written before is sent first: parks the task until it is, with the bound
    /// of [`flush`](Self::flush). When the handler returns, whatever it returns, its
    /// `disconnect` is called.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, Next};
    /// use netpoll::net::TcpStream;
    /// use netpoll::thread;
    /// use std::io::{self, Write};
    ///
    /// fn request(connection: &mut Connection) -> io::Result<Next> {
    ///     connection.reader().until(b'\n', 100)?;
    ///     connection.writer().write_string("go ahead\n");
    ///     let (mut stream, received) = connection.detach::<TcpStream>()?;
    ///     thread::spawn(move || stream.write_all(received.as_bytes()));
    ///     Ok(Next::Close)
    /// }
    /// # drop(netpoll::event::EventLoop::new(request));
    /// ```
    #[doc(alias = "Detach")]
    pub fn detach<S: From<OwnedFd>>(&mut self) -> io::Result<(S, LinkBuffer)> {
        self.flush()?;
        self.place.home.state.borrow_mut().send_all();
        self.place.wait_while(|slot| slot.unsent() > 0)?;
        self.place.check()?;
        let mut state = self.place.home.state.borrow_mut();
        let fd = state.take_fd(self.key()).ok_or_else(Closed::error)?;
        let mut input = std::mem::take(&mut self.input);
        if let Some(slot) = state.slot(self.key()) {
            slot.set(flag::CLOSING | flag::BROKEN | flag::FINISHED | flag::GONE);
            if let Some(extra) = &mut slot.extra {
                let mut stash = std::mem::take(&mut extra.stash);
                stash.move_to(&mut input);
                if let Some(shared) = &extra.shared {
                    shared.end();
                }
            }
        }
        drop(state);
        // The memory is shared with others that were received in the same phase.
        input.shrink_to_fit();
        Ok((S::from(fd), input))
    }

    /// Whether, and how, the system finds out that the peer of a TCP connection has gone
    /// without a word; see [`TcpStream::set_keepalive`](crate::net::TcpStream::set_keepalive).
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what [`KeepAlive`] does not allow; what `setsockopt` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::net::{KeepAlive, TcpListener, TcpStream};
    /// use std::io::Read;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// let (server, _) = listener.accept()?;
    /// let same = server.try_clone()?;
    /// let event_loop = EventLoop::new(|connection: &mut Connection| {
    ///     connection.set_keepalive(Some(KeepAlive::default()))?;
    ///     Ok(Next::Close)
    /// });
    /// event_loop.adopt(server, LinkBuffer::from(b"anything"))?;
    /// assert_eq!(client.read(&mut [0])?, 0);
    /// assert!(same.keepalive()?.is_some());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "SetKeepAlive")]
    pub fn set_keepalive(&mut self, keepalive: Option<KeepAlive>) -> io::Result<()> {
        self.with_fd(|fd| KeepAlive::set(fd, keepalive))
    }

    /// The number of the descriptor, to ask or set what there is no method for.
    #[doc(alias = "Fd")]
    #[must_use]
    pub fn as_raw_fd(&self) -> RawFd {
        self.with_fd(|fd| Ok(fd.as_raw_fd())).unwrap_or(-1)
    }
}

const IN_USE: &str = "a connection has a place while its handler runs";

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("fd", &self.as_raw_fd())
            .field("readable", &self.input.len())
            .finish_non_exhaustive()
    }
}
