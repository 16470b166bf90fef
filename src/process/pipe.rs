//! The parent's ends of a child's pipes.
//!
//! Each has an open file of its own: std makes the pipe, and the child's copy of our end
//! is gone when the child's program begins. So its mode may be changed. It is set back
//! when the descriptor is given away.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::process::Stdio;
use std::time::Instant;

use crate::fd::{Fd, ShortRead};
use crate::poll::Way;
use crate::sys::{pipe, socket};
use crate::task::Time;

/// One end of a pipe.
struct Pipe(Fd);

impl Pipe {
    fn new(fd: OwnedFd) -> Self {
        // Fails for a number that is not open, and for files that cannot be opened.
        let _ = socket::options::set_nonblocking(fd.as_fd(), true);
        Self(Fd::new(fd))
    }

    fn into_owned(self) -> OwnedFd {
        let fd = self.0.into_owned();
        let _ = socket::options::set_nonblocking(fd.as_fd(), false);
        fd
    }

    fn read(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        self.0
            .read_with(ShortRead::ProvesNothing, |fd| pipe::read(fd, buffers))
    }

    fn write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let buffers = &buffers[..buffers.len().min(pipe::SLICES_MOST)];
        let length = buffers.iter().map(|buffer| buffer.len()).sum();
        if length == 0 {
            return Ok(0);
        }
        self.0.write_with(length, |fd, written| match written {
            0 => pipe::write(fd, buffers),
            _ => pipe::write(fd, &after(buffers, written)),
        })
    }
}

/// What comes after so many bytes.
fn after<'a>(buffers: &[IoSlice<'a>], bytes: usize) -> Vec<IoSlice<'a>> {
    let mut rest = buffers.to_vec();
    let mut rest = &mut rest[..];
    IoSlice::advance_slices(&mut rest, bytes);
    rest.to_vec()
}

/// What all ends have.
macro_rules! end_of_pipe {
    ($type:ident) => {
        impl $type {
            pub(super) fn new(fd: OwnedFd) -> Self {
                Self(Pipe::new(fd))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.0.as_fd()
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl IntoRawFd for $type {
            fn into_raw_fd(self) -> RawFd {
                OwnedFd::from(self).into_raw_fd()
            }
        }

        impl From<$type> for OwnedFd {
            /// The descriptor, in blocking mode.
            fn from(end: $type) -> Self {
                end.0.into_owned()
            }
        }

        impl From<OwnedFd> for $type {
            /// The descriptor's open file comes into non-blocking mode, for all its
            /// duplicates.
            fn from(fd: OwnedFd) -> Self {
                Self::new(fd)
            }
        }

        impl From<std::process::$type> for $type {
            fn from(end: std::process::$type) -> Self {
                Self::new(end.into())
            }
        }

        impl From<$type> for Stdio {
            /// What another child reads from, or writes to.
            fn from(end: $type) -> Self {
                OwnedFd::from(end).into()
            }
        }
    };
}

/// What the ends have that the parent reads.
macro_rules! reading_end {
    ($type:ident) => {
        end_of_pipe!($type);

        impl $type {
            /// Makes reads fail with `TimedOut` from this moment on, also when data is
            /// there, and also one that waits already. `None` takes the deadline away,
            /// and reading works again. Any task may set it, at any time; one reads by
            /// reference meanwhile.
            ///
            /// # Errors
            ///
            /// None now.
            ///
            /// # Examples
            ///
            /// ```
            /// use netpoll::process::{Command, Stdio};
            /// use std::io::{ErrorKind, Read};
            /// use std::time::{Duration, Instant};
            ///
            /// let mut child = Command::new("cat")
            ///     .stdin(Stdio::piped())
            ///     .stdout(Stdio::piped())
            ///     .spawn()?;
            /// let mut output = child.stdout.take().unwrap();
            /// output.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
            /// assert_eq!(output.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::TimedOut);
            /// // Closes its input, which ends it.
            /// child.wait()?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SetReadDeadline")]
            pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.0.set_deadline(Way::Read, Time::of(deadline));
                Ok(())
            }
        }

        impl Read for &$type {
            /// Reads what is there; waits if there is nothing. Zero is the end, or an
            /// empty buffer.
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(&mut [IoSliceMut::new(buffer)])
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.0.read(buffers)
            }
        }

        impl Read for $type {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&*self).read_vectored(buffers)
            }
        }
    };
}

/// What a child reads as its standard input, in the shape of
/// [`std::process::ChildStdin`].
///
/// When it is dropped, the child finds the end.
///
/// Writing parks the task, or blocks the thread, while the pipe is full, until all of
/// the buffer is written, as on a blocking pipe. If an error or a deadline comes first,
/// it returns how much was written, and the next write fails. It fails with
/// `BrokenPipe` when nobody reads the other end any more.
///
/// # Examples
///
/// ```
/// use netpoll::process::{Command, Stdio};
/// use std::io::{ErrorKind, Write};
///
/// let mut child = Command::new("true").stdin(Stdio::piped()).spawn()?;
/// let mut input = child.stdin.take().unwrap();
/// child.wait()?;
/// assert_eq!(input.write_all(b"too late").unwrap_err().kind(), ErrorKind::BrokenPipe);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct ChildStdin(Pipe);

/// What a child writes to its standard output, in the shape of
/// [`std::process::ChildStdout`].
///
/// Reading parks the task, or blocks the thread, until there is something, or until all
/// who could write to the pipe are gone: the child, and those that it gave it to.
///
/// # Examples
///
/// ```
/// use netpoll::process::{Command, Stdio};
/// use std::io::{BufRead, BufReader};
///
/// let mut child = Command::new("printf")
///     .arg(r"one\ntwo\n")
///     .stdout(Stdio::piped())
///     .spawn()?;
/// let lines = BufReader::new(child.stdout.take().unwrap()).lines();
/// assert_eq!(lines.collect::<Result<Vec<_>, _>>()?, ["one", "two"]);
/// child.wait()?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// One child's output is another one's input:
///
/// ```
/// use netpoll::process::{Command, Stdio};
///
/// let mut first = Command::new("printf").arg("abc").stdout(Stdio::piped()).spawn()?;
/// let second = Command::new("wc").arg("-c").stdin(first.stdout.take().unwrap()).output()?;
/// assert_eq!(second.stdout.trim_ascii(), b"3");
/// first.wait()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct ChildStdout(Pipe);

/// What a child writes to its standard error output, in the shape of
/// [`std::process::ChildStderr`]; see [`ChildStdout`].
pub struct ChildStderr(Pipe);

end_of_pipe!(ChildStdin);
reading_end!(ChildStdout);
reading_end!(ChildStderr);

impl ChildStdin {
    /// Makes writes fail with `TimedOut` from this moment on, also one that waits
    /// already; that one returns how much was written, if anything. `None` takes the
    /// deadline away, and writing works again. Any task may set it, at any time; one
    /// writes by reference meanwhile.
    ///
    /// # Errors
    ///
    /// None now.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::{Command, Stdio};
    /// use std::io::{ErrorKind, Write};
    /// use std::time::{Duration, Instant};
    ///
    /// let mut child = Command::new("sleep").arg("60").stdin(Stdio::piped()).spawn()?;
    /// let input = child.stdin.as_mut().unwrap();
    /// input.set_write_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// // More than any pipe holds.
    /// let error = input.write_all(&vec![0; 2 << 20]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// child.kill()?;
    /// child.wait()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.0.set_deadline(Way::Write, Time::of(deadline));
        Ok(())
    }
}

impl Write for &ChildStdin {
    /// Writes all of the buffer, as on a blocking pipe; see [`ChildStdin`].
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(&[IoSlice::new(buffer)])
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(buffers)
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for ChildStdin {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self).write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
