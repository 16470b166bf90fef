//! Events of any descriptor, delivered to callbacks on a worker.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::handle::{ConnectionHandle, Shared};
use super::looper::Loop;
use super::remote::{Command, Remote};
use super::session::Session;
use super::slot::Key;
use super::tally::Counted;
use super::{Connection, Next, Options};
use crate::poll;
use crate::sched::Workers;
use crate::sys::epoll::Flags;

/// What is called for the events of a descriptor; see [`Operator`].
///
/// They come from an edge-triggered epoll: do what there is to do until it fails with
/// `WouldBlock`, or there may be no further call. They may park, as tasks may, though
/// not on this descriptor, whose events come here; meanwhile nothing else is called for it.
///
/// An error ends the operator, and is handed to [`on_hup`](Self::on_hup). A panic ends it, too.
pub trait Operate<F>: Send + 'static {
    /// There is something to read, or the peer has finished.
    ///
    /// # Errors
    ///
    /// Any; see above.
    #[doc(alias = "OnRead")]
    #[doc(alias = "Inputs")]
    #[doc(alias = "InputAck")]
    fn on_read(&mut self, descriptor: &F) -> io::Result<()>;

    /// There is room to write.
    ///
    /// # Errors
    ///
    /// Any; see above.
    #[doc(alias = "OnWrite")]
    #[doc(alias = "Outputs")]
    #[doc(alias = "OutputAck")]
    fn on_write(&mut self, descriptor: &F) -> io::Result<()> {
        let _ = descriptor;
        Ok(())
    }

    /// There will be no other call: both directions have ended or failed, a callback has
    /// failed, or the operator was dropped.
    #[doc(alias = "OnHup")]
    fn on_hup(&mut self, descriptor: &F, error: Option<&io::Error>) {
        let _ = (descriptor, error);
    }
}

/// A descriptor whose events are delivered to callbacks, without a task for it: a pipe,
/// an eventfd, a timerfd, a socket of any kind.
///
/// It is watched for everything, so there is nothing to switch on and off; what does not
/// matter is not implemented. Dropping this ends it: the descriptor is dropped after the
/// last call.
///
/// # Examples
///
/// ```
/// use netpoll::event::{Operate, Operator};
/// use netpoll::os::unix::net::UnixDatagram;
/// use std::io;
/// use std::sync::mpsc;
///
/// /// Passes on what it receives.
/// struct Passing(mpsc::Sender<Vec<u8>>);
///
/// impl Operate<UnixDatagram> for Passing {
///     fn on_read(&mut self, socket: &UnixDatagram) -> io::Result<()> {
///         let mut buffer = [0; 100];
///         loop {
///             match socket.recv(&mut buffer) {
///                 Ok(n) => drop(self.0.send(buffer[..n].to_vec())),
///                 Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
///                 Err(error) => return Err(error),
///             }
///         }
///     }
/// }
///
/// let (ours, theirs) = UnixDatagram::pair()?;
/// ours.set_nonblocking(true)?;
/// let (send, receive) = mpsc::channel();
/// let operator = Operator::new(ours, Passing(send))?;
/// theirs.send(b"datagram")?;
/// assert_eq!(receive.recv().unwrap(), b"datagram");
/// drop(operator);
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "FDOperator")]
#[doc(alias = "FD")]
#[doc(alias = "Free")]
pub struct Operator {
    handle: ConnectionHandle,
    remote: Arc<Remote>,
}

impl Operator {
    /// Has the events of a descriptor delivered, on a worker of the calling task's
    /// runtime, or of the one that starts by itself. What is there already is an event.
    ///
    /// Does not wait.
    ///
    /// # Errors
    ///
    /// Why there is no worker. That the descriptor cannot be watched, as a file cannot,
    /// ends the operator, and is handed to [`Operate::on_hup`].
    #[doc(alias = "Alloc")]
    #[doc(alias = "Control")]
    pub fn new<F>(descriptor: F, operate: impl Operate<F>) -> io::Result<Self>
    where
        F: AsFd + Send + 'static,
    {
        let workers = Workers::current()?;
        let least = (0..workers.len()).min_by_key(|worker| workers.load(*worker));
        let remote = Remote::new(&Arc::new(Options::new()), &Arc::default());
        Loop::install(&workers, least.unwrap_or(0), Arc::clone(&remote))?;
        let shared = Shared::new(&remote, Key(u64::MAX));
        remote.send(Command::Watch {
            session: Box::new(Operated {
                descriptor,
                operate,
            }),
            shared: Arc::clone(&shared),
            counted: Counted::new(&remote),
        });
        let handle = ConnectionHandle { shared };
        Ok(Self { handle, remote })
    }

    /// Whether callbacks may still be called.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.handle.is_active()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.handle.close();
        self.remote.send(Command::Leave);
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("is_active", &self.is_active())
            .finish_non_exhaustive()
    }
}

/// What a loop has of an operator.
struct Operated<F, O> {
    descriptor: F,
    operate: O,
}

impl<F: AsFd + Send, O: Operate<F>> Session for Operated<F, O> {
    fn start(&mut self, _: &mut Connection) -> io::Result<()> {
        Ok(())
    }

    fn request(&mut self, _: &mut Connection) -> io::Result<Next> {
        Ok(Next::Close)
    }

    fn operate(&mut self, flags: Flags) -> io::Result<()> {
        let ends = Flags::HUP | Flags::ERR;
        if flags.intersects(Flags::IN | Flags::PRI | Flags::RDHUP | ends) {
            self.operate.on_read(&self.descriptor)?;
        }
        if flags.contains(Flags::OUT) {
            self.operate.on_write(&self.descriptor)?;
        }
        Ok(())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }

    fn disconnect(&mut self, connection: &mut Connection) {
        poll::unwatch(self.descriptor.as_fd());
        self.operate.on_hup(&self.descriptor, connection.error());
    }
}
