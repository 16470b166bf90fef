//! The server.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use super::census::Census;
use super::handle::{ConnectionHandle, Shared};
use super::looper::Loop;
use super::placement::{self, Balance};
use super::remote::{Adoption, Command, Remote, lock};
use super::session::Served;
use super::slot::{Extra, Key};
use super::tally::{Counted, Parts, Tally};
use super::{Handler, Listener, Options, Stream};
use crate::buf::LinkBuffer;
use crate::fd::{Cancelled, Closed};
use crate::sched::Workers;
use crate::sys::fork;
use crate::task::{self, Time};

/// A server whose connections are handled without a task for each.
///
/// Clones are handles of the same one. Its connections end when it is
/// [shut down](Self::shutdown), not when the handles are dropped.
///
/// # Examples
///
/// An echo server:
///
/// ```
/// use netpoll::event::{Connection, EventLoop, Next};
/// use netpoll::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let server = EventLoop::new(|connection: &mut Connection| {
///     let received = connection.reader().slice(connection.reader().len())?;
///     connection.writer().append(received);
///     Ok(Next::Again)
/// });
/// netpoll::thread::spawn({
///     let server = server.clone();
///     move || server.serve(listener)
/// });
///
/// let mut client = TcpStream::connect(address)?;
/// client.write_all(b"ping")?;
/// let mut reply = [0; 4];
/// client.read_exact(&mut reply)?;
/// assert_eq!(&reply, b"ping");
/// # std::io::Result::Ok(())
/// ```
pub struct EventLoop<H: Handler> {
    inner: Arc<Inner<H>>,
}

struct Inner<H> {
    handler: Arc<H>,
    options: Arc<Options>,
    tally: Arc<Tally>,
    crew: OnceLock<Crew>,
    starting: Mutex<()>,
    listeners: Mutex<Listeners>,
    last_listener: AtomicU64,
    balance: AtomicU8,
    turn: AtomicUsize,
}

#[derive(Default)]
struct Listeners {
    open: Vec<(u64, Arc<Listener>)>,
    /// There will be no others, and no more connections.
    are_closed: bool,
}

/// What the workers are told by.
pub(super) struct Crew {
    pub(super) remotes: Arc<Parts>,
}

/// What [`EventLoop::shutdown`] has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// How many connections have ended after all that was received was answered.
    pub finished: usize,
    /// How many were closed at the deadline of which something had been received that was
    /// not answered, or written that was not sent.
    pub cut_off: usize,
}

/// Figures of an event loop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// How many connections each worker has.
    pub connections: Vec<usize>,
    /// How many were accepted, connected or adopted.
    pub accepted: u64,
    /// How often a handler left input, consumed none of it, and did not say what it needs.
    pub stalled: u64,
    /// How many connections have moved to another worker.
    pub moved: u64,
}

impl<H: Handler> EventLoop<H> {
    /// An event loop with the usual options. It does nothing before [`serve`](Self::serve).
    #[must_use]
    pub fn new(handler: H) -> Self {
        Self::with_options(handler, Options::new())
    }

    /// An event loop with options of one's own.
    #[must_use]
    pub fn with_options(handler: H, options: Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                handler: Arc::new(handler),
                options: Arc::new(options),
                tally: Arc::default(),
                crew: OnceLock::new(),
                starting: Mutex::default(),
                listeners: Mutex::default(),
                last_listener: AtomicU64::new(0),
                balance: AtomicU8::new(Balance::default().to_number()),
                turn: AtomicUsize::new(0),
            }),
        }
    }

    /// Accepts connections and has them handled, until [`shutdown`](Self::shutdown): on
    /// the workers of the calling task's runtime, or of the one that starts by itself.
    ///
    /// Parks the task, or blocks the thread. There may be several, each with its listener.
    ///
    /// Connections of TCP that it accepts get `TCP_NODELAY`: what is written in one turn leaves
    /// together as it is. One that cannot be accepted for want of descriptors or memory is tried
    /// again, after a pause that grows.
    ///
    /// # Errors
    ///
    /// Why the workers could not be made to serve; what accepting fails with, except for
    /// connections that fail on their way and want of resources; `NotConnected`, with
    /// [`Closed`], after a shutdown; an error with [`Cancelled`] if the runtime ends, or
    /// has ended, that was the first to serve: an event loop belongs to that one.
    ///
    /// # Examples
    ///
    /// It goes on until the shutdown, and does not begin again:
    ///
    /// ```
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use netpoll::thread;
    /// use std::io::{ErrorKind, Read};
    /// use std::time::{Duration, Instant};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// let another = listener.try_clone()?;
    /// let server = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let serving = thread::spawn({ let server = server.clone(); move || server.serve(listener) });
    ///
    /// let mut client = TcpStream::connect(address)?;
    /// while server.metrics().accepted == 0 {
    ///     thread::yield_now();
    /// }
    /// server.shutdown(Instant::now() + Duration::from_secs(10));
    /// assert!(serving.join().unwrap().is_ok());
    /// assert_eq!(client.read(&mut [0])?, 0);
    /// assert_eq!(server.serve(another).unwrap_err().kind(), ErrorKind::NotConnected);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Serve")]
    #[doc(alias = "Initialize")]
    pub fn serve(&self, listener: impl Into<Listener>) -> io::Result<()> {
        let listener = Arc::new(listener.into());
        let inner = &*self.inner;
        let crew = inner.crew()?;
        if crew.remotes.iter().any(|remote| remote.is_closed()) {
            return Err(Cancelled::error());
        }
        let number = inner.last_listener.fetch_add(1, Ordering::Relaxed);
        {
            let mut listeners = lock(&inner.listeners);
            if listeners.are_closed {
                return Err(Closed::error());
            }
            listeners.open.push((number, Arc::clone(&listener)));
        }
        let ended = self.accept_from(&listener);
        let mut listeners = lock(&inner.listeners);
        listeners.open.retain(|(other, _)| *other != number);
        ended
    }

    fn accept_from(&self, listener: &Listener) -> io::Result<()> {
        loop {
            match listener.accept() {
                Ok((stream, source)) => {
                    match self.admit(stream, |_| source, |_| None) {
                        // It came while the listener was being closed.
                        Err(error) if Closed::is_cause_of(&error) => return Ok(()),
                        admitted => admitted?,
                    }
                }
                Err(error) if Closed::is_cause_of(&error) => return Ok(()),
                Err(error) if Cancelled::is_cause_of(&error) => return Err(error),
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Places a connection, with what it has already.
    fn admit(
        &self,
        stream: Stream,
        source: impl FnOnce(BorrowedFd<'_>) -> Option<u64>,
        extra: impl FnOnce(&Arc<Remote>) -> Option<Box<Extra>>,
    ) -> io::Result<()> {
        let inner = &*self.inner;
        let crew = inner.crew()?;
        let remotes = inner.tally.serving(&crew.remotes);
        let balance = Balance::of_number(inner.balance.load(Ordering::Relaxed));
        let source = || source(stream.fd.as_fd());
        let chosen = placement::choose(remotes, balance, &inner.turn, source);
        let remote = &remotes[chosen];
        let counted = {
            // A shutdown counts it, or it is refused.
            let listeners = lock(&inner.listeners);
            if listeners.are_closed {
                return Err(Closed::error());
            }
            Counted::new(remote)
        };
        let adopt = Command::Adopt(Adoption {
            fd: stream.fd,
            session: Served::boxed(&inner.handler),
            extra: extra(remote),
            started: false,
            need: 0,
            active_at: None,
            sticky: stream.sticky,
            counted,
        });
        if remote.try_send(adopt).is_err() {
            return Err(Cancelled::error());
        }
        let accepted = inner.tally.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        if accepted.is_multiple_of(placement::LOOK_EVERY) && remote.moves_by_itself() {
            placement::even_out(remotes);
        }
        Ok(())
    }

    /// Which worker gets a new connection; see [`Balance`]. May be called at any time.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::Builder;
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Balance, Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    ///
    /// let runtime = Builder::new().workers(2).build()?;
    /// let serving = runtime.spawn(|| {
    ///     let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    ///     event_loop.set_balance(Balance::RoundRobin);
    ///     let ((one, _peer), (other, _its_peer)) = (UnixStream::pair()?, UnixStream::pair()?);
    ///     event_loop.adopt(one, LinkBuffer::new())?;
    ///     event_loop.adopt(other, LinkBuffer::new())?;
    ///     std::io::Result::Ok(event_loop.metrics().connections)
    /// });
    /// assert_eq!(serving.join().unwrap()?, [1, 1]);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "LoadBalance")]
    #[doc(alias = "SetLoadBalance")]
    pub fn set_balance(&self, balance: Balance) {
        let stays = balance == Balance::SourceHash;
        self.inner.tally.stays.store(stays, Ordering::Relaxed);
        self.inner
            .balance
            .store(balance.to_number(), Ordering::Relaxed);
    }

    /// How many of the workers get new connections: all, unless this is called; one at
    /// least. May be called at any time; connections that are idle move away from the
    /// workers that serve no more, the others when something happens there again.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::Builder;
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    ///
    /// let runtime = Builder::new().workers(2).build()?;
    /// let serving = runtime.spawn(|| {
    ///     let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    ///     event_loop.set_workers(1);
    ///     let (one, other) = UnixStream::pair()?;
    ///     event_loop.adopt(one, LinkBuffer::new())?;
    ///     event_loop.adopt(other, LinkBuffer::new())?;
    ///     std::io::Result::Ok(event_loop.metrics().connections)
    /// });
    /// assert_eq!(serving.join().unwrap()?, [2, 0]);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "PollerNum")]
    #[doc(alias = "SetNumLoops")]
    pub fn set_workers(&self, workers: usize) {
        self.inner.tally.set_serving(workers);
        if let Some(crew) = self.inner.crew.get() {
            let serving = self.inner.tally.serving(&crew.remotes).len();
            let (stay, leave) = crew.remotes.split_at(serving);
            for (number, remote) in leave.iter().enumerate() {
                let to = &stay[number % stay.len()];
                remote.send(Command::Share(usize::MAX, Arc::clone(to)));
            }
        }
    }

    /// Has idle connections move from workers with many to workers with few, now, where the
    /// difference is 16 or more. It happens by itself while connections are accepted.
    ///
    /// Besides, a worker that is busy gives connections to one that is much less busy, by
    /// itself, whatever their numbers are, as long as there is traffic: between two
    /// requests, when all was handled and sent. Nothing needs to be called for that;
    /// [`Options::rebalance`] turns both off.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    /// use netpoll::{Builder, thread};
    ///
    /// let runtime = Builder::new().workers(2).build()?;
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// event_loop.set_workers(1);
    /// let serving = runtime.spawn({
    ///     let event_loop = event_loop.clone();
    ///     move || -> std::io::Result<Vec<UnixStream>> {
    ///         let adopt = |_| {
    ///             let (stream, peer) = UnixStream::pair()?;
    ///             event_loop.adopt(stream, LinkBuffer::new())?;
    ///             Ok(peer)
    ///         };
    ///         (0..40).map(adopt).collect()
    ///     }
    /// });
    /// let _peers = serving.join().unwrap()?;
    /// assert_eq!(event_loop.metrics().connections, [40, 0]);
    /// event_loop.set_workers(2);
    /// while event_loop.metrics().connections[1] == 0 {
    ///     event_loop.rebalance();
    ///     thread::yield_now();
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn rebalance(&self) {
        if let Some(crew) = self.inner.crew.get() {
            placement::even_out(self.inner.tally.serving(&crew.remotes));
        }
    }

    /// Has the handler serve a connection that somebody else has: its `prepare` and
    /// `connect` are called, and `request` for what was received already, and for what
    /// comes.
    ///
    /// Does not wait. It is all the same which end of a connection it is; see also
    /// [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// As for [`serve`](Self::serve).
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
    /// let echo = EventLoop::new(|connection: &mut Connection| {
    ///     let received = connection.reader().slice(connection.reader().len())?;
    ///     connection.writer().append(received);
    ///     Ok(Next::Again)
    /// });
    /// client.write_all(b"world")?;
    /// let handle = echo.adopt(server, LinkBuffer::from(b"hello "))?;
    /// let mut reply = [0; 11];
    /// client.read_exact(&mut reply)?;
    /// assert_eq!(&reply, b"hello world");
    /// assert!(handle.is_active());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "SetOnRequest")]
    #[doc(alias = "NewFDConnection")]
    pub fn adopt(
        &self,
        stream: impl Into<Stream>,
        received: LinkBuffer,
    ) -> io::Result<ConnectionHandle> {
        let mut handle = None;
        self.admit(stream.into(), placement::source_of, |remote| {
            let shared = Shared::new(remote, Key(u64::MAX));
            handle = Some(ConnectionHandle {
                shared: Arc::clone(&shared),
            });
            Some(Extra::of_adopted(shared, received))
        })?;
        Ok(handle.expect("it was admitted"))
    }

    /// Stops accepting, and ends the connections: those on which nothing was received
    /// that is not answered at once, the others when it is. Those that are left at the
    /// deadline are cut off, and their handlers' `disconnect` called. Where a handler is
    /// parked then, its peer learns of the end at once, and `disconnect` follows when the
    /// handler has come back.
    ///
    /// What a peer has begun to send is waited for, unless the connection is
    /// [paused](ConnectionHandle::pause): then nobody reads the rest, and only requests that
    /// were received as a whole are answered. One that [lingers](Options::linger) is
    /// waited for, and does not count as cut off. Nor does one that is owed nothing, also
    /// where the deadline leaves no time to close it before.
    ///
    /// From the beginning on listeners refuse connections, and [`serve`](Self::serve)
    /// returns. Parks the task, or blocks the thread: until the deadline, and up to a second
    /// longer where a handler holds its worker up. Then all connections of that worker count
    /// as cut off. Called from a handler, it waits for its own connection in vain.
    ///
    /// # Panics
    ///
    /// In a process that was forked from one with a runtime, whose connections these are.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use netpoll::thread;
    /// use std::io::{Read, Write};
    /// use std::time::{Duration, Instant};
    ///
    /// // A request is four bytes.
    /// let server = EventLoop::new(|connection: &mut Connection| {
    ///     let Some(request) = connection.reader().try_next(4) else {
    ///         return Ok(Next::Need(4));
    ///     };
    ///     connection.writer().write_binary(request);
    ///     Ok(Next::Again)
    /// });
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// let serving = thread::spawn({ let server = server.clone(); move || server.serve(listener) });
    ///
    /// let mut clients = [TcpStream::connect(address)?, TcpStream::connect(address)?];
    /// for client in &mut clients {
    ///     client.write_all(b"done")?;
    ///     client.read_exact(&mut [0; 4])?;
    /// }
    /// // One owes nothing; of the other there is half a request.
    /// clients[1].write_all(b"ha")?;
    /// let shutdown = server.shutdown(Instant::now() + Duration::from_millis(50));
    /// assert_eq!((shutdown.finished, shutdown.cut_off), (1, 1));
    /// serving.join().unwrap()?;
    /// assert!(TcpStream::connect(address).is_err());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Shutdown")]
    pub fn shutdown(&self, deadline: Instant) -> Shutdown {
        task::check_not_forked();
        let inner = &*self.inner;
        let before = inner.close();
        let Some(crew) = inner.crew.get() else {
            return Shutdown {
                finished: 0,
                cut_off: 0,
            };
        };
        crew.tell(|_| Command::Drain);
        if inner.tally.wait_for_none(Time::at(deadline)) {
            return Shutdown {
                finished: before,
                cut_off: 0,
            };
        }
        let census = Census::new(crew.remotes.len());
        crew.tell(|worker| Command::CutOff(census.ask(worker)));
        let cut_off = census.result(&crew.remotes);
        Shutdown {
            finished: before.saturating_sub(cut_off),
            cut_off,
        }
    }

    /// Figures. Taking them costs a few loads for each worker.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::os::unix::net::UnixStream;
    ///
    /// let event_loop = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let mut peers = Vec::new();
    /// for _ in 0..10 {
    ///     let (stream, peer) = UnixStream::pair()?;
    ///     event_loop.adopt(stream, LinkBuffer::new())?;
    ///     peers.push(peer);
    /// }
    /// let metrics = event_loop.metrics();
    /// assert_eq!(metrics.accepted, 10);
    /// assert_eq!(metrics.connections.iter().sum::<usize>(), 10);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let tally = &self.inner.tally;
        let remotes = self.inner.crew.get().map_or(&[][..], |crew| &*crew.remotes);
        let connections = (remotes.iter()).map(|remote| remote.connections.load(Ordering::Relaxed));
        Metrics {
            connections: connections.collect(),
            accepted: tally.accepted.load(Ordering::Relaxed),
            stalled: tally.stalled.load(Ordering::Relaxed),
            moved: tally.moved.load(Ordering::Relaxed),
        }
    }
}

impl<H> Inner<H> {
    /// The workers, which are made to serve if they are not.
    fn crew(&self) -> io::Result<&Crew> {
        fork::refuse_child()?;
        if let Some(crew) = self.crew.get() {
            return Ok(crew);
        }
        let _alone = lock(&self.starting);
        if let Some(crew) = self.crew.get() {
            return Ok(crew);
        }
        let crew = Crew::start(&Workers::current()?, &self.options, &self.tally)?;
        Ok(self.crew.get_or_init(|| crew))
    }

    /// Takes no more connections. Returns how many there are.
    fn close(&self) -> usize {
        let (open, live) = {
            let mut listeners = lock(&self.listeners);
            listeners.are_closed = true;
            (std::mem::take(&mut listeners.open), self.tally.live())
        };
        for (_, listener) in open {
            listener.close();
        }
        live
    }
}

impl Crew {
    /// Makes the workers of a runtime serve.
    pub(super) fn start(
        workers: &Workers,
        options: &Arc<Options>,
        tally: &Arc<Tally>,
    ) -> io::Result<Self> {
        let remotes: Arc<Parts> = (0..workers.len())
            .map(|_| Remote::new(options, tally))
            .collect();
        let crew = Self { remotes };
        for (worker, remote) in crew.remotes.iter().enumerate() {
            Loop::install(workers, worker, Arc::clone(remote))?;
        }
        tally.set_parts(&crew.remotes);
        Ok(crew)
    }

    fn tell(&self, command: impl Fn(usize) -> Command) {
        for (worker, remote) in self.remotes.iter().enumerate() {
            remote.send(command(worker));
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.tell(|_| Command::Leave);
    }
}

/// Whether accepting may succeed the next time: the listener pauses by itself.
fn is_passing(error: &io::Error) -> bool {
    use crate::sys::socket::Errno;
    let passing = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::PERM,
        Errno::PROTO,
    ];
    (error.raw_os_error()).is_some_and(|raw| passing.iter().any(|it| it.raw_os_error() == raw))
}

impl<H: Handler> Clone for EventLoop<H> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<H: Handler> fmt::Debug for EventLoop<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("options", &self.inner.options)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}
