//! Buffers in front of any reader or writer of std's kind.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Write};

use bytes::Buf;

use super::{LinkBuffer, Reader, Sink, Source, Writer, WriterMut};

/// More than this is not collected from a [`Write`], which has no other limit.
const MUCH: usize = 64 << 10;

/// Buffers in front of a [`Read`], a [`Write`], or what is both.
///
/// It has a [`reader`](Self::reader) that reads as much as it needs, and a
/// [`writer`](Self::writer) that collects what [`flush`](Self::flush) writes. It is also
/// a [`Read`], a [`BufRead`] and a [`Write`] itself, so that what wants one of those can
/// go on where a [`Reader`] stopped.
///
/// All that waits does so as the stream within does. What was written and not flushed is
/// dropped with it.
///
/// # Examples
///
/// ```
/// use netpoll::buf::LinkStream;
/// use netpoll::net::{TcpListener, TcpStream};
/// use netpoll::thread;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let server = thread::spawn(move || {
///     let mut stream = LinkStream::new(listener.accept()?.0);
///     let line = stream.reader().until(b'\n', 1000)?;
///     stream.writer().write_binary(line);
///     stream.flush()
/// });
///
/// let mut stream = LinkStream::new(TcpStream::connect(address)?);
/// stream.writer().write_string("hello\n");
/// stream.flush()?;
/// assert_eq!(stream.reader().next(6)?, b"hello\n");
/// server.join().unwrap()?;
/// # std::io::Result::Ok(())
/// ```
pub struct LinkStream<S> {
    input: LinkBuffer,
    output: LinkBuffer,
    inner: Inner<S>,
}

/// The stream, which a [`Reader`] reads from while it is shared.
struct Inner<S>(RefCell<S>);

impl<S: Read> Source for Inner<S> {
    fn fill(&self, buffer: &LinkBuffer, _: usize) -> io::Result<usize> {
        // It stays borrowed while it waits, and the same stream may be reached from
        // another task of this worker by a thread-local. Then it is told.
        let Ok(mut stream) = self.0.try_borrow_mut() else {
            return Err(io::Error::other("the stream is being read from already"));
        };
        loop {
            match buffer.read_from(&mut *stream, usize::MAX) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl<S: Write> Sink for Inner<S> {
    fn flush(&self, buffer: &mut LinkBuffer) -> io::Result<()> {
        // As above.
        let Ok(mut stream) = self.0.try_borrow_mut() else {
            return Err(io::Error::other("the stream is being used already"));
        };
        buffer.flush();
        buffer.write_to(&mut *stream)?;
        stream.flush()
    }
}

impl<S> LinkStream<S> {
    /// Puts buffers in front of `stream`. They take memory when there is something to
    /// put in.
    pub fn new(stream: S) -> Self {
        Self::with_input(stream, LinkBuffer::new())
    }

    /// Puts buffers in front of `stream`, of which `input` was read already.
    pub fn with_input(stream: S, input: LinkBuffer) -> Self {
        Self {
            input,
            output: LinkBuffer::new(),
            inner: Inner(RefCell::new(stream)),
        }
    }

    /// What goes out with the next [`flush`](Self::flush).
    pub fn writer(&self) -> Writer<'_> {
        self.output.writer()
    }

    /// Gives back what was read; see [`LinkBuffer::release`].
    #[doc(alias = "Release")]
    pub fn release(&mut self) {
        self.input.release();
    }

    /// The stream within, to change or ask it. What is read from it directly is missing
    /// from the buffer, and what is written overtakes what was not flushed.
    pub fn get_mut(&mut self) -> &mut S {
        self.inner.0.get_mut()
    }

    /// The stream within. What was read from it, and what was not written to it yet,
    /// is lost.
    pub fn into_inner(self) -> S {
        self.inner.0.into_inner()
    }

    /// The stream within, what was read from it and is left, and what was not written
    /// to it yet: flushed by [`flush`](Self::flush), which failed, or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let stream = LinkStream::new(&b"hello, and more"[..]);
    /// stream.reader().next(5)?;
    /// let (_, input, _) = stream.into_parts();
    /// assert_eq!(input.as_bytes(), b", and more");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn into_parts(self) -> (S, LinkBuffer, LinkBuffer) {
        (self.inner.0.into_inner(), self.input, self.output)
    }
}

impl<S: Read> LinkStream<S> {
    /// What comes in.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.input, &self.inner)
    }
}

impl<S: Read + Write> LinkStream<S> {
    /// What comes in, and what goes out, side by side: slices of the one may be alive
    /// while the other is flushed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    /// use netpoll::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut one = LinkStream::new(TcpStream::connect(listener.local_addr()?)?);
    /// let mut other = LinkStream::new(listener.accept()?.0);
    /// one.writer().write_string("hello");
    /// one.flush()?;
    ///
    /// let (reader, mut writer) = other.split();
    /// let hello = reader.next(5)?;
    /// writer.write_binary(hello);
    /// writer.flush()?;
    /// assert_eq!(one.reader().next(5)?, hello);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn split(&mut self) -> (Reader<'_>, WriterMut<'_>) {
        let reader = Reader::new(&self.input, &self.inner);
        (reader, WriterMut::new(&mut self.output, &self.inner))
    }
}

impl<S: Write> LinkStream<S> {
    /// Writes all that was written to the [`writer`](Self::writer), and flushes the
    /// stream within.
    ///
    /// # Errors
    ///
    /// Those of the stream. What was not written then is kept, and is the first to be
    /// written by the next call.
    #[doc(alias = "Flush")]
    pub fn flush(&mut self) -> io::Result<()> {
        self.inner.flush(&mut self.output)
    }

    /// What goes out, for what takes back, changes or sends it: see [`WriterMut`].
    pub fn writer_mut(&mut self) -> WriterMut<'_> {
        WriterMut::new(&mut self.output, &self.inner)
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.output.flush();
        self.output.write_to(self.inner.0.get_mut())?;
        Ok(())
    }

    /// Makes room, if there is much in the buffer.
    fn write_out_much(&mut self) -> io::Result<()> {
        if self.output.len() + self.output.malloc_len() < MUCH {
            return Ok(());
        }
        self.write_out()
    }
}

/// Reads what is in the buffer first; past that, a read that is as large as the next
/// piece goes to the stream directly. It releases what was read.
impl<S: Read> Read for LinkStream<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            self.input.release();
            if buf.len() >= super::BLOCK_SIZE {
                return self.get_mut().read(buf);
            }
            self.fill_buf()?;
        }
        self.input.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if self.input.is_empty() {
            self.fill_buf()?;
        }
        self.input.read_vectored(bufs)
    }
}

impl<S: Read> BufRead for LinkStream<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.input.is_empty() {
            self.input.release();
            let stream = self.inner.0.get_mut();
            self.input.read_from(stream, usize::MAX)?;
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.input.advance(n);
    }
}

/// Collects what is written until it is 64 KiB, or [flushed](LinkStream::flush).
impl<S: Write> Write for LinkStream<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_out_much()?;
        self.output.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_out_much()?;
        self.output.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::flush(self)
    }
}

impl<S: fmt::Debug> fmt::Debug for LinkStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stream = f.debug_struct("LinkStream");
        stream.field("input", &self.input);
        stream.field("output", &self.output);
        stream.field("inner", &self.inner.0).finish()
    }
}

#[cfg(test)]
mod tests;
