//! Events of any descriptor, delivered to callbacks on a worker.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::handle::{ConnectionHandle, Shared};
use super::operated::Operated;
use super::operators::Operators;
use super::remote::Command;
use super::slot::Key;
use super::tally::Counted;
use crate::fd::Cancelled;
use crate::sched::Workers;

/// When a callback of an [`Operator`] is called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// When something happens. It has done what there was to do, until that failed with
    /// `WouldBlock`, or it leaves the rest until [`Operator::resume`].
    Wait,
    /// Soon, after others have had their turn: there may be more.
    Again,
    /// Never: the operator ends.
    End,
}

/// What is called for the events of a descriptor; see [`Operator`].
///
/// They come from an edge-triggered epoll: there is no second one for what is there already.
/// So a callback does what there is to do until it fails with `WouldBlock`, or says by what
/// it returns that it has stopped before. They may park, as tasks may, though not on this
/// descriptor, whose events come here; meanwhile nothing else is called for it.
///
/// An error ends the operator, and is handed to [`on_hup`](Self::on_hup). A panic ends it, too.
pub trait Operate<F>: Send + 'static {
    /// There is something to read, or the peer has finished. At the descriptor's end, too,
    /// this is called as long as it returns [`Then::Again`].
    ///
    /// # Errors
    ///
    /// Any; see above.
    #[doc(alias = "OnRead")]
    #[doc(alias = "Inputs")]
    #[doc(alias = "InputAck")]
    fn on_read(&mut self, descriptor: &F) -> io::Result<Then>;

    /// There is room to write.
    ///
    /// # Errors
    ///
    /// Any; see above.
    #[doc(alias = "OnWrite")]
    #[doc(alias = "Outputs")]
    #[doc(alias = "OutputAck")]
    fn on_write(&mut self, descriptor: &F) -> io::Result<Then> {
        let _ = descriptor;
        Ok(Then::Wait)
    }

    /// There will be no other call: both directions have ended or failed, a callback has
    /// failed or said so, or the operator was dropped. The descriptor is not watched any more:
    /// who wants it, keeps it, or hands it on.
    #[doc(alias = "OnHup")]
    fn on_hup(self, descriptor: F, error: Option<&io::Error>)
    where
        Self: Sized,
    {
        let _ = (descriptor, error);
    }
}

/// A descriptor whose events are delivered to callbacks, without a task for it: a pipe,
/// an eventfd, a timerfd, a socket of any kind.
///
/// It is watched for everything, and for good, so that what is wanted changes without a
/// system call: what does not matter is not implemented, or returns at once, and
/// [`pause`](Self::pause) and [`resume`](Self::resume) hold all of it up. Dropping this ends
/// it: the descriptor comes to [`Operate::on_hup`], which drops it or keeps it.
///
/// No buffers are read into or written from for a callback, because only who knows what kind
/// of descriptor it is knows how that is done. For streams there is
/// [`EventLoop::adopt`](super::EventLoop::adopt), which does both.
///
/// # Examples
///
/// ```
/// use netpoll::event::{Operate, Operator, Then};
/// use netpoll::os::unix::net::UnixDatagram;
/// use std::io;
/// use std::sync::mpsc;
///
/// /// Passes on what it receives, and the socket in the end.
/// struct Passing(mpsc::Sender<Vec<u8>>, mpsc::Sender<UnixDatagram>);
///
/// impl Operate<UnixDatagram> for Passing {
///     fn on_read(&mut self, socket: &UnixDatagram) -> io::Result<Then> {
///         let mut buffer = [0; 100];
///         match socket.recv(&mut buffer) {
///             Ok(n) => drop(self.0.send(buffer[..n].to_vec())),
///             Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Then::Wait),
///             Err(error) => return Err(error),
///         }
///         // There may be another one, after others have had their turn.
///         Ok(Then::Again)
///     }
///
///     fn on_hup(self, socket: UnixDatagram, _: Option<&io::Error>) {
///         let _ = self.1.send(socket);
///     }
/// }
///
/// let (ours, theirs) = UnixDatagram::pair()?;
/// ours.set_nonblocking(true)?;
/// let (send, receive) = mpsc::channel();
/// let (end, ended) = mpsc::channel();
/// let operator = Operator::new(ours, Passing(send, end))?;
/// theirs.send(b"datagram")?;
/// assert_eq!(receive.recv().unwrap(), b"datagram");
/// drop(operator);
/// // Nothing is called for it any more, and it is anybody's again.
/// let ours = ended.recv().unwrap();
/// ours.send(b"reply")?;
/// # assert_eq!(theirs.recv(&mut [0; 100])?, 5);
/// # std::io::Result::Ok(())
/// ```
pub struct Operator {
    handle: ConnectionHandle,
}

impl Operator {
    /// Has the events of a descriptor delivered, on a worker of the calling task's
    /// runtime, or of the one that starts by itself. What is there already is an event.
    ///
    /// Does not wait.
    ///
    /// The descriptor has to be in non-blocking mode, as by `set_nonblocking(true)`, for its
    /// callbacks find out by `WouldBlock` that they are through. Without, one of std's makes
    /// its worker wait, and one of ours fails with `AlreadyExists`: its events come here, so
    /// nobody can wait for them elsewhere.
    ///
    /// A descriptor that has an operator already may have another one. Both are called then,
    /// and the second one costs a duplicate of the descriptor, if it is on the same worker.
    ///
    /// # Errors
    ///
    /// Why there is no worker; an error with [`Cancelled`](crate::io::Cancelled) if the
    /// runtime ends. That the descriptor cannot be watched, as a file cannot, ends the
    /// operator, and is handed to [`Operate::on_hup`].
    #[doc(alias = "Alloc")]
    pub fn new<F>(descriptor: F, operate: impl Operate<F>) -> io::Result<Self>
    where
        F: AsFd + Send + 'static,
    {
        let remote = Operators::choose(&Workers::current()?)?;
        let shared = Shared::new(&remote, Key(u64::MAX));
        let watch = Command::Watch {
            session: Operated::boxed(descriptor, operate),
            shared: Arc::clone(&shared),
            counted: Counted::new(&remote),
        };
        if remote.try_send(watch).is_err() {
            return Err(Cancelled::error());
        }
        let handle = ConnectionHandle { shared };
        Ok(Self { handle })
    }

    /// Whether callbacks may still be called.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Operate, Operator, Then};
    /// use netpoll::os::unix::net::UnixDatagram;
    /// use std::io;
    /// use std::sync::mpsc::{self, Sender};
    ///
    /// struct Once(Sender<UnixDatagram>);
    ///
    /// impl Operate<UnixDatagram> for Once {
    ///     fn on_read(&mut self, _: &UnixDatagram) -> io::Result<Then> {
    ///         Ok(Then::End)
    ///     }
    ///
    ///     fn on_hup(self, socket: UnixDatagram, _: Option<&io::Error>) {
    ///         let _ = self.0.send(socket);
    ///     }
    /// }
    ///
    /// let (ours, theirs) = UnixDatagram::pair()?;
    /// ours.set_nonblocking(true)?;
    /// let (send, ended) = mpsc::channel();
    /// let operator = Operator::new(ours, Once(send))?;
    /// theirs.send(b"datagram")?;
    /// let _ours = ended.recv().unwrap();
    /// assert!(!operator.is_active());
    /// # io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.handle.is_active()
    }

    /// Has nothing called until [`resume`](Self::resume), not even for the descriptor's end;
    /// only dropping the operator ends it. A callback that runs, or is about to, is not held
    /// up.
    #[doc(alias = "Control")]
    pub fn pause(&self) {
        self.handle.pause();
    }

    /// Has both callbacks called, as though there were something to read and room to write:
    /// after a [pause](Self::pause), or where they have left something and whatever kept
    /// them from it has passed.
    ///
    /// # Examples
    ///
    /// What a callback has left for want of something is done when that is there:
    ///
    /// ```
    /// use netpoll::event::{Operate, Operator, Then};
    /// use netpoll::os::unix::net::UnixDatagram;
    /// use std::io;
    /// use std::sync::mpsc::{self, Sender};
    ///
    /// struct Telling(Sender<()>);
    ///
    /// impl Operate<UnixDatagram> for Telling {
    ///     fn on_read(&mut self, _: &UnixDatagram) -> io::Result<Then> {
    ///         self.0.send(()).map_err(io::Error::other)?;
    ///         // It is not read, so no other event comes for it.
    ///         Ok(Then::Wait)
    ///     }
    /// }
    ///
    /// let (ours, theirs) = UnixDatagram::pair()?;
    /// ours.set_nonblocking(true)?;
    /// let (send, calls) = mpsc::channel();
    /// let operator = Operator::new(ours, Telling(send))?;
    /// theirs.send(b"datagram")?;
    /// assert_eq!(calls.recv(), Ok(()));
    /// operator.pause();
    /// operator.resume();
    /// assert_eq!(calls.recv(), Ok(()));
    /// # io::Result::Ok(())
    /// ```
    #[doc(alias = "Control")]
    pub fn resume(&self) {
        self.handle.resume();
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.handle.close();
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("is_active", &self.is_active())
            .finish_non_exhaustive()
    }
}
