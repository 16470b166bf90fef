//! What taking a writer out of its buffer fails with.

use std::error::Error as StdError;
use std::fmt;
use std::io::Error;

/// The error of [`BufWriter::into_inner`](super::BufWriter::into_inner) and
/// [`LineWriter::into_inner`](super::LineWriter::into_inner): what was in the buffer could
/// not be written. It has the writer, so that nothing is lost. In the shape of
/// [`std::io::IntoInnerError`].
///
/// # Examples
///
/// ```
/// use netpoll::io::{BufWriter, ErrorKind, Write};
///
/// let mut room = [0; 2];
/// let mut writer = BufWriter::new(&mut room[..]);
/// writer.write_all(b"three")?;
/// let (error, writer) = writer.into_inner().unwrap_err().into_parts();
/// assert_eq!(error.kind(), ErrorKind::WriteZero);
/// assert_eq!(writer.buffer(), b"ree");
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct IntoInnerError<W>(W, Error);

impl<W> IntoInnerError<W> {
    pub(super) fn new(writer: W, error: Error) -> Self {
        Self(writer, error)
    }

    /// The same error, of the writer around it.
    pub(super) fn map<V>(self, around: impl FnOnce(W) -> V) -> IntoInnerError<V> {
        IntoInnerError(around(self.0), self.1)
    }

    /// The error of writing.
    pub fn error(&self) -> &Error {
        &self.1
    }

    /// The writer, with what is left in its buffer.
    pub fn into_inner(self) -> W {
        self.0
    }

    /// The error of writing; the writer is dropped, which tries to write once more.
    pub fn into_error(self) -> Error {
        self.1
    }

    /// The error of writing, and the writer.
    pub fn into_parts(self) -> (Error, W) {
        (self.1, self.0)
    }
}

impl<W> From<IntoInnerError<W>> for Error {
    fn from(error: IntoInnerError<W>) -> Error {
        error.into_error()
    }
}

impl<W: Send + fmt::Debug> StdError for IntoInnerError<W> {}

impl<W> fmt::Display for IntoInnerError<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

/// What [`BufWriter::into_parts`](super::BufWriter::into_parts) returns instead of what
/// was in the buffer, if the writer inside has panicked: nobody knows how much of that it
/// has written. In the shape of [`std::io::WriterPanicked`].
///
/// # Examples
///
/// ```
/// use netpoll::io::{self, BufWriter, Write};
/// use std::panic::{AssertUnwindSafe, catch_unwind};
///
/// struct Panics;
/// impl Write for Panics {
///     fn write(&mut self, _: &[u8]) -> io::Result<usize> { panic!() }
///     fn flush(&mut self) -> io::Result<()> { panic!() }
/// }
///
/// let mut writer = BufWriter::new(Panics);
/// writer.write_all(b"kept")?;
/// assert!(catch_unwind(AssertUnwindSafe(|| writer.flush())).is_err());
/// let (_, buffer) = writer.into_parts();
/// assert_eq!(buffer.unwrap_err().into_inner(), b"kept");
/// # io::Result::Ok(())
/// ```
pub struct WriterPanicked(pub(super) Vec<u8>);

impl WriterPanicked {
    /// What was in the buffer. The writer may have written some of it, all, or none.
    #[must_use]
    pub fn into_inner(self) -> Vec<u8> {
        self.0
    }
}

impl StdError for WriterPanicked {}

impl fmt::Display for WriterPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BufWriter inner writer panicked, what data remains unwritten is not known")
    }
}

impl fmt::Debug for WriterPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterPanicked")
            .field(
                "buffer",
                &format_args!("{}/{}", self.0.len(), self.0.capacity()),
            )
            .finish()
    }
}
