//! Writing to a buffer that its owner sends.

use std::fmt;
use std::io;

use bytes::Bytes;

use super::LinkBuffer;

/// A view of what goes out: a buffer to write to, which its owner flushes.
///
/// It is one type whatever that is: a buffer, a [`LinkStream`](super::LinkStream), a
/// connection. Nothing here waits, and nothing fails.
///
/// What takes back or changes what was written, as `MallocAck` does, and `Flush` need the
/// buffer for themselves, and are methods of [`WriterMut`](super::WriterMut).
///
/// # Examples
///
/// ```
/// use netpoll::buf::{LinkStream, Writer};
///
/// fn frame(writer: Writer<'_>, content: &[u8]) {
///     writer.write_binary(&(content.len() as u16).to_be_bytes());
///     writer.write_binary(content);
/// }
///
/// let mut stream = LinkStream::new(Vec::new());
/// frame(stream.writer(), b"hello");
/// frame(stream.writer(), b"world");
/// stream.flush()?;
/// assert_eq!(stream.into_inner(), b"\0\x05hello\0\x05world");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    buffer: &'a LinkBuffer,
}

impl<'a> Writer<'a> {
    #[inline]
    pub(super) fn of_buffer(buffer: &'a LinkBuffer) -> Self {
        Self { buffer }
    }

    /// Hands out the next `n` bytes, to be written to until the owner flushes; see
    /// [`LinkBuffer::malloc`].
    ///
    /// # Panics
    ///
    /// If `n` is more than an allocation can have.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let mut buffer = LinkBuffer::new();
    /// buffer.writer().malloc(2).copy_from_slice(&513_u16.to_be_bytes());
    /// buffer.flush();
    /// assert_eq!(buffer.as_bytes(), [2, 1]);
    /// ```
    #[doc(alias = "Malloc")]
    #[inline]
    pub fn malloc(self, n: usize) -> &'a mut [u8] {
        self.buffer.malloc(n)
    }

    /// How many bytes were written and not flushed yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let mut buffer = LinkBuffer::new();
    /// buffer.writer().write_string("hello");
    /// assert_eq!(buffer.writer().malloc_len(), 5);
    /// buffer.flush();
    /// assert_eq!(buffer.writer().malloc_len(), 0);
    /// ```
    #[doc(alias = "MallocLen")]
    #[inline]
    pub fn malloc_len(self) -> usize {
        self.buffer.malloc_len()
    }

    /// Writes a copy of `bytes`.
    #[doc(alias = "WriteBinary")]
    #[inline]
    pub fn write_binary(self, bytes: &[u8]) {
        self.buffer.write_binary(bytes);
    }

    /// Writes a copy of a string.
    #[doc(alias = "WriteString")]
    #[inline]
    pub fn write_string(self, string: &str) {
        self.buffer.write_string(string);
    }

    /// Writes a byte.
    #[doc(alias = "WriteByte")]
    #[inline]
    pub fn write_byte(self, byte: u8) {
        self.buffer.write_byte(byte);
    }

    /// Puts `bytes` behind what was written, without copying them; see
    /// [`LinkBuffer::write_direct`].
    #[doc(alias = "WriteDirect")]
    pub fn write_direct(self, bytes: Bytes) {
        self.buffer.write_direct(bytes);
    }

    /// Moves all that is in `other` behind what was written; see
    /// [`LinkBuffer::append`].
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let mut buffer = LinkBuffer::new();
    /// buffer.writer().write_string("head, ");
    /// buffer.writer().append(LinkBuffer::from(b"body"));
    /// buffer.flush();
    /// assert_eq!(buffer.as_bytes(), b"head, body");
    /// ```
    #[doc(alias = "Append")]
    #[doc(alias = "WriteBuffer")]
    pub fn append(self, other: LinkBuffer) {
        self.buffer.append(other);
    }
}

/// Never waits, and never fails. Flushing does nothing: the owner does that.
impl io::Write for Writer<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_binary(bytes);
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        for slice in slices {
            self.write_binary(slice);
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut writer = f.debug_struct("Writer");
        writer
            .field("malloc_len", &self.malloc_len())
            .finish_non_exhaustive()
    }
}
