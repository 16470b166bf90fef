//! Connections without a task for each: handlers that a worker calls.
//!
//! A task that waits for its peer costs a stack. For tens of thousands of connections
//! that do nothing most of the time, or for a protocol of small requests, there is this:
//! the worker itself reads what comes, calls a [`Handler`], and sends what that wrote. A
//! connection on which nothing happens is a struct of about a hundred bytes.
//!
//! ```
//! use netpoll::event::{Connection, EventLoop, Next};
//! use netpoll::net::{TcpListener, TcpStream};
//! use std::io::{Read, Write};
//! use std::time::{Duration, Instant};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//!
//! // Two bytes of length, and the message.
//! let server = EventLoop::new(|connection: &mut Connection| {
//!     let reader = connection.reader();
//!     let Some(header) = reader.try_peek(2) else {
//!         return Ok(Next::Need(2));
//!     };
//!     let len = 2 + usize::from(u16::from_be_bytes([header[0], header[1]]));
//!     let Some(message) = reader.try_next(len) else {
//!         return Ok(Next::Need(len));
//!     };
//!     connection.writer().write_binary(message);
//!     Ok(Next::Again)
//! });
//! let serving = netpoll::thread::spawn({
//!     let server = server.clone();
//!     move || server.serve(listener)
//! });
//!
//! let mut client = TcpStream::connect(address)?;
//! client.write_all(b"\0\x05hello")?;
//! let mut reply = [0; 7];
//! client.read_exact(&mut reply)?;
//! assert_eq!(&reply, b"\0\x05hello");
//!
//! let shutdown = server.shutdown(Instant::now() + Duration::from_secs(10));
//! assert_eq!(shutdown.cut_off, 0);
//! serving.join().unwrap()?;
//! # std::io::Result::Ok(())
//! ```
//!
//! # What is promised
//!
//! - **One at a time.** The callbacks of a connection run in order, never two at once,
//!   `disconnect` included.
//! - **A handler may park**, like any task: read more, dial a backend, take a lock, sleep.
//!   Its worker goes on with the others meanwhile. How many may be parked at once is
//!   [bounded](Options::most_parked). One that cannot go on for want of input had better
//!   return [`Next::Need`], which holds no stack.
//! - **A panic closes its connection**, and nothing else.
//! - **Nothing that a peer does makes memory grow beyond the marks.** What it sends is
//!   read as it is handled; what it does not take stops the reading of its requests.
//! - **Closing sends first.** What was written is sent, within
//!   [a time](Options::close_timeout); what was received when the peer closes is handled, and
//!   answered, also [by others](Connection::answer_later) than its handler.
//!   A connection that this end closes while its peer goes on sending is not reset, which
//!   would destroy the reply: for [a while](Options::linger) what comes is thrown away.
//! - **Timeouts** are those of [`Options`], or of [a
//!   connection](Connection::set_timeouts). They cost no system call, and no timer for
//!   each thing that happens.
//!
//! # Phases
//!
//! A worker receives from all sockets that have something, up to 64 KiB in all, then runs
//! the handlers, then sends, one system call for each connection. So a reply may wait for
//! other handlers of the phase, though not longer than [half a
//! millisecond](Options::phase) plus the one that runs.
//!
//! # The worker's thread-locals
//!
//! Handlers run on a task that serves many connections, so
//! [`thread_local!`](crate::thread_local) does not tell one connection from another: that
//! is what the [context](Handler::Context) is for. A handler that computes for long holds
//! up its worker: use [`blocking`](crate::blocking), which parks.
//!
//! # TLS
//!
//! A crate that keeps the state of TLS and leaves reading and writing to its caller, as
//! rustls does, works in a handler. The context has the session, and what was decrypted
//! and not handled. A request is three steps, none of which waits:
//!
//! 1. `session.read_tls(&mut connection.received())`, and `session.process_new_packets()`,
//!    until reading fails with `WouldBlock`, or is at the end. What they decrypt goes to a
//!    [`LinkBuffer`](crate::buf::LinkBuffer), by its `read_from(&mut session.reader(), ..)`.
//! 2. What is complete there is handled; replies go to `session.writer()`.
//! 3. `session.write_tls(&mut connection.writer())`, while `session.wants_write()`.
//!
//! Then the handler returns [`Next::Again`], for all that was received is consumed. Its
//! [`disconnect`](Handler::disconnect) sends the `close_notify`. A whole server is in
//! `conformance/tests/tls_events.rs`. Where a task suits better, after the handshake or
//! before, there is [`Connection::detach`], and its stream is what rustls takes as it is.
//!
//! # For readers of CloudWeGo's netpoll
//!
//! | there | here |
//! |---|---|
//! | `NewEventLoop`, options | [`EventLoop::with_options`], [`Options`] |
//! | `OnPrepare`, `OnConnect`, `OnRequest`, `OnDisconnect` | [`Handler`]'s methods |
//! | `AddCloseCallback` | [`Connection::on_close`] |
//! | `Connection`, by its handler | [`Connection`] |
//! | `MallocAck` | [`Connection::writer_mut`] |
//! | `Connection`, by anybody else | [`ConnectionHandle`] |
//! | `SetOnRequest` | [`EventLoop::adopt`] |
//! | `Dialer` | [`EventLoop::connect`], [`EventLoop::dial`] |
//! | `Detach` | [`ConnectionHandle::detach`], [`Connection::detach`] |
//! | `SetNumLoops`, `SetLoadBalance`, `PollerNum` | [`EventLoop::set_workers`], [`EventLoop::set_balance`] |
//! | `FDOperator`: `OnRead`, `OnWrite`, `OnHup` | [`Operator`], [`Operate`] |
//! | `FDOperator`: `Inputs`, `Outputs` | for streams [`EventLoop::adopt`], which receives and sends; an operator's callbacks do it themselves |
//! | `FDOperator`: `Control` | a descriptor is watched for everything, and for good: [`Operator::pause`], [`Operator::resume`] |
//! | `BufferSize` | no buffer is set aside: [`Options::phase`] |
//! | `Runner`, `DisableGopool` | handlers run on the worker; those that park keep the stack |
//! | `LoggerOutput` | nothing is logged: [`Connection::error`] and [`EventLoop::metrics`] tell |
//!
//! `docs/handler-mode.md` has more of it, and the same for readers of gnet and of tokio.

// | file | idea |
// |---|---|
// | `handler`, `session` | what a user provides; the same, whatever types it has |
// | `event_loop`, `listener`, `client`, `stream` | the server, and where its connections come from |
// | `options` | how they are treated |
// | `placement`, `even` | which worker gets which, and when they move |
// | `connection`, `place`, `received` | what a handler has of a connection |
// | `handle`, `answer` | what others have of it |
// | `fill` | receiving for a handler that waits |
// | `slot`, `stash` | what a loop keeps of a connection |
// | `state/` | connections come and go, receiving, sending, timers: calls nobody |
// | `looper`, `drivers` | the loop of a worker, and who drives it |
// | `obey` | what it is told |
// | `begin`, `request` | what is to be called for a connection; calling it |
// | `guarded` | a panic of theirs ends one connection, and nothing else |
// | `remote`, `mailbox` | what other threads reach of a loop |
// | `tally`, `census` | what is counted on all workers |
// | `framed` | frames, built from these |
// | `operator`, `operated`, `operators` | any descriptor: what a user has, what a loop has, and which loop |
//
// Why it is sound to run users' code in the middle of all this: a loop's state is in one
// `RefCell`, which is borrowed for steps that call nobody, and never while a handler
// runs. What a handler has is a working set of its own. What belongs to a connection
// (context, handler) is taken out of its place while it runs, and a place is not freed
// while it is busy. Everything is named by index and generation.

#![forbid(unsafe_code)]

mod answer;
mod atomic;
mod begin;
mod census;
mod client;
mod connection;
mod deadlines;
mod drivers;
mod even;
mod event_loop;
mod fill;
mod framed;
mod guarded;
mod handle;
mod handler;
mod listener;
mod looper;
mod mailbox;
mod obey;
mod operated;
mod operator;
mod operators;
mod options;
mod place;
mod placement;
mod received;
mod remote;
mod request;
mod session;
mod slot;
mod stash;
mod state;
mod stream;
mod tally;

pub use answer::Answer;
#[doc(alias = "ErrConcurrentAccess")]
pub use connection::Connection;
#[doc(alias = "NewEventLoop")]
pub use event_loop::EventLoop;
#[doc(alias = "LoggerOutput")]
#[doc(alias = "SetLoggerOutput")]
pub use event_loop::Metrics;
pub use event_loop::Shutdown;
pub use framed::FrameHandler;
#[doc(alias = "LengthDelimitedCodec")]
#[doc(alias = "Codec")]
#[doc(alias = "Decoder")]
pub use framed::Framed;
pub use handle::ConnectionHandle;
pub use handler::{Handler, Next};
#[doc(alias = "ConvertListener")]
pub use listener::Listener;
#[doc(alias = "FDOperator")]
#[doc(alias = "FD")]
#[doc(alias = "Free")]
#[doc(alias = "PollEvent")]
#[doc(alias = "PollReadable")]
#[doc(alias = "PollWritable")]
#[doc(alias = "PollDetach")]
#[doc(alias = "PollR2RW")]
#[doc(alias = "PollRW2R")]
pub use operator::Operator;
pub use operator::{Operate, Then};
#[doc(alias = "Configure")]
#[doc(alias = "Option")]
pub use options::Options;
#[doc(alias = "LoadBalance")]
pub use placement::Balance;
pub use received::Received;
pub use stream::Stream;
