//! Reading from a buffer that is filled from somewhere.

use std::fmt;
use std::io;

use bytes::Bytes;

use super::LinkBuffer;

/// Where a [`Reader`] gets more when its buffer has too little.
///
/// # Examples
///
/// ```
/// use netpoll::buf::{LinkBuffer, Reader, Source};
/// use std::io;
///
/// /// For ever the same.
/// struct Repeat(&'static [u8]);
///
/// impl Source for Repeat {
///     fn fill(&self, buffer: &LinkBuffer, _: usize) -> io::Result<usize> {
///         buffer.read_from(&mut &self.0[..], usize::MAX)
///     }
/// }
///
/// let buffer = LinkBuffer::new();
/// let reader = Reader::new(&buffer, &Repeat(b"abc"));
/// assert_eq!(reader.next(7)?, b"abcabca");
/// assert_eq!(reader.len(), 2);
/// # io::Result::Ok(())
/// ```
pub trait Source {
    /// Puts more to `buffer`, by one of the methods that [fill](LinkBuffer#filling-and-draining)
    /// it; returns how many bytes that were, and zero only at the end. (What is written there
    /// could not be read before it is flushed: who waits for it fails.)
    ///
    /// At least `missing` bytes are wanted. Fewer may come: then it is called again.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from getting more. The reader gives it to its user; what is in
    /// the buffer stays there.
    fn fill(&self, buffer: &LinkBuffer, missing: usize) -> io::Result<usize>;
}

/// Nothing comes.
struct Nothing;

impl Source for Nothing {
    fn fill(&self, _: &LinkBuffer, _: usize) -> io::Result<usize> {
        Ok(0)
    }
}

/// A view of what comes in: a buffer, and where more comes from when it has too little.
///
/// It is one type whatever that is, so that code that takes messages apart is written
/// once: for a buffer, for a [`LinkStream`](super::LinkStream), for a connection.
///
/// The methods that fail wait for more, as their source does, until there is enough;
/// those that begin with `try_` never wait, and look at what is there. Nothing is taken
/// by a call that fails. What was read stays where it is until its owner
/// [releases](LinkBuffer::release) it.
///
/// # Errors
///
/// All that wait fail with
///
/// - [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): the end comes before there is
///   enough;
/// - whatever their source fails with.
///
/// # Examples
///
/// A frame with its length in front:
///
/// ```
/// use netpoll::buf::{LinkBuffer, LinkStream, Reader};
/// use std::io;
///
/// fn frame(reader: Reader<'_>) -> io::Result<&[u8]> {
///     let header = reader.next(2)?;
///     reader.next(usize::from(u16::from_be_bytes([header[0], header[1]])))
/// }
///
/// let bytes = b"\0\x05hello\0\x05world";
/// let stream = LinkStream::new(&bytes[..]);
/// let (hello, world) = (frame(stream.reader())?, frame(stream.reader())?);
/// assert_eq!((hello, world), (&b"hello"[..], &b"world"[..]));
///
/// let buffer = LinkBuffer::from(&bytes[..4]);
/// assert_eq!(frame(buffer.reader()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
/// # io::Result::Ok(())
/// ```
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    buffer: &'a LinkBuffer,
    source: &'a dyn Source,
}

impl<'a> Reader<'a> {
    /// A view of `buffer`, to which `source` puts more.
    #[inline]
    pub fn new(buffer: &'a LinkBuffer, source: &'a dyn Source) -> Self {
        Self { buffer, source }
    }

    #[inline]
    pub(super) fn of_buffer(buffer: &'a LinkBuffer) -> Self {
        Self::new(buffer, &Nothing)
    }

    /// Waits until there are `n` bytes in the buffer.
    ///
    /// No memory is set aside for what has not come yet.
    ///
    /// # Errors
    ///
    /// Those of all that [wait](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let stream = LinkStream::new(&b"hello"[..]);
    /// assert!(stream.reader().try_next(5).is_none());
    /// stream.reader().require(5)?;
    /// assert_eq!(stream.reader().try_next(5), Some(&b"hello"[..]));
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn require(self, n: usize) -> io::Result<()> {
        if n <= self.buffer.len() {
            return Ok(());
        }
        self.wait(n)
    }

    #[cold]
    fn wait(self, n: usize) -> io::Result<()> {
        while let missing @ 1.. = n.saturating_sub(self.buffer.len()) {
            if !self.get_more(missing)? {
                return Err(self.buffer.too_few(n));
            }
        }
        Ok(())
    }

    /// Has the source put more to the buffer. Returns whether there was more.
    fn get_more(self, missing: usize) -> io::Result<bool> {
        let before = self.buffer.len();
        let came = self.source.fill(self.buffer, missing)?;
        if came > 0 && self.buffer.len() == before {
            return Err(io::Error::other(
                "a source gave what cannot be read before it is flushed",
            ));
        }
        Ok(came > 0)
    }

    /// Takes the next `n` bytes, as one slice; see [`LinkBuffer::next`].
    ///
    /// # Errors
    ///
    /// Those of all that [wait](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let stream = LinkStream::new(&b"onetwo"[..]);
    /// let (one, two) = (stream.reader().next(3)?, stream.reader().next(3)?);
    /// assert_eq!((one, two), (&b"one"[..], &b"two"[..]));
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Next")]
    #[inline]
    pub fn next(self, n: usize) -> io::Result<&'a [u8]> {
        self.require(n)?;
        self.buffer.next(n)
    }

    /// The next `n` bytes, as one slice, which stay; see [`LinkBuffer::peek`].
    ///
    /// # Errors
    ///
    /// Those of all that [wait](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let stream = LinkStream::new(&b"hello"[..]);
    /// assert_eq!(stream.reader().peek(4)?, b"hell");
    /// assert_eq!(stream.reader().next(5)?, b"hello");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Peek")]
    #[inline]
    pub fn peek(self, n: usize) -> io::Result<&'a [u8]> {
        self.require(n)?;
        self.buffer.peek(n)
    }

    /// Passes over the next `n` bytes.
    ///
    /// # Errors
    ///
    /// Those of all that [wait](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let stream = LinkStream::new(&b"GET /"[..]);
    /// stream.reader().skip(4)?;
    /// assert_eq!(stream.reader().read_byte()?, b'/');
    /// assert!(stream.reader().skip(1).is_err());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Skip")]
    #[doc(alias = "Discard")]
    pub fn skip(self, n: usize) -> io::Result<()> {
        self.require(n)?;
        self.buffer.skip(n)
    }

    /// Takes what comes up to the first `delimiter`, and the delimiter, as one slice.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData): there is no delimiter among the first
    /// `limit` bytes. (Without a limit a peer could make this wait, and hold memory, for
    /// as long as it likes.) And those of all that [wait](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    /// use std::io::ErrorKind;
    ///
    /// let stream = LinkStream::new(&b"PING\r\nwho sent me so much\n"[..]);
    /// let reader = stream.reader();
    /// assert_eq!(reader.until(b'\n', 6)?, b"PING\r\n");
    /// assert_eq!(reader.until(b'\n', 6).unwrap_err().kind(), ErrorKind::InvalidData);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Until")]
    pub fn until(self, delimiter: u8, limit: usize) -> io::Result<&'a [u8]> {
        let mut seen = 0;
        loop {
            let found = self.buffer.position(delimiter, seen);
            if let Some(before) = found.filter(|before| *before < limit) {
                return self.buffer.next(before + 1);
            }
            seen = self.buffer.len();
            if found.is_some() || seen >= limit {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("there is no {delimiter:#04x} among the first {limit} bytes"),
                ));
            }
            if !self.get_more(1)? {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("there is no {delimiter:#04x} among the {seen} bytes that are there"),
                ));
            }
        }
    }

    /// Takes the next byte.
    ///
    /// # Errors
    ///
    /// Those of all that [wait](Self#errors).
    #[doc(alias = "ReadByte")]
    #[inline]
    pub fn read_byte(self) -> io::Result<u8> {
        self.require(1)?;
        self.buffer.read_byte()
    }

    /// Takes the next `n` bytes as a vector of its own.
    ///
    /// # Errors
    ///
    /// Those of all that [wait](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let mut stream = LinkStream::new(&b"hello"[..]);
    /// let hello = stream.reader().read_binary(5)?;
    /// // It does not end with the buffer's memory, as a slice does.
    /// stream.release();
    /// assert_eq!(hello, b"hello");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "ReadBinary")]
    pub fn read_binary(self, n: usize) -> io::Result<Vec<u8>> {
        self.require(n)?;
        self.buffer.read_binary(n)
    }

    /// Takes the next `n` bytes as a string.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData): they are not UTF-8. And those of all
    /// that [wait](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    /// use std::io::ErrorKind;
    ///
    /// let stream = LinkStream::new(&b"hello\xff"[..]);
    /// assert_eq!(stream.reader().read_string(5)?, "hello");
    /// assert_eq!(stream.reader().read_string(1).unwrap_err().kind(), ErrorKind::InvalidData);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "ReadString")]
    pub fn read_string(self, n: usize) -> io::Result<String> {
        self.require(n)?;
        self.buffer.read_string(n)
    }

    /// Takes the next `n` bytes as a buffer of their own; see [`LinkBuffer::slice`].
    ///
    /// # Errors
    ///
    /// Those of all that [wait](Self#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let stream = LinkStream::new(&b"head, body"[..]);
    /// let head = stream.reader().slice(6)?;
    /// drop(stream);
    /// assert_eq!(head.as_bytes(), b"head, ");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Slice")]
    pub fn slice(self, n: usize) -> io::Result<LinkBuffer> {
        self.require(n)?;
        self.buffer.slice(n)
    }

    /// Takes the next `n` bytes as [`Bytes`]; see [`LinkBuffer::next_bytes`].
    ///
    /// # Errors
    ///
    /// Those of all that [wait](Self#errors).
    pub fn next_bytes(self, n: usize) -> io::Result<Bytes> {
        self.require(n)?;
        self.buffer.next_bytes(n)
    }

    /// How many bytes are there, so that nothing has to wait for them.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkStream;
    ///
    /// let stream = LinkStream::new(&b"hello"[..]);
    /// assert_eq!(stream.reader().len(), 0);
    /// stream.reader().skip(1)?;
    /// assert_eq!(stream.reader().len(), 4);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Len")]
    #[inline]
    pub fn len(self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing is there.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.buffer.is_empty()
    }

    /// Takes the next `n` bytes, if they are there.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let buffer = LinkBuffer::from(b"hello");
    /// assert_eq!(buffer.reader().try_next(6), None);
    /// assert_eq!(buffer.reader().try_next(5), Some(&b"hello"[..]));
    /// ```
    #[inline]
    pub fn try_next(self, n: usize) -> Option<&'a [u8]> {
        self.buffer.try_next(n)
    }

    /// The next `n` bytes, which stay, if they are there.
    #[inline]
    pub fn try_peek(self, n: usize) -> Option<&'a [u8]> {
        self.buffer.try_peek(n)
    }

    /// Passes over the next `n` bytes, if they are there.
    pub fn try_skip(self, n: usize) -> Option<()> {
        self.buffer.try_skip(n)
    }

    /// Takes what comes up to the first `delimiter`, and the delimiter, if it is there.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let buffer = LinkBuffer::from(b"one\ntw");
    /// assert_eq!(buffer.reader().try_until(b'\n'), Some(&b"one\n"[..]));
    /// assert_eq!(buffer.reader().try_until(b'\n'), None);
    /// ```
    pub fn try_until(self, delimiter: u8) -> Option<&'a [u8]> {
        self.buffer.try_until(delimiter)
    }

    /// Where the first `byte` is, of what is there; see [`LinkBuffer::position`].
    pub fn position(self, byte: u8, from: usize) -> Option<usize> {
        self.buffer.position(byte, from)
    }

    /// Takes the next byte, if it is there.
    #[inline]
    pub fn try_read_byte(self) -> Option<u8> {
        self.buffer.try_read_byte()
    }

    /// Takes the next `n` bytes as a vector of its own, if they are there.
    pub fn try_read_binary(self, n: usize) -> Option<Vec<u8>> {
        self.buffer.try_read_binary(n)
    }

    /// Takes the next `n` bytes as a string, if they are there; see
    /// [`LinkBuffer::try_read_string`].
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData): they are there, and are not UTF-8.
    /// They stay then.
    pub fn try_read_string(self, n: usize) -> io::Result<Option<String>> {
        self.buffer.try_read_string(n)
    }

    /// Takes the next `n` bytes as a buffer of their own, if they are there.
    pub fn try_slice(self, n: usize) -> Option<LinkBuffer> {
        self.buffer.try_slice(n)
    }

    /// Takes the next `n` bytes as [`Bytes`], if they are there.
    pub fn try_next_bytes(self, n: usize) -> Option<Bytes> {
        self.buffer.try_next_bytes(n)
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reader = f.debug_struct("Reader");
        reader.field("len", &self.len()).finish_non_exhaustive()
    }
}
