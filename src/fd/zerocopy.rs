//! Sends from the caller's own memory (`MSG_ZEROCOPY`).
//!
//! The kernel sends from that memory, again and again if segments are lost, until it says
//! in the socket's error queue that it is done. What it says:
//!
//! 1. A send is numbered, and its memory kept in [`Pending`] under that number, in one step:
//!    nobody looks in between.
//! 2. The queue tells of ranges of numbers. Whoever is about to wait, or to send, takes
//!    what it has to tell ([`Fd::reap`]), and the memory of those sends is let go. It has to
//!    be taken before a wait: as long as the queue is not empty, the descriptor counts as
//!    ready for everything.
//! 3. Where the kernel has copied after all (on the loopback, for one; it says so), the
//!    socket copies from then on, which is faster.
//! 4. A descriptor that is closed, dropped or given away while memory is pending leaves the
//!    socket, by another number if need be, and the memory to [`linger`].
//!
//! Each such event sets the error flag of the descriptor, which is sticky: a short read no
//! longer proves that the socket is drained.
//!
//! The numbers are right only if nobody else sends so on the same socket. One that somebody
//! else may have copies.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Fd, linger};
use crate::sys::fork;
use crate::sys::socket::{self, Errno, Fault, zerocopy};

/// Less than this is copied faster, in bytes.
const LEAST: usize = 16 * 1024;

/// What a socket knows of such sends.
pub(super) struct ZeroCopy(Mutex<Pending>);

/// The memory that the kernel may still read; see the [module](self).
#[derive(Default)]
pub(super) struct Pending {
    next: u32,
    sends: VecDeque<(u32, Bytes)>,
    /// Whether the kernel does it; unknown before the first send is done.
    works: Option<bool>,
}

/// What the error queue had to tell. Letting go of memory runs its owner's code: not under
/// a lock.
#[derive(Default)]
#[must_use]
pub(super) struct Reaped {
    bytes: Vec<Bytes>,
    any: bool,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// Takes what the error queue has to tell.
    pub(super) fn reap(&mut self, fd: BorrowedFd<'_>) -> Reaped {
        let mut reaped = Reaped::default();
        if fork::is_child() {
            return reaped;
        }
        while !self.sends.is_empty() {
            match zerocopy::completion(fd) {
                Ok(Some(completion)) => {
                    let done = |(number, bytes): &mut (u32, Bytes)| {
                        let covers = completion.covers(*number);
                        if covers {
                            reaped.bytes.push(std::mem::take(bytes));
                        }
                        !covers
                    };
                    self.sends.retain_mut(done);
                    // Once it has copied, it will again.
                    self.works = Some(self.works != Some(false) && !completion.copied);
                }
                Ok(None) | Err(Fault::Interrupted) => {}
                Err(Fault::WouldBlock | Fault::Error(_)) => break,
            }
            reaped.any = true;
        }
        reaped
    }

    fn send(&mut self, fd: BorrowedFd<'_>, bytes: &Bytes, from: usize) -> Result<usize, Fault> {
        let sent = zerocopy::send(fd, &bytes[from..])?;
        if sent > 0 {
            let part = bytes.slice(from..from + sent);
            self.sends.push_back((self.next, part));
            self.next = self.next.wrapping_add(1);
        }
        Ok(sent)
    }
}

impl ZeroCopy {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fd {
    fn zerocopy(&self, fd: BorrowedFd<'_>) -> &ZeroCopy {
        self.zerocopy.get_or_init(|| {
            let works = zerocopy::enable(fd).is_err().then_some(false);
            Box::new(ZeroCopy(Mutex::new(Pending {
                works,
                ..Pending::default()
            })))
        })
    }

    /// Writes all of `bytes`, from where they are if that is worth it.
    pub(crate) fn write_zerocopy(&self, bytes: &Bytes) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        // Also to learn whether it works.
        self.reap();
        self.write_with(bytes.len(), |fd, written| {
            if bytes.len() - written >= LEAST && self.is_not_shared() {
                let mut pending = self.zerocopy(fd).lock();
                if pending.works != Some(false) {
                    match pending.send(fd, bytes, written) {
                        // Too much is pending, for what the system allows.
                        Err(Fault::Error(Errno::NOBUFS)) => {}
                        result => return result,
                    }
                }
            }
            socket::send(fd, &bytes[written..])
        })
    }

    /// How many bytes the kernel may still read.
    pub(crate) fn zerocopy_pending(&self) -> usize {
        self.reap();
        let Some(zerocopy) = self.zerocopy.get() else {
            return 0;
        };
        let pending = zerocopy.lock();
        pending.sends.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Whether the kernel sends from where the bytes are, if that is known.
    pub(crate) fn zerocopy_works(&self) -> Option<bool> {
        self.reap();
        self.zerocopy.get()?.lock().works
    }

    /// Waits until the kernel reads no memory any more; bounded like a write.
    pub(crate) fn wait_zerocopy(&self) -> io::Result<()> {
        self.write_patiently(|| {
            self.open()?;
            Ok((self.zerocopy_pending() == 0).then_some(()))
        })
    }

    /// Takes what the error queue has to tell; returns whether that was anything.
    #[inline]
    pub(super) fn reap(&self) -> bool {
        match self.zerocopy.get() {
            None => false,
            Some(zerocopy) => {
                let reaped = zerocopy.lock().reap(self.as_fd());
                reaped.any
            }
        }
    }

    /// Another number for the socket, if memory is pending, or may become so: to be given
    /// to [`leave_memory`](Self::leave_memory) once nothing is sent by this number any more.
    pub(super) fn before_replacing(&self) -> Option<io::Result<OwnedFd>> {
        self.zerocopy.get()?;
        Some(socket::duplicate(self.as_fd()))
    }

    /// For the end of a descriptor that was not given away.
    pub(super) fn drop_zerocopy(&mut self) {
        if self.zerocopy.get().is_some() {
            let socket = self.fd.take().ok_or_else(|| Errno::BADF.into());
            self.leave_memory(socket, true);
        }
    }

    /// Leaves the memory that is pending to [`linger`], together with the socket.
    pub(super) fn leave_memory(&self, socket: io::Result<OwnedFd>, end: bool) {
        let Some(zerocopy) = self.zerocopy.get() else {
            return;
        };
        // The connection and its error queue belong to the parent.
        if fork::is_child() {
            return;
        }
        let mut pending = std::mem::take(&mut *zerocopy.lock());
        if let Ok(socket) = &socket {
            let _ = pending.reap(socket.as_fd());
        }
        if pending.is_empty() {
            return;
        }
        match socket {
            Ok(socket) => {
                if end {
                    end_connection(socket.as_fd());
                }
                linger::keep(socket, pending);
            }
            // Nobody can say when the kernel is done with it.
            Err(_) => std::mem::forget(pending),
        }
    }
}

/// What closing the socket would do, as far as the peer sees.
fn end_connection(socket: BorrowedFd<'_>) {
    use socket::options;
    let resets = matches!(options::linger(socket), Ok(Some(time)) if time.is_zero());
    let _ = if resets {
        socket::disconnect(socket)
    } else {
        socket::shutdown(socket, Shutdown::Both)
    };
}
