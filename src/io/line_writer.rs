//! `LineWriter`.

use std::fmt;
use std::io::{IoSlice, Result, Write};

use super::{BufWriter, IntoInnerError};

/// The room in the buffer, in bytes: a line is rarely longer. std's.
const CAPACITY: usize = 1024;

/// Writes at the end of each line, in the shape of [`std::io::LineWriter`]; the buffer is
/// there only while a line is begun.
///
/// What is behind the last end of a line stays in the buffer, and is written when the
/// line ends, when the buffer is full, by [`flush`](Write::flush), and when the writer is
/// dropped (then an error is lost).
///
/// Everything that writes parks the task, or blocks the thread, as the writer inside
/// does, and is bounded by its timeouts and deadlines.
///
/// # Examples
///
/// ```
/// use netpoll::io::{LineWriter, Write};
///
/// let mut writer = LineWriter::new(Vec::new());
/// writer.write_all(b"a line\nand the beg")?;
/// assert_eq!(writer.get_ref(), b"a line\n");
/// writer.write_all(b"inning of another\n")?;
/// assert_eq!(writer.get_ref(), b"a line\nand the beginning of another\n");
/// # std::io::Result::Ok(())
/// ```
pub struct LineWriter<W: ?Sized + Write> {
    inner: BufWriter<W>,
}

impl<W: Write> LineWriter<W> {
    /// A writer with a buffer of 1 KiB, which it does not have yet.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// A writer with a buffer of so many bytes, which it does not have yet.
    pub fn with_capacity(capacity: usize, inner: W) -> Self {
        Self {
            inner: BufWriter::with_capacity(capacity, inner),
        }
    }

    /// Writes what is in the buffer, and returns the writer inside.
    ///
    /// # Errors
    ///
    /// What writing fails with, together with this writer: see [`IntoInnerError`].
    pub fn into_inner(self) -> std::result::Result<W, IntoInnerError<Self>> {
        let result = self.inner.into_inner();
        result.map_err(|error| error.map(|inner| Self { inner }))
    }
}

impl<W: ?Sized + Write> LineWriter<W> {
    /// The writer inside.
    pub fn get_ref(&self) -> &W {
        self.inner.get_ref()
    }

    /// The writer inside. What is written to it directly comes before what is in the
    /// buffer.
    pub fn get_mut(&mut self) -> &mut W {
        self.inner.get_mut()
    }

    /// Writes a line that is complete, and could not be written when it became so.
    fn flush_complete(&mut self) -> Result<()> {
        if self.inner.buffer().ends_with(b"\n") {
            self.inner.flush_block()?;
        }
        Ok(())
    }
}

/// The length of all complete lines; zero if there is none.
fn complete(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1)
}

impl<W: ?Sized + Write> Write for LineWriter<W> {
    /// Writes complete lines, and keeps what is behind them as far as there is room.
    /// At most one call of the writer inside takes bytes of this one.
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let lines = complete(bytes);
        if lines == 0 {
            self.flush_complete()?;
            return self.inner.write(bytes);
        }
        self.inner.flush_block()?;
        let written = self.inner.get_mut().write(&bytes[..lines])?;
        if written == 0 {
            return Ok(0);
        }
        let left = &bytes[written..];
        let capacity = self.inner.capacity();
        let keep = match lines.checked_sub(written) {
            // All lines. What is behind them and does not fit goes past the buffer, next
            // time, and not in two parts.
            None | Some(0) if left.len() >= capacity => return Ok(written),
            None | Some(0) => left,
            // Not all, but the rest of them fits.
            Some(rest) if rest <= capacity => &left[..rest],
            // Up to the end of a line, if there is one within the buffer.
            Some(_) => match complete(&left[..capacity]) {
                0 => &left[..capacity],
                lines => &left[..lines],
            },
        };
        Ok(written + self.inner.keep(keep))
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        let (lines, rest) = bytes.split_at(complete(bytes));
        if lines.is_empty() {
            self.flush_complete()?;
        } else if self.inner.buffer().is_empty() {
            self.inner.get_mut().write_all(lines)?;
        } else {
            // Together with what is there already.
            self.inner.write_all(lines)?;
            self.inner.flush_block()?;
        }
        self.inner.write_all(rest)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<usize> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        first.map_or(Ok(0), |slice| self.write(slice))
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }
}

impl<W: ?Sized + Write + fmt::Debug> fmt::Debug for LineWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineWriter")
            .field("writer", &self.get_ref())
            .field(
                "buffer",
                &format_args!("{}/{}", self.inner.buffer().len(), self.inner.capacity()),
            )
            .finish_non_exhaustive()
    }
}
