//! Writing to a buffer that nobody else writes to: what was written may be changed, taken
//! back and sent.

use std::fmt;
use std::io;

use bytes::Bytes;

use super::{LinkBuffer, Writer};

/// Where what was written to a [`WriterMut`] goes.
///
/// # Examples
///
/// ```
/// use netpoll::buf::{LinkBuffer, Sink, WriterMut};
/// use std::cell::RefCell;
/// use std::io;
///
/// struct Collecting(RefCell<Vec<u8>>);
///
/// impl Sink for Collecting {
///     fn flush(&self, buffer: &mut LinkBuffer) -> io::Result<()> {
///         buffer.flush();
///         buffer.write_to(&mut *self.0.borrow_mut())?;
///         Ok(())
///     }
/// }
///
/// let (mut buffer, sink) = (LinkBuffer::new(), Collecting(RefCell::default()));
/// let mut writer = WriterMut::new(&mut buffer, &sink);
/// writer.write_string("hello");
/// assert!(sink.0.borrow().is_empty());
/// writer.flush()?;
/// assert_eq!(*sink.0.borrow(), b"hello");
/// # io::Result::Ok(())
/// ```
pub trait Sink {
    /// Takes what is in `buffer`, [flushed](LinkBuffer::flush) or not.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from that. What it has not taken stays in the buffer.
    fn flush(&self, buffer: &mut LinkBuffer) -> io::Result<()>;
}

/// What was written can be read.
struct Itself;

impl Sink for Itself {
    fn flush(&self, buffer: &mut LinkBuffer) -> io::Result<()> {
        buffer.flush();
        Ok(())
    }
}

/// A view of what goes out, for who has it alone: a buffer to write to, and where that is
/// sent.
///
/// It does what [`Writer`] does, and beside that what ends the slices that
/// [`malloc`](Self::malloc) handed out: [`malloc_ack`](Self::malloc_ack),
/// [`patch`](Self::patch) and [`flush`](Self::flush). A `Writer` has none of these, because
/// it may be copied: one of two could take back what the other one's slice lies in.
///
/// It is one type whatever it writes to: a [buffer](LinkBuffer::writer_mut), a
/// [`LinkStream`](super::LinkStream::writer_mut), a
/// [connection](crate::event::Connection::writer_mut). The two last have
/// [`split`](crate::event::Connection::split), too, which gives a reader beside it. Only
/// [`flush`](Self::flush) may wait, and fail; the others do not.
///
/// # Examples
///
/// A header that says how long what follows is, which is known only afterwards:
///
/// ```
/// use netpoll::buf::{LinkBuffer, LinkStream, WriterMut};
/// use std::io::{self, Write};
///
/// fn reply(writer: &mut WriterMut<'_>, number: u32) -> io::Result<()> {
///     let at = writer.malloc_len();
///     writer.write_byte(0);
///     write!(writer, "{number} is {number:#b}")?;
///     let len = writer.malloc_len() - at - 1;
///     writer.patch(at, &[len as u8])?;
///     writer.flush()
/// }
///
/// let mut stream = LinkStream::new(Vec::new());
/// reply(&mut stream.writer_mut(), 5)?;
/// assert_eq!(stream.into_inner(), b"\x0a5 is 0b101");
///
/// let mut buffer = LinkBuffer::new();
/// reply(&mut buffer.writer_mut(), 2)?;
/// assert_eq!(buffer.as_bytes(), b"\x092 is 0b10");
/// # io::Result::Ok(())
/// ```
///
/// What was taken back cannot be written to any more, nor what was flushed, nor be
/// changed what somebody still writes to:
///
/// ```compile_fail,E0502
/// # let mut buffer = netpoll::buf::LinkBuffer::new();
/// let mut writer = buffer.writer_mut();
/// let room = writer.malloc(100);
/// writer.malloc_ack(5).unwrap();
/// room[7] = 1;
/// ```
///
/// ```compile_fail,E0502
/// # let mut buffer = netpoll::buf::LinkBuffer::new();
/// let mut writer = buffer.writer_mut();
/// let room = writer.malloc(100);
/// writer.flush().unwrap();
/// room[7] = 1;
/// ```
///
/// ```compile_fail,E0502
/// # let mut buffer = netpoll::buf::LinkBuffer::new();
/// let mut writer = buffer.writer_mut();
/// let room = writer.malloc(100);
/// writer.patch(0, b"all").unwrap();
/// room[7] = 1;
/// ```
///
/// Not by way of a shared view either:
///
/// ```compile_fail,E0502
/// # let mut buffer = netpoll::buf::LinkBuffer::new();
/// let mut writer = buffer.writer_mut();
/// let shared = writer.writer();
/// writer.malloc_ack(0).unwrap();
/// shared.write_byte(1);
/// ```
///
/// ```compile_fail,E0502
/// # let mut stream = netpoll::buf::LinkStream::new(Vec::new());
/// let room = stream.writer().malloc(100);
/// stream.writer_mut().malloc_ack(5).unwrap();
/// room[7] = 1;
/// ```
///
/// And there is only one at a time:
///
/// ```compile_fail,E0499
/// # let mut buffer = netpoll::buf::LinkBuffer::new();
/// let mut one = buffer.writer_mut();
/// let mut other = buffer.writer_mut();
/// one.malloc_ack(0).unwrap();
/// ```
pub struct WriterMut<'a> {
    buffer: &'a mut LinkBuffer,
    sink: &'a dyn Sink,
}

impl<'a> WriterMut<'a> {
    /// A view of `buffer`, which is sent to `sink`.
    #[inline]
    pub fn new(buffer: &'a mut LinkBuffer, sink: &'a dyn Sink) -> Self {
        Self { buffer, sink }
    }

    #[inline]
    pub(super) fn of_buffer(buffer: &'a mut LinkBuffer) -> Self {
        Self::new(buffer, &Itself)
    }

    /// The shared view, for what only writes.
    #[inline]
    pub fn writer(&self) -> Writer<'_> {
        self.buffer.writer()
    }

    /// Hands out the next `n` bytes, to be written to until one of the methods that take
    /// this exclusively is called; see [`LinkBuffer::malloc`].
    ///
    /// # Panics
    ///
    /// If `n` is more than an allocation can have.
    #[doc(alias = "Malloc")]
    #[inline]
    pub fn malloc(&self, n: usize) -> &mut [u8] {
        self.buffer.malloc(n)
    }

    /// How many bytes were written and not flushed yet.
    #[doc(alias = "MallocLen")]
    #[inline]
    pub fn malloc_len(&self) -> usize {
        self.buffer.malloc_len()
    }

    /// Keeps the first `n` bytes of what was written and not flushed yet, and forgets what
    /// comes behind them.
    ///
    /// The first of those may have been written long before: by an earlier run of a
    /// handler's, say, whose replies leave together with this one's. Who wants to keep them
    /// adds what [`malloc_len`](Self::malloc_len) was.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): there are fewer than `n`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut buffer = netpoll::buf::LinkBuffer::new();
    /// let mut writer = buffer.writer_mut();
    /// writer.write_string("before, ");
    ///
    /// // At most so much, and how much it is turns out when it is there.
    /// let before = writer.malloc_len();
    /// let room = writer.malloc(100);
    /// room[..5].copy_from_slice(b"short");
    /// writer.malloc_ack(before + 5)?;
    ///
    /// writer.flush()?;
    /// assert_eq!(buffer.as_bytes(), b"before, short");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "MallocAck")]
    pub fn malloc_ack(&mut self, n: usize) -> io::Result<()> {
        self.buffer.malloc_ack(n)
    }

    /// Overwrites what was written and not flushed yet, from `at` on, counted from the
    /// first byte of that; see [`LinkBuffer::patch`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): so much was not written, or some of
    /// it is not the buffer's to change. Nothing is changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let mut buffer = LinkBuffer::new();
    /// let mut writer = buffer.writer_mut();
    /// writer.write_string("?. body");
    /// writer.patch(0, b"4")?;
    /// assert!(writer.patch(7, b"4").is_err());
    /// writer.flush()?;
    /// assert_eq!(buffer.as_bytes(), b"4. body");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn patch(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        self.buffer.patch(at, bytes)
    }

    /// Writes a copy of `bytes`.
    #[doc(alias = "WriteBinary")]
    #[inline]
    pub fn write_binary(&self, bytes: &[u8]) {
        self.buffer.write_binary(bytes);
    }

    /// Writes a copy of a string.
    #[doc(alias = "WriteString")]
    #[inline]
    pub fn write_string(&self, string: &str) {
        self.buffer.write_string(string);
    }

    /// Writes a byte.
    #[doc(alias = "WriteByte")]
    #[inline]
    pub fn write_byte(&self, byte: u8) {
        self.buffer.write_byte(byte);
    }

    /// Puts `bytes` behind what was written, without copying them; see
    /// [`LinkBuffer::write_direct`].
    #[doc(alias = "WriteDirect")]
    pub fn write_direct(&self, bytes: Bytes) {
        self.buffer.write_direct(bytes);
    }

    /// Moves all that is in `other` behind what was written; see [`LinkBuffer::append`].
    #[doc(alias = "Append")]
    #[doc(alias = "WriteBuffer")]
    pub fn append(&self, other: LinkBuffer) {
        self.buffer.append(other);
    }

    /// Sends what was written: what that means is for its owner to say.
    ///
    /// | written to | | waits |
    /// |---|---|---|
    /// | a buffer | it can be read: [`LinkBuffer::flush`] | no |
    /// | a [`LinkStream`](super::LinkStream) | it is written to the stream, which is flushed | as the stream does |
    /// | a [connection](crate::event::Connection) | it leaves at the end of the turn, or when the handler parks | where too much waits already |
    ///
    /// # Errors
    ///
    /// None for a buffer; those of the stream; those of
    /// [`Connection::flush`](crate::event::Connection::flush).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let mut stream = LinkStream::new(Vec::new());
    /// stream.writer_mut().write_string("sent");
    /// stream.writer_mut().flush()?;
    /// stream.writer_mut().write_string("kept");
    /// assert_eq!(stream.get_mut(), b"sent");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Flush")]
    #[inline]
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush(self.buffer)
    }
}

/// Writing never waits, and never fails; flushing does what
/// [`WriterMut::flush`] does.
impl io::Write for WriterMut<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.writer().write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        WriterMut::flush(self)
    }
}

impl fmt::Debug for WriterMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut writer = f.debug_struct("WriterMut");
        writer
            .field("malloc_len", &self.malloc_len())
            .finish_non_exhaustive()
    }
}
