//! A connection's two halves: one that only reads, and one that only writes.
//!
//! Reading and writing need no exclusive access here, so a connection that is split is
//! still whole: what halves add is that a function which gets one cannot do the other, and
//! that an [`OwnedWriteHalf`] ends writing when it is dropped.

use std::io::{IoSlice, IoSliceMut, Read, Result, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Instant;
use std::{error, fmt};

use super::{End, Endpoint, Sealed, Socket, Source, announce, announce_end};
use crate::buf::Block;
use crate::poll::Way;
use crate::sys::{fork, socket};
use crate::task::Time;

/// A connection that has two halves: [`TcpStream`](crate::net::TcpStream) and
/// [`UnixStream`](crate::os::unix::net::UnixStream). Implemented by these alone.
pub trait Split: Sealed + Sized + 'static {
    #[doc(hidden)]
    fn parts(&self) -> Parts<'_>;
}

/// What halves need of a connection; nobody else can do anything with it.
#[doc(hidden)]
pub struct Parts<'a> {
    pub(crate) socket: &'a Socket,
    /// Whether a short read has drained it.
    pub(crate) drains: bool,
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Makes the halves of a type known to `copy`.
pub(crate) fn announce_halves<S: Split>() {
    announce::<ReadHalf<'static, S>>();
    announce::<OwnedReadHalf<S>>();
    announce_end::<ReadHalf<'static, S>>();
    announce_end::<OwnedReadHalf<S>>();
    announce_end::<WriteHalf<'static, S>>();
    announce_end::<OwnedWriteHalf<S>>();
}

/// The half of a borrowed connection that reads; made by
/// [`TcpStream::split`](crate::net::TcpStream::split) and
/// [`UnixStream::split`](crate::os::unix::net::UnixStream::split).
///
/// Reads as the connection does, and is bounded like it.
pub struct ReadHalf<'a, S>(&'a S);

/// The half of a borrowed connection that writes; see [`ReadHalf`].
///
/// When it is dropped nothing happens: the connection is still there.
/// [`shutdown`](Self::shutdown) ends writing.
pub struct WriteHalf<'a, S>(&'a S);

/// The half of a connection that reads, of its own; made by
/// [`TcpStream::into_split`](crate::net::TcpStream::into_split) and
/// [`UnixStream::into_split`](crate::os::unix::net::UnixStream::into_split).
///
/// Reads as the connection does, and is bounded like it. When both halves are dropped, and
/// all clones of the connection, it is closed.
pub struct OwnedReadHalf<S>(S);

/// The half of a connection that writes, of its own.
///
/// **When it is dropped, writing ends**: the peer reads to the end, and can still answer.
/// [`forget`](Self::forget) drops it without that.
///
/// # Examples
///
/// ```
/// use netpoll::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let client = TcpStream::connect(listener.local_addr()?)?;
/// let (mut server, _) = listener.accept()?;
///
/// let (mut reader, mut writer) = client.into_split();
/// writer.write_all(b"request")?;
/// drop(writer);
/// let mut text = String::new();
/// server.read_to_string(&mut text)?;
/// assert_eq!(text, "request");
///
/// server.write_all(b"reply")?;
/// drop(server);
/// text.clear();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "reply");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct OwnedWriteHalf<S: Split> {
    /// There is none once it was taken apart.
    stream: Option<S>,
}

/// The error of [`OwnedReadHalf::reunite`]: the halves are of different connections. It has
/// both, so that neither is lost.
pub struct ReuniteError<S: Split>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

pub(crate) fn split<S: Split>(stream: &S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    (ReadHalf(stream), WriteHalf(stream))
}

pub(crate) fn into_split<S: Split>(stream: S, clone: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = OwnedReadHalf(stream);
    let clone = OwnedWriteHalf {
        stream: Some(clone),
    };
    (stream, clone)
}

impl<S: Split> OwnedReadHalf<S> {
    /// Puts two halves together again. Does not wait.
    ///
    /// # Errors
    ///
    /// If they are of different connections; the error has both.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixStream;
    /// use std::io::{Read, Write};
    ///
    /// let (left, mut right) = UnixStream::pair()?;
    /// let (reader, writer) = left.into_split();
    /// let mut left = reader.reunite(writer).unwrap();
    /// left.write_all(b"not at the end")?;
    /// assert_eq!(right.read(&mut [0; 20])?, 14);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reunite(self, writer: OwnedWriteHalf<S>) -> std::result::Result<S, ReuniteError<S>> {
        if !self.socket().is(writer.socket()) {
            return Err(ReuniteError(self, writer));
        }
        writer.forget();
        Ok(self.0)
    }
}

impl<S: Split> OwnedWriteHalf<S> {
    fn stream(&self) -> &S {
        self.stream.as_ref().expect("it is not being dropped")
    }

    /// Drops it without ending writing: what clones of the connection write still goes out,
    /// and the peer finds the end when all of them are gone, and the half that reads.
    pub fn forget(mut self) {
        self.stream = None;
    }
}

impl<S: Split> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        let Some(stream) = &self.stream else { return };
        // A forked child's connection is its parent's too.
        if !fork::is_child() {
            // One that is closed, or was reset, has no end to tell of.
            let _ = end_writing(stream.parts().socket);
        }
    }
}

fn end_writing(socket: &Socket) -> Result<()> {
    socket::shutdown(socket.open()?, Shutdown::Write)
}

/// What a half and its connection have in common; `$stream` makes the one the other.
macro_rules! half {
    ([$($generics:tt)*] $Half:ty, $name:literal, $self:ident => $stream:expr) => {
        impl<$($generics)* S: Split> $Half {
            fn socket(&self) -> &Socket {
                self.as_ref().parts().socket
            }
        }

        impl<$($generics)* S: Split> AsRef<S> for $Half {
            /// The whole connection: its addresses, options, timeouts and deadlines.
            fn as_ref(&$self) -> &S {
                $stream
            }
        }

        impl<$($generics)* S: Split> AsFd for $Half {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.socket().as_fd()
            }
        }

        impl<$($generics)* S: Split> AsRawFd for $Half {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl<$($generics)* S: Split + fmt::Debug> fmt::Debug for $Half {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple($name).field(self.as_ref()).finish()
            }
        }
    };
}

/// What the halves that read have.
macro_rules! read_half {
    ([$($generics:tt)*] $Half:ty) => {
        impl<$($generics)* S: Split> $Half {
            /// Makes reads fail with `TimedOut` from this moment on, also one that waits
            /// already. `None` takes the deadline away. Does not wait.
            ///
            /// # Errors
            ///
            /// None now.
            #[doc(alias = "SetReadDeadline")]
            pub fn set_read_deadline(&self, deadline: Option<Instant>) -> Result<()> {
                self.socket().set_deadline(Way::Read, Time::of(deadline));
                Ok(())
            }

            fn read_from(&self, buffer: &mut [u8]) -> Result<usize> {
                let Parts { socket, drains } = self.as_ref().parts();
                socket.read(drains, buffer)
            }

            fn read_vectored_from(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
                let Parts { socket, drains } = self.as_ref().parts();
                socket.read_vectored(drains, buffers)
            }

            fn receive_from(&self, most: usize) -> Result<Block> {
                let Parts { socket, drains } = self.as_ref().parts();
                socket.receive_block(drains, most)
            }
        }

        impl<$($generics)* S: Split> Read for &$Half {
            fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
                self.read_from(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
                self.read_vectored_from(buffers)
            }
        }

        impl<$($generics)* S: Split> Read for $Half {
            fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
                self.read_from(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
                self.read_vectored_from(buffers)
            }
        }
    };
}

/// What the halves that write have.
macro_rules! write_half {
    ([$($generics:tt)*] $Half:ty) => {
        impl<$($generics)* S: Split> $Half {
            /// Ends writing: the peer reads to the end, and can still answer. Does not
            /// wait.
            ///
            /// # Errors
            ///
            /// `NotConnected` when the connection is gone; with
            /// [`Closed`](crate::io::Closed) if it was closed.
            #[doc(alias = "CloseWrite")]
            pub fn shutdown(&self) -> Result<()> {
                end_writing(self.socket())
            }

            /// Makes writes fail with `TimedOut` from this moment on, also one that waits
            /// already. `None` takes the deadline away. Does not wait.
            ///
            /// # Errors
            ///
            /// None now.
            #[doc(alias = "SetWriteDeadline")]
            pub fn set_write_deadline(&self, deadline: Option<Instant>) -> Result<()> {
                self.socket().set_deadline(Way::Write, Time::of(deadline));
                Ok(())
            }
        }

        impl<$($generics)* S: Split> Write for &$Half {
            fn write(&mut self, buffer: &[u8]) -> Result<usize> {
                self.socket().write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
                self.socket().write_vectored(buffers)
            }

            /// Does nothing: nothing is kept back.
            fn flush(&mut self) -> Result<()> {
                Ok(())
            }
        }

        impl<$($generics)* S: Split> Write for $Half {
            fn write(&mut self, buffer: &[u8]) -> Result<usize> {
                self.socket().write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
                self.socket().write_vectored(buffers)
            }

            /// Does nothing: nothing is kept back.
            fn flush(&mut self) -> Result<()> {
                Ok(())
            }
        }
    };
}

half!(['a,] ReadHalf<'a, S>, "ReadHalf", self => self.0);
half!(['a,] WriteHalf<'a, S>, "WriteHalf", self => self.0);
half!([] OwnedReadHalf<S>, "OwnedReadHalf", self => &self.0);
half!([] OwnedWriteHalf<S>, "OwnedWriteHalf", self => self.stream());
read_half!(['a,] ReadHalf<'a, S>);
read_half!([] OwnedReadHalf<S>);
write_half!(['a,] WriteHalf<'a, S>);
write_half!([] OwnedWriteHalf<S>);

impl<S: Split> Source for ReadHalf<'static, S> {
    fn receive(&self, most: usize) -> Result<Block> {
        self.receive_from(most)
    }
}

impl<S: Split> Source for OwnedReadHalf<S> {
    fn receive(&self, most: usize) -> Result<Block> {
        self.receive_from(most)
    }
}

macro_rules! endpoints {
    ($($Half:ty),*) => {$(
        impl<S: Split> Endpoint for $Half {
            fn end(&self) -> Option<End<'_>> {
                Some(End::Socket(self.socket()))
            }
        }
    )*};
}

endpoints!(
    ReadHalf<'static, S>,
    WriteHalf<'static, S>,
    OwnedReadHalf<S>,
    OwnedWriteHalf<S>
);

impl<S: Split> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are not of the same connection")
    }
}

impl<S: Split + fmt::Debug> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError")
            .field(&self.0)
            .field(&self.1)
            .finish()
    }
}

impl<S: Split + fmt::Debug> error::Error for ReuniteError<S> {}
