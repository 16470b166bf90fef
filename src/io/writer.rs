//! `BufWriter`.

use std::fmt;
use std::io::{Error, ErrorKind, IoSlice, Result, Seek, SeekFrom, Write};

use super::{CAPACITY, IntoInnerError, WriterPanicked};
use crate::buf::{Block, Last, LastAct};

/// Gathers small writes into larger ones, in the shape of [`std::io::BufWriter`]; the
/// buffer is there only while there are bytes in it.
///
/// It is written when it is full, by [`flush`](Write::flush), and when the writer is
/// dropped, which parks the task like any other write. **An error of that last write is
/// lost**: flush first. What is written in one call and would fill the buffer alone goes
/// past it.
///
/// Everything that writes parks the task, or blocks the thread, as the writer inside
/// does, and is bounded by its timeouts and deadlines. What could not be written stays in
/// the buffer.
///
/// # Examples
///
/// ```
/// use netpoll::io::{BufWriter, Read, Write};
/// use netpoll::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut writer = BufWriter::new(TcpStream::connect(listener.local_addr()?)?);
/// write!(writer, "{} + {} ", 1, 2)?;
/// writeln!(writer, "= {}", 1 + 2)?;
/// writer.flush()?;                        // one packet
///
/// let (mut server, _) = listener.accept()?;
/// let mut line = [0; 10];
/// server.read_exact(&mut line)?;
/// assert_eq!(&line, b"1 + 2 = 3\n");
/// # std::io::Result::Ok(())
/// ```
pub struct BufWriter<W: ?Sized + Write>(LastAct<Parts<W>>);

struct Parts<W: ?Sized> {
    /// There while there is something in it.
    block: Option<Block>,
    capacity: usize,
    /// Whether the writer inside is being called. If it panics, this stays, and what is
    /// in the buffer is not written again when it is dropped.
    writing: bool,
    inner: W,
}

impl<W: ?Sized + Write> Last for Parts<W> {
    fn last(&mut self) {
        if !self.writing {
            // Nobody is left to be told.
            let _lost = self.flush_block();
        }
    }
}

impl<W: ?Sized + Write> Parts<W> {
    fn buffer(&self) -> &[u8] {
        self.block.as_deref().unwrap_or(&[])
    }

    /// How much more the buffer holds.
    fn room(&self) -> usize {
        self.capacity - self.buffer().len()
    }

    /// Copies as much as there is room for.
    fn keep(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        if n > 0 {
            let capacity = self.capacity;
            let block = self
                .block
                .get_or_insert_with(|| Block::with_room_for(capacity));
            block.push(&bytes[..n]);
        }
        n
    }

    /// Calls the writer inside.
    fn call<T>(&mut self, f: impl FnOnce(&mut W) -> Result<T>) -> Result<T> {
        self.writing = true;
        let result = f(&mut self.inner);
        self.writing = false;
        result
    }

    /// Writes what is in the buffer. If that fails, what was not written stays.
    fn flush_block(&mut self) -> Result<()> {
        // What was written is taken out of the block also if the writer panics then.
        struct Progress<'a> {
            block: &'a mut Option<Block>,
            written: usize,
        }
        impl Drop for Progress<'_> {
            fn drop(&mut self) {
                if let Some(mut block) = self.block.take()
                    && self.written < block.len()
                {
                    block.discard(self.written);
                    *self.block = Some(block);
                }
            }
        }
        let mut progress = Progress {
            block: &mut self.block,
            written: 0,
        };
        while let Some(left) = progress
            .block
            .as_ref()
            .map(|block| &block[progress.written..])
            && !left.is_empty()
        {
            self.writing = true;
            let result = self.inner.write(left);
            self.writing = false;
            match result {
                Ok(0) => {
                    return Err(Error::new(
                        ErrorKind::WriteZero,
                        "failed to write the buffered data",
                    ));
                }
                Ok(n) => progress.written += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes room for so many bytes, if the buffer holds as many at all; returns
    /// whether it does.
    #[inline]
    fn make_room(&mut self, bytes: usize) -> Result<bool> {
        if bytes > self.room() {
            self.flush_block()?;
        }
        Ok(bytes < self.capacity)
    }
}

impl<W: Write> BufWriter<W> {
    /// A writer with a buffer of 8 KiB, which it does not have yet.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// A writer with a buffer of so many bytes, which it does not have yet.
    pub fn with_capacity(capacity: usize, inner: W) -> Self {
        Self(LastAct::new(Parts {
            block: None,
            capacity,
            writing: false,
            inner,
        }))
    }

    /// Writes what is in the buffer, and returns the writer inside. Parks the task, or
    /// blocks the thread, like a write.
    ///
    /// # Errors
    ///
    /// What writing fails with, together with this writer: see [`IntoInnerError`].
    pub fn into_inner(mut self) -> std::result::Result<W, IntoInnerError<Self>> {
        match self.0.flush_block() {
            Ok(()) => Ok(self.into_parts().0),
            Err(error) => Err(IntoInnerError::new(self, error)),
        }
    }

    /// The writer inside, and what is in the buffer; writes nothing. If the writer has
    /// panicked, it is not known what of the buffer it has written: see
    /// [`WriterPanicked`].
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::io::{self, BufWriter, Write};
    ///
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"kept back")?;
    /// let (inner, buffer) = writer.into_parts();
    /// assert_eq!(inner, b"");
    /// assert_eq!(buffer.unwrap(), b"kept back");
    /// # io::Result::Ok(())
    /// ```
    pub fn into_parts(self) -> (W, std::result::Result<Vec<u8>, WriterPanicked>) {
        let parts = self.0.into_inner();
        let mut buffer = Vec::with_capacity(parts.capacity);
        buffer.extend_from_slice(parts.buffer());
        let buffer = match parts.writing {
            false => Ok(buffer),
            true => Err(WriterPanicked(buffer)),
        };
        (parts.inner, buffer)
    }
}

impl<W: ?Sized + Write> BufWriter<W> {
    /// The writer inside.
    pub fn get_ref(&self) -> &W {
        &self.0.inner
    }

    /// The writer inside. What is written to it directly comes before what is in the
    /// buffer.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.0.inner
    }

    /// What was not written yet.
    pub fn buffer(&self) -> &[u8] {
        self.0.buffer()
    }

    /// How many bytes the buffer holds at most.
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Writes what is in the buffer to the writer inside, which is not flushed.
    pub(super) fn flush_block(&mut self) -> Result<()> {
        self.0.flush_block()
    }

    /// Copies as much as there is room for, and writes nothing.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> usize {
        self.0.keep(bytes)
    }
}

impl<W: ?Sized + Write> Write for BufWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.0.make_room(bytes.len())? {
            Ok(self.0.keep(bytes))
        } else {
            self.0.call(|inner| inner.write(bytes))
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        if self.0.make_room(bytes.len())? {
            self.0.keep(bytes);
            Ok(())
        } else {
            self.0.call(|inner| inner.write_all(bytes))
        }
    }

    /// Takes as many of the slices as there is room for, and the first one in any case.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<usize> {
        let mut slices = slices.iter().filter(|slice| !slice.is_empty());
        let Some(first) = slices.next() else {
            return Ok(0);
        };
        if !self.0.make_room(first.len())? {
            return self.0.call(|inner| inner.write(first));
        }
        let mut written = self.0.keep(first);
        for slice in slices {
            if slice.len() > self.0.room() {
                break;
            }
            written += self.0.keep(slice);
        }
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush_block()?;
        self.0.inner.flush()
    }
}

impl<W: ?Sized + Write + Seek> Seek for BufWriter<W> {
    /// Writes what is in the buffer, then seeks.
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.0.flush_block()?;
        self.0.inner.seek(to)
    }
}

impl<W: ?Sized + Write + fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("writer", &&self.0.inner)
            .field(
                "buffer",
                &format_args!("{}/{}", self.buffer().len(), self.capacity()),
            )
            .finish()
    }
}
