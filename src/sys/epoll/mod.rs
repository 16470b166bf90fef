//! The kernel's readiness queue, safe and without the rest of the runtime.
//!
//! An [`Epoll`] watches file descriptors and says which of them are ready.
//! Each descriptor is registered with [`Flags`] (what to watch for, and how to
//! report it) and a token, a `u64` of your choosing that comes back untouched
//! with every event. [`Epoll::wait`] fills an [`Events`] buffer, and a
//! [`Waker`] ends a wait from any thread.
//!
//! Everything here blocks the calling *thread*. The module neither starts the
//! runtime nor needs it: it is what the runtime itself stands on, and what a
//! hand-written event loop wants.
//!
//! # Level, edge, one-shot
//!
//! | registered with | an event is reported |
//! |---|---|
//! | neither flag ("level") | by every wait, for as long as the descriptor is ready |
//! | [`Flags::EDGE_TRIGGERED`] | once when registered or modified while ready, then whenever more arrives: go on until [`WouldBlock`](std::io::ErrorKind::WouldBlock), or the rest is never reported |
//! | [`Flags::ONE_SHOT`] | once; then silence until [`Epoll::modify`] arms the descriptor again |
//!
//! Readiness is a hint, never a promise. Another thread may have taken the
//! bytes, so descriptors should be non-blocking.
//!
//! # What a registration belongs to
//!
//! The kernel files a registration under the pair of the descriptor's *number*
//! and the *open file description* behind it, which all duplicates
//! ([`try_clone`](std::net::TcpStream::try_clone), `dup`, a forked child's
//! copies) share. From this follows:
//!
//! - Registering borrows the descriptor for the call only. It may be closed
//!   while registered, which is safe: tokens are numbers, and nothing here
//!   follows them as pointers.
//! - Closing the *last* duplicate removes the registration by itself.
//! - Closing the registered one while a duplicate lives does not. Events with
//!   its token go on, and since the number is gone, neither
//!   [`modify`](Epoll::modify) nor [`delete`](Epoll::delete) reaches the
//!   registration any more. Where duplicates may exist, delete first, then close.
//! - A number is reused by the next descriptor that is opened. Do not use the
//!   number as the token if a late event for the old one could be mistaken for
//!   the new one's; a counter, or an index with a generation, cannot be.
//! - A duplicate is a number of its own and can be registered beside the
//!   original, for instance with another token for the other direction.
//!
//! # Examples
//!
//! ```
//! use netpoll::epoll::{Epoll, Events, Flags};
//! use std::io::{Read, Write};
//! use std::os::unix::net::UnixStream;
//!
//! let (mut near, mut far) = UnixStream::pair()?;
//! near.set_nonblocking(true)?;
//!
//! let epoll = Epoll::new()?;
//! epoll.add(&near, Flags::IN | Flags::EDGE_TRIGGERED, 7)?;
//!
//! far.write_all(b"hello")?;
//! let mut events = Events::with_capacity(64);
//! epoll.wait(&mut events, None)?;
//! for event in &events {
//!     assert_eq!(event.token, 7);
//!     assert!(event.flags.contains(Flags::IN));
//! }
//!
//! let mut buf = [0; 16];
//! assert_eq!(near.read(&mut buf)?, 5);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A whole server, level- and edge-triggered, is `examples/epoll_echo.rs`.

mod events;
mod flags;
mod wait;
mod waker;

#[doc(alias = "epoll_event")]
pub use events::Event;
pub use events::{Events, Iter};
#[doc(alias = "epoll_event")]
pub use flags::Flags;
#[doc(alias = "eventfd")]
#[doc(alias = "Trigger")]
pub use waker::Waker;

use rustix::event::epoll as kernel;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// An epoll instance: a set of watched descriptors and the queue of those that
/// are ready.
///
/// All methods take `&self`: any thread may register, modify and delete while
/// others wait, and a change takes effect on waits that are already under way.
/// When several threads wait, an edge-triggered event is given to one of them;
/// a level-triggered one may be given to several.
///
/// Dropping closes the descriptor and with it all registrations.
///
/// # Examples
///
/// ```
/// use netpoll::epoll::{Epoll, Events, Flags};
/// use std::io::Write;
/// use std::time::Duration;
///
/// let (reader, mut writer) = std::io::pipe()?;
/// let epoll = Epoll::new()?;
/// epoll.add(&reader, Flags::IN, 1)?;
///
/// let mut events = Events::new();
/// assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO))?, 0);
/// writer.write_all(b"x")?;
/// assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO))?, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "epoll_create")]
#[doc(alias = "Poll")]
pub struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    /// Creates an epoll instance. Its descriptor is closed on `exec`.
    ///
    /// # Errors
    ///
    /// - `EMFILE` or `ENFILE` (by [`raw_os_error`](io::Error::raw_os_error),
    ///   since std has no kind for them): the process or the system is out of
    ///   descriptors, or the user out of epoll instances.
    /// - [`OutOfMemory`](io::ErrorKind::OutOfMemory): the kernel is out of memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let epoll = netpoll::epoll::Epoll::new()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "EpollCreate")]
    #[doc(alias = "epoll_create1")]
    pub fn new() -> io::Result<Epoll> {
        let fd = kernel::create(kernel::CreateFlags::CLOEXEC)?;
        Ok(Epoll { fd })
    }

    /// Watches a descriptor.
    ///
    /// If it is ready already, the next [`wait`](Epoll::wait) says so, with
    /// [`Flags::EDGE_TRIGGERED`] too. [`Flags::ERR`] and [`Flags::HUP`] are
    /// always watched for. The descriptor is borrowed for the call only; the
    /// [module's documentation](self#what-a-registration-belongs-to) says what
    /// becomes of the registration when it is closed.
    ///
    /// # Errors
    ///
    /// - [`AlreadyExists`](io::ErrorKind::AlreadyExists): the descriptor is
    ///   registered already; see [`modify`](Epoll::modify).
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): it is of a sort
    ///   that cannot be waited for, such as a regular file or a directory.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): it is this instance
    ///   itself, or [`Flags::EXCLUSIVE`] stands beside a flag it does not go with.
    /// - [`StorageFull`](io::ErrorKind::StorageFull): the user's limit of
    ///   registrations, `/proc/sys/fs/epoll/max_user_watches`, is reached.
    /// - [`OutOfMemory`](io::ErrorKind::OutOfMemory): the kernel is out of memory.
    /// - `ELOOP` (by [`raw_os_error`](io::Error::raw_os_error)): it is an epoll
    ///   instance which watches this one, or the chain of instances gets too long.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::{Epoll, Flags};
    /// use std::io::ErrorKind;
    /// use std::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let epoll = Epoll::new()?;
    /// epoll.add(&listener, Flags::IN, 0)?;
    ///
    /// let twice = epoll.add(&listener, Flags::IN, 0).unwrap_err();
    /// assert_eq!(twice.kind(), ErrorKind::AlreadyExists);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "EpollCtl")]
    #[doc(alias = "epoll_ctl")]
    #[doc(alias = "EPOLL_CTL_ADD")]
    pub fn add(&self, fd: impl AsFd, flags: Flags, token: u64) -> io::Result<()> {
        let data = kernel::EventData::new_u64(token);
        Ok(kernel::add(&self.fd, fd, data, flags.to_kernel())?)
    }

    /// Replaces the flags and the token of a watched descriptor.
    ///
    /// This also arms a [`Flags::ONE_SHOT`] descriptor again, and makes an
    /// edge-triggered one report anew what is ready at this moment. With empty
    /// flags the descriptor stays registered and reports only
    /// [`Flags::ERR`] and [`Flags::HUP`].
    ///
    /// # Errors
    ///
    /// - [`NotFound`](io::ErrorKind::NotFound): the descriptor is not registered.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): it was registered with
    ///   [`Flags::EXCLUSIVE`], or this flag is among the new ones: delete and
    ///   add it instead. Or it is this instance itself.
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): it is of a sort
    ///   that cannot be waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::{Epoll, Events, Flags};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// let epoll = Epoll::new()?;
    /// epoll.add(&near, Flags::IN, 1)?;
    /// epoll.modify(&near, Flags::IN | Flags::OUT, 2)?;
    ///
    /// let mut events = Events::new();
    /// epoll.wait(&mut events, None)?;
    /// let event = events.get(0).unwrap();
    /// assert_eq!((event.flags, event.token), (Flags::OUT, 2));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "EpollCtl")]
    #[doc(alias = "epoll_ctl")]
    #[doc(alias = "EPOLL_CTL_MOD")]
    pub fn modify(&self, fd: impl AsFd, flags: Flags, token: u64) -> io::Result<()> {
        let data = kernel::EventData::new_u64(token);
        Ok(kernel::modify(&self.fd, fd, data, flags.to_kernel())?)
    }

    /// Stops watching a descriptor.
    ///
    /// No wait that begins afterwards reports it. An [`Events`] buffer that was
    /// filled before may still hold its last event.
    ///
    /// # Errors
    ///
    /// - [`NotFound`](io::ErrorKind::NotFound): the descriptor is not registered.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): it is this instance itself.
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): it is of a sort
    ///   that cannot be waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::{Epoll, Flags};
    /// use std::io::ErrorKind;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let epoll = Epoll::new()?;
    /// epoll.add(&reader, Flags::IN, 0)?;
    /// epoll.delete(&reader)?;
    /// assert_eq!(epoll.delete(&reader).unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "EpollCtl")]
    #[doc(alias = "epoll_ctl")]
    #[doc(alias = "EPOLL_CTL_DEL")]
    pub fn delete(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(kernel::delete(&self.fd, fd)?)
    }

    /// Waits until at least one descriptor is ready, and returns how many
    /// events are now in `events`.
    ///
    /// What `events` held before is gone, also after an error. If more
    /// descriptors are ready than fit in, later calls report the others first.
    ///
    /// # Timeouts
    ///
    /// With `None` the call waits for as long as it takes, with
    /// [`Duration::ZERO`] it only looks. With anything else it returns 0 once
    /// that long has passed, never earlier. Timeouts are exact to the
    /// nanosecond in so far as the kernel's timers are (Linux 5.11, by
    /// `epoll_pwait2`). Where the kernel, or a seccomp filter, lacks this call,
    /// they are rounded up to the next millisecond, and a timeout of more than
    /// 24 days ends after 24 days.
    ///
    /// # Errors
    ///
    /// - [`Interrupted`](io::ErrorKind::Interrupted): a signal handler ran on
    ///   this thread, or the process was stopped and continued. The call is not
    ///   repeated, since the timeout would start anew and since an event loop
    ///   often wants to look at what the handler did: work out the time that
    ///   remains, and call again.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): the descriptor that this
    ///   was [made from](#impl-From<OwnedFd>-for-Epoll) is no epoll instance.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::{Epoll, Events};
    /// use std::time::{Duration, Instant};
    ///
    /// let epoll = Epoll::new()?;
    /// let mut events = Events::new();
    /// let timeout = Duration::from_micros(200);
    /// let start = Instant::now();
    /// assert_eq!(epoll.wait(&mut events, Some(timeout))?, 0);
    /// assert!(start.elapsed() >= timeout);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "EpollWait")]
    #[doc(alias = "Wait")]
    #[doc(alias = "epoll_wait")]
    #[doc(alias = "epoll_pwait")]
    #[doc(alias = "epoll_pwait2")]
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        wait::wait(self.fd.as_fd(), events.spare(), timeout)?;
        Ok(events.len())
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Epoll {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Takes over a descriptor, which should be an epoll instance's. With any other
/// nothing bad happens, but every method fails, as a rule with
/// [`InvalidInput`](io::ErrorKind::InvalidInput).
impl From<OwnedFd> for Epoll {
    fn from(fd: OwnedFd) -> Epoll {
        Epoll { fd }
    }
}

impl From<Epoll> for OwnedFd {
    fn from(epoll: Epoll) -> OwnedFd {
        epoll.fd
    }
}
