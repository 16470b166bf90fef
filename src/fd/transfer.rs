//! Moving bytes from one descriptor to another inside of the kernel.
//!
//! | from | to | by |
//! |---|---|---|
//! | socket | socket | `splice`, through a [`Conduit`] |
//! | socket | pipe | `splice` |
//! | pipe | socket, pipe | `splice` |
//! | file | socket | `sendfile`; see [`Sends`](super::Sends) |
//!
//! A step moves something, or says that it is time for a plain read. It is the plain read
//! that waits for a source that has nothing, that finds the end, and that gets past the
//! mark of urgent data, at which `splice` stops and returns zero. So nothing here decides
//! about the end; and while a source has nothing, no pipe is held.
//!
//! # The mode of sockets
//!
//! `splice` has no flag to say that a *socket* shall not wait. So reading asks first
//! whether there is anything, as the caller has the turn to read; and for writing the open
//! file is in non-blocking mode during the one system call. That is right only if nobody
//! else has the open file. Sockets that came from elsewhere, and those of which a duplicate
//! was handed out, are read and written.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use super::conduit::Conduit;
use super::{Course, End, Ends, Fd, ShortRead, error_of};
use crate::buf::Block;
use crate::poll::Way;
use crate::sys::socket::{self, Errno, Fault, options};
use crate::sys::{poll, splice};

/// As much as a step asks for, in bytes. A pipe holds less, often.
const MOST: usize = 1 << 20;
/// Less than this is copied faster than it is moved from a socket.
const BULK: usize = 16 * 1024;
/// A write that is done once anything was written.
const ONE_PIECE: usize = 0;

/// A way for bytes from a reader to a writer; see the [module](self).
pub(crate) struct Transfer<R, W> {
    from: Ends<R>,
    to: Ends<W>,
    /// Whether a socket brings much at a time.
    bulk: bool,
    refused: bool,
}

impl<R, W> Transfer<R, W> {
    /// `None` if the bytes have to be read and written.
    pub(crate) fn between(reader: &R, writer: &W) -> Option<Self> {
        let (from, to) = (Ends::<R>::of()?, Ends::<W>::of()?);
        match (from.end(reader)?, to.end(writer)?) {
            (End::Socket(from), End::Socket(to)) if from.is_ours() && to.is_ours() => {}
            (End::Socket(from), End::Pipe(to)) if from.is_ours() && is_pipe(to) => {}
            (End::Pipe(from), End::Socket(to)) if is_pipe(from) && to.is_ours() => {}
            (End::Pipe(from), End::Pipe(to)) if is_pipe(from) && is_pipe(to) => {}
            (End::File(_), End::Socket(to)) if to.is_ours() => {}
            _ => return None,
        }
        if signal_ends_the_process() {
            return None;
        }
        Some(Self {
            from,
            to,
            bulk: false,
            refused: false,
        })
    }

    /// Tells what a plain read brought: whether it filled what it was offered.
    pub(crate) fn has_read(&mut self, full: bool) {
        self.bulk = full;
    }

    /// Moves some bytes, and tells the course; returns how many. Zero if a plain read is what
    /// comes next.
    pub(crate) fn step(
        &mut self,
        reader: &R,
        writer: &W,
        course: &mut impl Course,
    ) -> io::Result<usize> {
        let (Some(from), Some(to)) = (self.from.end(reader), self.to.end(writer)) else {
            return Ok(0);
        };
        if self.refused {
            return Ok(0);
        }
        let moved = match (from, to) {
            (End::Socket(_), _) if !self.bulk => return Ok(0),
            (End::Socket(from), End::Socket(to)) => self.through(from, to, course),
            (End::Socket(from), End::Pipe(to)) => socket_to_pipe(from, to),
            (End::Pipe(from), End::Socket(to)) => {
                from_pipe(from, to, |from, out| to.splice_into(out, from))
            }
            (End::Pipe(from), End::Pipe(to)) => {
                from_pipe(from, to, |from, out| splice::splice(from, out, MOST))
            }
            (End::File(file), End::Socket(to)) if to.is_ours() => file.send_to(to, MOST),
            _ => return Ok(0),
        };
        match moved {
            Ok(n) => {
                self.bulk &= n >= BULK;
                if !matches!((from, to), (End::Socket(_), End::Socket(_))) {
                    course.moved(n);
                }
                Ok(n)
            }
            Err(error) if is_refusal(&error) => {
                self.refused = true;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// From socket to socket. What is in the pipe is in nobody else's hands, so all of it
    /// is written before this returns, as after a plain read.
    fn through(&mut self, from: &Fd, to: &Fd, course: &mut impl Course) -> io::Result<usize> {
        if !(from.is_ours() && to.is_ours()) {
            return Ok(0);
        }
        let mut conduit = None;
        let taken = loop {
            let taken = from.read_with(ShortRead::ProvesNothing, |fd| {
                if socket::peek(fd, &mut [0])? == 0 {
                    return Ok(0);
                }
                let Some(mut pipe) = Conduit::take() else {
                    return Ok(0);
                };
                let taken = would_block_is_zero(pipe.fill(fd, MOST))?;
                conduit = Some(pipe);
                Ok(taken)
            });
            match taken {
                Err(error) if !is_refusal(&error) && course.goes_on(Way::Read, &error) => {}
                taken => break taken?,
            }
        };
        let Some(mut conduit) = conduit else {
            return Ok(0);
        };
        while conduit.held() > 0 {
            let written = to.write_with(conduit.held(), |out, _| to.pour(&mut conduit, out));
            match written {
                Ok(n) => course.moved(n),
                Err(error) if is_refusal(&error) => {
                    self.refused = true;
                    write_rest(&mut conduit, to, course)?;
                }
                Err(error) if course.goes_on(Way::Write, &error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }
}

/// Writes what is in a pipe by hand.
fn write_rest(conduit: &mut Conduit, to: &Fd, course: &mut impl Course) -> io::Result<()> {
    while conduit.held() > 0 {
        let mut block = Block::with_room_for(BULK);
        block.fill(BULK, |buffer| conduit.read(buffer))?;
        let mut rest = &block[..];
        while !rest.is_empty() {
            match to.write(rest) {
                Ok(n) => {
                    course.moved(n);
                    rest = &rest[n..];
                }
                Err(error) if course.goes_on(Way::Write, &error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn socket_to_pipe(from: &Fd, to: &Fd) -> io::Result<usize> {
    loop {
        to.check(Way::Write).map_err(error_of)?;
        let mut refused = None;
        let moved = from.read_with(ShortRead::ProvesNothing, |fd| {
            if socket::peek(fd, &mut [0])? == 0 {
                return Ok(0);
            }
            splice::splice(fd, to.as_fd(), MOST).or_else(|fault| {
                refused = Some(fault);
                Ok(0)
            })
        })?;
        match refused {
            None => return Ok(moved),
            Some(Fault::Interrupted) => {}
            Some(Fault::Error(errno)) => return Err(to.cause(errno)),
            // There is something to read, so it is the pipe that is full.
            Some(Fault::WouldBlock) => to.wait_ready(Way::Write)?,
        }
    }
}

/// From a pipe, which is left alone while it is empty.
fn from_pipe(
    from: &Fd,
    to: &Fd,
    mut splice: impl FnMut(BorrowedFd<'_>, BorrowedFd<'_>) -> Result<usize, Fault>,
) -> io::Result<usize> {
    from.check(Way::Read).map_err(error_of)?;
    to.write_with(ONE_PIECE, |out, _| {
        match splice(from.as_fd(), out) {
            // One of the two is the reason.
            Err(Fault::WouldBlock) if !poll::is_readable(from.as_fd()) => Ok(0),
            result => result,
        }
    })
}

/// Right after the socket had something: then only a plain read says what it is.
fn would_block_is_zero(result: Result<usize, Fault>) -> Result<usize, Fault> {
    match result {
        Err(Fault::WouldBlock) => Ok(0),
        result => result,
    }
}

fn is_pipe(fd: &Fd) -> bool {
    splice::is_pipe(fd.as_fd())
}

/// Whether the kernel does not do this with such descriptors, and has done nothing.
fn is_refusal(error: &io::Error) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Looked up once: whoever changes it does so when the program starts.
fn signal_ends_the_process() -> bool {
    static ENDS: OnceLock<bool> = OnceLock::new();
    *ENDS.get_or_init(splice::would_end_the_process)
}

impl Fd {
    /// Whether nobody else has the open file.
    pub(super) fn is_not_shared(&self) -> bool {
        !self.shared.load(Ordering::Relaxed)
    }

    /// Whether nobody else has the open file, and waiting is what its user wants.
    fn is_ours(&self) -> bool {
        self.is_not_shared() && !self.is_nonblocking()
    }

    /// Sends bytes of a file, by the call given, which may wait for a disk, but not for
    /// the socket.
    pub(crate) fn send_file(
        &self,
        mut send: impl FnMut(BorrowedFd<'_>) -> Result<usize, Fault>,
    ) -> io::Result<usize> {
        self.write_with(ONE_PIECE, |out, _| self.without_waiting(out, &mut send))
    }

    fn splice_into(&self, out: BorrowedFd<'_>, from: BorrowedFd<'_>) -> Result<usize, Fault> {
        self.without_waiting(out, |out| splice::splice(from, out, MOST))
    }

    fn pour(&self, conduit: &mut Conduit, out: BorrowedFd<'_>) -> Result<usize, Fault> {
        match self.without_waiting(out, |out| conduit.pour(out)) {
            // Of no use to anybody, and never seen.
            Ok(0) => Err(Fault::Error(Errno::IO)),
            result => result,
        }
    }

    /// Makes a call that goes by the mode of the open file, and shall not wait.
    fn without_waiting<T>(
        &self,
        fd: BorrowedFd<'_>,
        call: impl FnOnce(BorrowedFd<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        /// Back to what the user wants, whatever happens.
        struct Mode<'a>(&'a Fd, BorrowedFd<'a>);
        impl Drop for Mode<'_> {
            fn drop(&mut self) {
                // Somebody may set it meanwhile: they say so before they do it.
                loop {
                    let on = self.0.is_nonblocking();
                    let _ = options::set_nonblocking(self.1, on);
                    if self.0.is_nonblocking() == on {
                        return;
                    }
                }
            }
        }
        if options::set_nonblocking(fd, true).is_err() {
            // Only a descriptor that is no more.
            return Err(Fault::Error(Errno::BADF));
        }
        let _mode = Mode(self, fd);
        call(fd)
    }
}
