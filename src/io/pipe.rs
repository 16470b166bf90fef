//! Pipes.

use std::fmt;
use std::io::{IoSlice, IoSliceMut, Read, Result, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::process::Stdio;
use std::sync::{Arc, Once};
use std::time::Instant;

use super::descriptor::Descriptor;
use crate::buf::Block;
use crate::fd::{End, Endpoint, Source, announce, announce_end};
use crate::poll::Way;
use crate::sys::pipe as sys;
use crate::task::Time;

/// Makes a pipe: what is written to one end is read from the other, in order. In the
/// shape of [`std::io::pipe`].
///
/// The reader finds the end when all writers are dropped. Between tasks a channel is
/// cheaper; a pipe is for another process, or for what wants a descriptor.
///
/// # Errors
///
/// What `pipe2` fails with: no descriptors to spare.
///
/// # Examples
///
/// ```
/// use netpoll::io::{self, Read, Write};
/// use netpoll::thread;
///
/// let (mut reader, mut writer) = io::pipe()?;
/// let task = thread::spawn(move || io::read_to_string(&mut reader));
/// writer.write_all(b"to the end")?;
/// drop(writer);
/// assert_eq!(task.join().unwrap()?, "to the end");
/// # io::Result::Ok(())
/// ```
///
/// The output of a child process, while other tasks of the worker run:
///
/// ```
/// use netpoll::io;
/// use std::process::Command;
///
/// let (reader, writer) = io::pipe()?;
/// let mut child = Command::new("echo").arg("hello").stdout(writer).spawn()?;
/// // `Command` is a temporary: its writer is closed by now, and the child has another.
/// assert_eq!(io::read_to_string(reader)?, "hello\n");
/// child.wait()?;
/// # io::Result::Ok(())
/// ```
pub fn pipe() -> Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = sys::pipe()?;
    let reader = PipeReader::new(Descriptor::ours(reader));
    Ok((reader, PipeWriter::new(Descriptor::ours(writer))))
}

/// The end of a pipe that is read from, in the shape of [`std::io::PipeReader`].
///
/// A read parks the task, or blocks the thread, until something is there, or all writers
/// are gone; it then returns zero. Clones made by [`try_clone`](Self::try_clone) share one
/// descriptor, a deadline, and what comes.
///
/// # Descriptors
///
/// The ends that [`pipe`] makes are in non-blocking mode. Who gets one as an [`OwnedFd`]
/// or a [`Stdio`] gets it in blocking mode, as child processes expect.
///
/// One that is made *from* a descriptor, of whatever kind, leaves its mode as it is, since
/// others may share the open file. Each read may then cost a second system call; and if
/// another process reads the same file at the same moment, it can block the worker until
/// more comes. What epoll refuses (a file on a disk, `/dev/null`) is read on a thread of
/// the pool of [`blocking`](crate::blocking), without a deadline.
pub struct PipeReader {
    end: Arc<Descriptor>,
}

/// The end of a pipe that is written to, in the shape of [`std::io::PipeWriter`].
///
/// A write parks the task, or blocks the thread, until all is written. When all readers
/// are gone it fails with `BrokenPipe`. Clones made by [`try_clone`](Self::try_clone) share
/// one descriptor and a deadline, and what two of them write in one call each does not
/// mix.
///
/// For descriptors see [`PipeReader`]: one that is made from a descriptor leaves its mode
/// as it is.
pub struct PipeWriter {
    end: Arc<Descriptor>,
}

impl PipeReader {
    fn new(end: Descriptor) -> Self {
        static ANNOUNCED: Once = Once::new();
        ANNOUNCED.call_once(|| {
            announce::<Self>();
            announce_end::<Self>();
        });
        Self { end: Arc::new(end) }
    }

    /// Another handle to the same end. No descriptor is needed.
    ///
    /// # Errors
    ///
    /// None now; the signature is std's.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            end: Arc::clone(&self.end),
        })
    }

    /// Makes reads fail with `TimedOut` from this moment on, also those that wait
    /// already, until it is moved. `None` takes it away.
    ///
    /// # Errors
    ///
    /// None now.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::io::{self, ErrorKind, Read};
    /// use std::time::{Duration, Instant};
    ///
    /// let (mut reader, _writer) = io::pipe()?;
    /// reader.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// assert_eq!(reader.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::TimedOut);
    /// # io::Result::Ok(())
    /// ```
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        self.end.fd().set_deadline(Way::Read, Time::of(deadline));
        Ok(())
    }

    /// Closes this end, for all clones: who waits is woken with [`Closed`](super::Closed),
    /// and so do later reads fail. Writers fail with `BrokenPipe`.
    #[doc(alias = "Close")]
    pub fn close(&self) {
        self.end.fd().close();
    }
}

impl PipeWriter {
    fn new(end: Descriptor) -> Self {
        static ANNOUNCED: Once = Once::new();
        ANNOUNCED.call_once(announce_end::<Self>);
        Self { end: Arc::new(end) }
    }

    /// Another handle to the same end. No descriptor is needed.
    ///
    /// # Errors
    ///
    /// None now; the signature is std's.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            end: Arc::clone(&self.end),
        })
    }

    /// Makes writes fail with `TimedOut` from this moment on; see
    /// [`PipeReader::set_read_deadline`]. A write that has written something when the
    /// deadline comes returns how much; the next one fails.
    ///
    /// # Errors
    ///
    /// None now.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        self.end.fd().set_deadline(Way::Write, Time::of(deadline));
        Ok(())
    }

    /// Closes this end, for all clones: who waits is woken with [`Closed`](super::Closed),
    /// and so do later writes fail. The reader finds the end.
    #[doc(alias = "Close")]
    pub fn close(&self) {
        self.end.fd().close();
    }
}

impl Source for PipeReader {
    fn receive(&self, most: usize) -> Result<Block> {
        self.end.receive(most)
    }
}

impl Read for &PipeReader {
    /// Reads what is there; waits if there is nothing. Zero is the end, or an empty
    /// buffer.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.end.read(&mut [IoSliceMut::new(buffer)])
    }

    /// Like a read, into several buffers, the first 1024 of them.
    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.end.read(buffers)
    }
}

impl Write for &PipeWriter {
    /// Writes all of the buffer, as a blocking pipe does. If an error or a deadline comes
    /// first, returns how much was written, and the next write fails.
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        self.end.write(&[IoSlice::new(buffer)])
    }

    /// Like a write, from several buffers, the first 1024 of them.
    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        self.end.write(buffers)
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl Write for PipeWriter {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        (&*self).write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What both ends have in common.
macro_rules! descriptor {
    ($end:ident) => {
        impl Endpoint for $end {
            fn end(&self) -> Option<End<'_>> {
                self.end.end()
            }
        }

        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.end.as_fd()
            }
        }

        impl AsRawFd for $end {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl From<OwnedFd> for $end {
            /// Leaves the mode of the open file as it is.
            fn from(fd: OwnedFd) -> Self {
                Self::new(Descriptor::shared(fd))
            }
        }

        impl From<$end> for OwnedFd {
            /// In blocking mode, if it came from [`pipe`]; else as it was. If there are
            /// clones, this is a descriptor of its own, and they stay usable.
            ///
            /// # Panics
            ///
            /// If there are clones, and no descriptor to spare.
            fn from(end: $end) -> OwnedFd {
                Descriptor::into_owned(end.end)
            }
        }

        impl IntoRawFd for $end {
            fn into_raw_fd(self) -> RawFd {
                OwnedFd::from(self).into_raw_fd()
            }
        }

        impl From<$end> for Stdio {
            fn from(end: $end) -> Stdio {
                Stdio::from(OwnedFd::from(end))
            }
        }

        impl fmt::Debug for $end {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($end))
                    .field("fd", &self.as_raw_fd())
                    .finish()
            }
        }
    };
}

descriptor!(PipeReader);
descriptor!(PipeWriter);
