//! What users have of a queue.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::state::{Metrics, Stage, State};
use super::{Unsent, flusher};
use crate::buf::LinkBuffer;
use crate::fd::{Cancelled, again};
use crate::sys::fork;
use crate::task::{self, Outcome, Reason, Time, Wait};

/// How many bytes a queue holds, if nobody says.
const BOUND: usize = 256 << 10;

/// Takes frames from many tasks and threads, and writes them to one connection; see the
/// [module](super).
///
/// Clones are the same queue. It works over any [`Write`]: a
/// [`TcpStream`](crate::net::TcpStream), its [half that
/// writes](crate::net::OwnedWriteHalf), a Unix socket, a connection with encryption, [a
/// handle](crate::event::ConnectionHandle) of handler mode. When all clones are dropped,
/// what was accepted is still written, and then the writer is dropped.
///
/// # When it fails
///
/// If the writer fails, so does the queue, for good: with `BrokenPipe` or
/// `ConnectionReset` when the peer is gone, with [`Closed`](crate::io::Closed) when the
/// stream was closed here, and with `TimedOut` when the peer took nothing for as long as
/// the [write timeout](crate::net::TcpStream::set_write_timeout) of the stream, or until
/// the write deadline of the stream or [of the
/// handle](crate::event::ConnectionHandle::set_write_deadline). Without any of these, a peer
/// that never reads holds what the queue holds, and nothing else.
///
/// Writing is done in the runtime of whoever pushed when nobody was writing. If that
/// runtime ends while the peer takes nothing, the queue fails with [`Cancelled`].
///
/// # In a forked child
///
/// The task that writes is in the process that was forked, and so is what was accepted. In a
/// child of a process with a runtime, pushing, flushing and closing fail with an error that
/// says to start the runtime after fork, whoever made the queue; of what the parent pushed
/// nothing is written twice, or handed back.
///
/// # Examples
///
/// A client whose callers share a connection, one half of it each way:
///
/// ```
/// use netpoll::mux::WriteQueue;
/// use netpoll::net::{TcpListener, TcpStream};
/// use netpoll::thread;
/// use std::io::{self, Read, Write};
///
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// # thread::spawn(move || -> io::Result<()> {
/// #     let (mut stream, _) = listener.accept()?;
/// #     let mut frame = [0; 8];
/// #     loop { stream.read_exact(&mut frame)?; stream.write_all(&frame)?; }
/// # });
/// let (mut reader, writer) = TcpStream::connect(address)?.into_split();
/// let queue = WriteQueue::new(writer);
/// thread::scope(|scope| {
///     for caller in 0..10_u64 {
///         let queue = &queue;
///         scope.spawn(move || queue.push(&caller.to_be_bytes()).unwrap());
///     }
///     let mut sum = 0;
///     for _ in 0..10 {
///         let mut reply = [0; 8];
///         reader.read_exact(&mut reply).unwrap();
///         sum += u64::from_be_bytes(reply);
///     }
///     assert_eq!(sum, 45);
/// });
/// # io::Result::Ok(())
/// ```
pub struct WriteQueue<W> {
    shared: Arc<Shared<W>>,
}

/// What handles and flushers have in common. Its lock is never held while anything runs
/// that is not of this module.
pub(super) struct Shared<W>(Mutex<State<W>>);

impl<W> Shared<W> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a push waits for room.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Until(Time),
}

impl<W: Write + Send + 'static> WriteQueue<W> {
    /// A queue in front of a writer, which holds up to 256 KiB.
    #[doc(alias = "NewShardQueue")]
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self::with_bound(writer, BOUND)
    }

    /// A queue that holds up to so many bytes, those included that are being written. A
    /// frame that is larger than that goes alone.
    ///
    /// # Examples
    ///
    /// See [`push_by`](Self::push_by).
    #[doc(alias = "ShardSize")]
    #[must_use]
    pub fn with_bound(writer: W, bytes: usize) -> Self {
        Self {
            shared: Arc::new(Shared(Mutex::new(State::new(writer, bytes)))),
        }
    }

    /// Has a frame written: a [`Bytes`](bytes::Bytes), a `Vec<u8>`, a slice, a
    /// [`LinkBuffer`]. What is longer than [`COPIED`](crate::buf::COPIED) and comes as its
    /// owner is not copied.
    ///
    /// It returns when the queue has it, which is not when it has been written; see
    /// [`flush`](Self::flush). Waits while there is no room: parks the task, or blocks the
    /// thread. What bounds that is the write timeout of the stream, which ends [the
    /// queue](Self#when-it-fails); for a bound of one's own there is
    /// [`push_by`](Self::push_by).
    ///
    /// # Errors
    ///
    /// See [`Unsent::kind`]; the frame is in the error. [`Cancelled`] in a task that has
    /// to wait and whose runtime ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use std::time::{Duration, Instant};
    ///
    /// let queue = WriteQueue::new(Vec::new());
    /// queue.push(b"copied ")?;
    /// queue.push(vec![b'o'; 5])?;
    /// let written = queue.close(Instant::now() + Duration::from_secs(10))?;
    /// assert_eq!(written.unwrap(), b"copied ooooo");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Add")]
    pub fn push(&self, frame: impl Into<LinkBuffer>) -> Result<(), Unsent> {
        self.put(frame.into(), Patience::Until(Time::NEVER))
    }

    /// The same, but waits for room until this moment at most.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push); `TimedOut` when there was none until then.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::ErrorKind;
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// let queue = WriteQueue::with_bound(stream, 1000);
    /// // What fits the socket, and one that the queue holds for it.
    /// queue.push(vec![0; 8 << 20])?;
    /// let soon = Instant::now() + Duration::from_millis(10);
    /// let unsent = queue.push_by("one more", soon).unwrap_err();
    /// assert_eq!(unsent.kind(), ErrorKind::TimedOut);
    /// assert_eq!(unsent.frames(), "one more");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn push_by(&self, frame: impl Into<LinkBuffer>, deadline: Instant) -> Result<(), Unsent> {
        self.put(frame.into(), Patience::Until(Time::at(deadline)))
    }

    /// The same, but does not wait.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push); `WouldBlock` where that would wait.
    ///
    /// # Examples
    ///
    /// A broadcast, which leaves out who does not read:
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use netpoll::net::TcpStream;
    ///
    /// fn broadcast(listeners: &mut Vec<WriteQueue<TcpStream>>, news: &bytes::Bytes) {
    ///     listeners.retain(|listener| listener.try_push(news.clone()).is_ok());
    /// }
    /// # broadcast(&mut Vec::new(), &bytes::Bytes::new());
    /// ```
    pub fn try_push(&self, frame: impl Into<LinkBuffer>) -> Result<(), Unsent> {
        self.put(frame.into(), Patience::None)
    }

    /// Has a frame written that a closure makes, in memory that is sent as it is. Nobody
    /// waits for the closure; if it panics, nothing is pushed. Otherwise it is
    /// [`push`](Self::push), which takes a [`LinkBuffer`], as its like do that are bounded.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::fmt::Write;
    /// use std::io::Read;
    ///
    /// let (stream, mut peer) = UnixStream::pair()?;
    /// let queue = WriteQueue::new(stream);
    /// queue.push_with(|frame| {
    ///     frame.write_byte(3);
    ///     write!(frame, "{}", 100 + 23).expect("a buffer takes everything");
    /// })?;
    /// let mut received = [0; 4];
    /// peer.read_exact(&mut received)?;
    /// assert_eq!(&received, b"\x03123");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "WriterGetter")]
    pub fn push_with(&self, fill: impl FnOnce(&mut LinkBuffer)) -> Result<(), Unsent> {
        let mut frame = LinkBuffer::new();
        fill(&mut frame);
        self.push(frame)
    }

    fn put(&self, mut frame: LinkBuffer, patience: Patience) -> Result<(), Unsent> {
        let refused = |error, frame| Err(Unsent::new(error, frame, 0));
        if let Err(error) = fork::refuse_child() {
            return refused(error, frame);
        }
        task::spend();
        frame.flush();
        frame.release();
        let len = frame.len();
        let mut state = self.shared.lock();
        if let Some(error) = state.refusal() {
            drop(state);
            return refused(error, frame);
        }
        if !state.reserve(len) {
            drop(state);
            if let Err(error) = self.wait_for_room(len, patience) {
                return refused(error, frame);
            }
            state = self.shared.lock();
            // Closing does not stop who has room; nothing would be written after the end.
            if let Some(error) = state.failure() {
                state.give_back(len);
                drop(state);
                return refused(error, frame);
            }
        }
        state.append(&mut frame);
        let wants_flusher = state.wants_flusher();
        drop(state);
        if wants_flusher {
            flusher::start(&self.shared);
        }
        Ok(())
    }

    /// Waits in line; room is reserved if this succeeds.
    fn wait_for_room(&self, len: usize, patience: Patience) -> io::Result<()> {
        let Patience::Until(deadline) = patience else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let mut ticket = None;
        let mut outcome = Outcome::Woken;
        loop {
            let wait = {
                let mut state = self.shared.lock();
                let granted = match ticket {
                    Some(ticket) => state.is_granted(ticket),
                    None => state.refusal().is_none() && state.reserve(len),
                };
                if granted {
                    return Ok(());
                }
                let given_up = state.refusal().or_else(|| match outcome {
                    Outcome::Cancelled => Some(Cancelled::error()),
                    _ if deadline.is_past() => Some(io::Error::new(
                        ErrorKind::TimedOut,
                        "there was no room in the queue until the deadline",
                    )),
                    _ => None,
                });
                if let Some(error) = given_up {
                    if let Some(ticket) = ticket {
                        state.leave_line(ticket);
                    }
                    return Err(error);
                }
                let wait = Wait::begin(Reason::Turn);
                match ticket {
                    Some(ticket) => state.stay_in_line(ticket, wait.waker()),
                    None => ticket = Some(state.enter_line(len, wait.waker())),
                }
                wait
            };
            outcome = wait.park(deadline);
        }
    }

    /// Waits until all that was accepted before has been written, to the system or to
    /// wherever the writer leads. Parks the task, or blocks the thread. It is bounded as
    /// [`push`](Self::push) is; for a bound of one's own there is
    /// [`flush_by`](Self::flush_by).
    ///
    /// # Errors
    ///
    /// Why the queue failed before that. [`Cancelled`] in a task whose runtime ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    ///
    /// let queue = WriteQueue::new(Vec::new());
    /// for _ in 0..10 {
    ///     queue.push("frame")?;
    /// }
    /// queue.flush()?;
    /// assert_eq!(queue.unsent(), 0);
    /// assert_eq!(queue.metrics().written, 50);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Flush")]
    pub fn flush(&self) -> io::Result<()> {
        self.flush_until(Time::NEVER)
    }

    /// The same, but waits until this moment at most. What was accepted is still written.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush); `TimedOut` when not all was written until then.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::ErrorKind;
    /// use std::time::{Duration, Instant};
    ///
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// let queue = WriteQueue::new(stream);
    /// queue.push(vec![0; 8 << 20])?;
    /// let soon = Instant::now() + Duration::from_millis(10);
    /// assert_eq!(queue.flush_by(soon).unwrap_err().kind(), ErrorKind::TimedOut);
    /// assert!(queue.is_active());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn flush_by(&self, deadline: Instant) -> io::Result<()> {
        self.flush_until(Time::at(deadline))
    }

    fn flush_until(&self, deadline: Time) -> io::Result<()> {
        fork::refuse_child()?;
        let target = self.shared.lock().metrics.bytes;
        self.watch(deadline, |state| state.metrics.written >= target)
    }

    /// Waits until something is so, or the queue has failed.
    fn watch(&self, deadline: Time, is_so: impl Fn(&State<W>) -> bool) -> io::Result<()> {
        loop {
            let wait = {
                let mut state = self.shared.lock();
                if is_so(&state) {
                    return Ok(());
                }
                if let Some(error) = state.failure() {
                    return Err(error);
                }
                if deadline.is_past() {
                    return Err(ErrorKind::TimedOut.into());
                }
                let wait = Wait::begin(Reason::Turn);
                state.watchers.push(wait.waker());
                wait
            };
            let waker = wait.waker();
            let outcome = wait.park(deadline);
            self.shared.lock().watchers.remove(waker);
            if outcome == Outcome::Cancelled {
                return Err(Cancelled::error());
            }
        }
    }

    /// Accepts nothing more, waits until what was accepted has been written, and gives the
    /// writer back, to the first who closes. Those who wait for room are told.
    ///
    /// Parks the task, or blocks the thread, until the deadline at most. What has not been
    /// begun then never will be, and is in the error. A write that waits at that moment
    /// goes on waiting, and has the writer: it ends when the stream is closed, as by
    /// [`TcpStream::close`](crate::net::TcpStream::close) of a clone.
    ///
    /// # Errors
    ///
    /// `TimedOut` after the deadline, or why the queue failed; with what was not written.
    /// [`Cancelled`] in a task whose runtime ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use std::time::{Duration, Instant};
    ///
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// let queue = WriteQueue::new(stream.try_clone()?);
    /// queue.push(b"goodbye")?;
    /// if let Err(unsent) = queue.close(Instant::now() + Duration::from_secs(5)) {
    ///     eprintln!("{unsent}");
    ///     stream.close();
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Close")]
    pub fn close(&self, deadline: Instant) -> Result<Option<W>, Unsent> {
        if let Err(error) = fork::refuse_child() {
            // What was accepted is for its parent to write.
            return Err(Unsent::new(error, LinkBuffer::new(), 0));
        }
        self.shared.lock().close();
        let watched = self.watch(Time::at(deadline), State::is_idle);
        let mut state = self.shared.lock();
        match watched {
            Ok(()) => Ok(state.writer.take()),
            Err(error) => {
                state.end(again(&error));
                let (frames, in_doubt) = (state.take_unsent(), state.in_batch);
                // Nobody needs it any more; dropping it may do anything.
                let writer = state.writer.take();
                drop(state);
                drop(writer);
                Err(Unsent::new(error, frames, in_doubt))
            }
        }
    }

    /// How many bytes the queue holds: those that wait, and those that are being written.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use netpoll::os::unix::net::UnixStream;
    ///
    /// let (stream, _never_reads) = UnixStream::pair()?;
    /// let queue = WriteQueue::new(stream);
    /// queue.push(vec![0; 8 << 20])?;
    /// assert!(queue.unsent() > 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.shared.lock().held()
    }

    /// Whether frames are accepted: it was not closed, and has not failed. It fails when
    /// it writes, so it may not know yet that the peer is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    /// use std::time::Instant;
    ///
    /// let queue = WriteQueue::new(Vec::new());
    /// assert!(queue.is_active());
    /// queue.close(Instant::now())?;
    /// assert!(!queue.is_active());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "IsActive")]
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self.shared.lock().stage, Stage::Open)
    }

    /// Figures.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::mux::WriteQueue;
    ///
    /// let queue = WriteQueue::new(Vec::new());
    /// queue.push("one")?;
    /// queue.push("three")?;
    /// queue.flush()?;
    /// let metrics = queue.metrics();
    /// assert_eq!((metrics.frames, metrics.bytes, metrics.written), (2, 8, 8));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared.lock().metrics
    }
}

impl<W> Clone for WriteQueue<W> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<W> fmt::Debug for WriteQueue<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("WriteQueue")
            .field("stage", &state.stage)
            .field("unsent", &state.held())
            .finish_non_exhaustive()
    }
}
