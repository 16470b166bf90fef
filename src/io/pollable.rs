//! `Pollable`.

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use crate::fd::{Fd, ShortRead};
use crate::poll::{self, Way};
use crate::sys::pipe;
use crate::sys::socket::Fault;
use crate::task::Time;

/// Waits for any descriptor that can be waited for, and makes system calls of your own on
/// it: an eventfd, a timerfd, inotify, a terminal, a device, a socket of a family that
/// netpoll has no type for.
///
/// Whatever you have, with an `AsFd`, goes inside. [`read_with`](Self::read_with) calls you
/// when there may be something, and again after the next wait if you say `WouldBlock`. No
/// buffer is held while it waits.
///
/// Your call must not wait itself: put the descriptor into **non-blocking mode**, or use
/// a flag like `MSG_DONTWAIT`. One that waits blocks the worker.
///
/// It takes one more descriptor, a duplicate that is waited on: what is inside may close
/// its own whenever it likes. Of several tasks that read (or write) through one of these,
/// one goes first, and the others wait for it.
///
/// # Examples
///
/// A timer:
///
/// ```
/// use netpoll::io::{self, Pollable, Read};
/// use std::fs::File;
/// use std::os::fd::{AsRawFd, FromRawFd};
///
/// # // SAFETY: plain C; the new descriptor is nobody else's.
/// let timer = unsafe {
///     let timer = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK);
///     assert!(timer >= 0);
///     File::from_raw_fd(timer)
/// };
/// let timer = Pollable::new(timer)?;
///
/// let mut when: libc::itimerspec = unsafe { std::mem::zeroed() };
/// when.it_value.tv_nsec = 5_000_000;
/// # // SAFETY: plain C, on memory that outlives the call.
/// unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &when, std::ptr::null_mut()) };
///
/// let mut count = [0; 8];
/// timer.read_with(|mut timer| timer.read(&mut count))?;
/// assert_eq!(u64::from_ne_bytes(count), 1);
/// # io::Result::Ok(())
/// ```
///
/// A file on a disk cannot be waited for:
///
/// ```
/// use netpoll::io::{ErrorKind, Pollable};
/// use std::fs::File;
///
/// let error = Pollable::new(File::open("/etc/passwd")?).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unsupported);
/// # std::io::Result::Ok(())
/// ```
pub struct Pollable<T: AsFd> {
    inner: T,
    fd: Fd,
}

impl<T: AsFd> Pollable<T> {
    /// Takes what has a descriptor. Does not wait.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the kernel cannot wait for it: files on a disk, directories,
    /// `/dev/null`. What `dup` and `epoll_ctl` fail with: no descriptors to spare.
    pub fn new(inner: T) -> Result<Self> {
        let duplicate = pipe::duplicate(inner.as_fd())?;
        if !poll::can_watch(duplicate.as_fd())? {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the kernel cannot wait for this kind of file: it always counts as ready",
            ));
        }
        Ok(Self {
            inner,
            fd: Fd::new(duplicate),
        })
    }

    /// What is inside.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// What is inside. If it then has another descriptor, this still waits for the first.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Gives back what is inside.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// Calls `read` until it returns something other than `WouldBlock` or `Interrupted`,
    /// and waits after each `WouldBlock` until there may be something to read.
    ///
    /// Parks the task, or blocks the thread. If `read` panics, nothing is lost.
    ///
    /// # Errors
    ///
    /// Those of `read`; `WouldBlock` after the read timeout, `TimedOut` after the deadline,
    /// `NotConnected`, with [`Closed`](super::Closed), once this is closed;
    /// [`Cancelled`](super::Cancelled) in a task whose runtime ends.
    ///
    /// # Examples
    ///
    /// See [`Pollable`].
    pub fn read_with<R>(&self, read: impl FnMut(&T) -> Result<R>) -> Result<R> {
        let mut call = Call::new(self, Way::Read, read);
        self.fd
            .read_with(ShortRead::ProvesNothing, |_| call.attempt())?;
        call.result()
    }

    /// Calls `write` until it returns something other than `WouldBlock` or `Interrupted`,
    /// and waits after each `WouldBlock` until there may be room. See
    /// [`read_with`](Self::read_with).
    ///
    /// # Errors
    ///
    /// As for [`read_with`](Self::read_with), for the direction of writing.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::io::{Pollable, Write};
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// let (left, right) = UnixDatagram::pair()?;
    /// left.set_nonblocking(true)?;
    /// let left = Pollable::new(left)?;
    /// left.write_with(|socket| socket.send(b"one"))?;
    /// assert_eq!(right.recv(&mut [0; 16])?, 3);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn write_with<R>(&self, write: impl FnMut(&T) -> Result<R>) -> Result<R> {
        /// A write that is done once it returned anything.
        const ONE_PIECE: usize = 0;
        let mut call = Call::new(self, Way::Write, write);
        self.fd.write_with(ONE_PIECE, |_, _| call.attempt())?;
        call.result()
    }

    /// Waits until there is something to read, or to learn: the end, an error. Takes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As for [`read_with`](Self::read_with).
    pub fn wait_readable(&self) -> Result<()> {
        self.fd.wait_ready(Way::Read)
    }

    /// Waits until there is room to write, or an error to learn. Writes nothing.
    ///
    /// # Errors
    ///
    /// As for [`write_with`](Self::write_with).
    pub fn wait_writable(&self) -> Result<()> {
        self.fd.wait_ready(Way::Write)
    }

    /// Bounds each read and each write from now on: one that had to wait for longer fails
    /// with `WouldBlock`, as sockets do. `None` takes the bound away. Does not wait.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for zero.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        self.fd.set_timeout(Way::Read, timeout)?;
        self.fd.set_timeout(Way::Write, timeout)
    }

    /// Makes reads fail with `TimedOut` from this moment on, also those that wait already.
    /// `None` takes the deadline away. Does not wait.
    ///
    /// # Errors
    ///
    /// None now.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::io::{self, ErrorKind, Pollable, Read};
    /// use std::os::unix::net::UnixStream;
    /// use std::time::{Duration, Instant};
    ///
    /// let (left, _right) = UnixStream::pair()?;
    /// left.set_nonblocking(true)?;
    /// let left = Pollable::new(left)?;
    /// left.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// let error = left.read_with(|mut socket| socket.read(&mut [0; 16])).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// # io::Result::Ok(())
    /// ```
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        self.fd.set_deadline(Way::Read, Time::of(deadline));
        Ok(())
    }

    /// Makes writes fail with `TimedOut` from this moment on; see
    /// [`set_read_deadline`](Self::set_read_deadline).
    ///
    /// # Errors
    ///
    /// None now.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        self.fd.set_deadline(Way::Write, Time::of(deadline));
        Ok(())
    }

    /// Ends waiting: who waits here is woken with [`Closed`](super::Closed), later calls
    /// fail so. What is inside stays open, for its own owner to close. Does not wait.
    #[doc(alias = "Close")]
    pub fn close(&self) {
        self.fd.close();
    }
}

/// A user's system call.
struct Call<'a, T: AsFd, F, R> {
    pollable: &'a Pollable<T>,
    way: Way,
    call: F,
    result: Option<Result<R>>,
}

impl<'a, T: AsFd, F: FnMut(&T) -> Result<R>, R> Call<'a, T, F, R> {
    fn new(pollable: &'a Pollable<T>, way: Way, call: F) -> Self {
        Self {
            pollable,
            way,
            call,
            result: None,
        }
    }

    fn attempt(&mut self) -> std::result::Result<usize, Fault> {
        /// If the call panics, it has not shown that nothing is left.
        struct Restore<'a>(&'a Fd, Way);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.try_again(self.1);
            }
        }
        let restore = Restore(&self.pollable.fd, self.way);
        let result = (self.call)(&self.pollable.inner);
        std::mem::forget(restore);
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Fault::WouldBlock),
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(Fault::Interrupted),
            result => {
                self.result = Some(result);
                // Something, whatever it was.
                Ok(1)
            }
        }
    }

    fn result(self) -> Result<R> {
        self.result.expect("an attempt has ended")
    }
}

impl<T: AsFd> AsFd for Pollable<T> {
    /// The descriptor of what is inside.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl<T: AsFd> AsRawFd for Pollable<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pollable").field(&self.inner).finish()
    }
}
