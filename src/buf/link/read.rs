//! Reading: slices of what is in the buffer.

use std::io;

use bytes::Bytes;

use super::LinkBuffer;
use super::segment::Region;
use crate::buf::Reader;

/// # Reading
///
/// These borrow the buffer, so that several slices may be alive; what was read is given
/// back by [`release`](Self::release). They fail with [`UnexpectedEof`] when there is
/// less than they were asked for, and take nothing then; those that begin with `try_`
/// return `None`.
///
/// [`UnexpectedEof`]: io::ErrorKind::UnexpectedEof
impl LinkBuffer {
    /// Makes a reference of bytes that are, or were, readable.
    #[inline]
    fn slice_of(&self, region: Region) -> &[u8] {
        // SAFETY: what is handed out as readable is initialised; it stays where it is,
        // and is not written to, as long as the buffer is borrowed. See the module.
        unsafe { region.as_ref() }
    }

    /// What [`Reader`] does, without a source of more.
    #[inline]
    pub fn reader(&self) -> Reader<'_> {
        Reader::of_buffer(self)
    }

    /// Takes the next `n` bytes, as one slice.
    ///
    /// If they lie in several blocks, they are first copied to one; see
    /// [`Blocks::joined`](crate::buf::Blocks::joined).
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = netpoll::buf::LinkBuffer::from(b"GET /");
    /// assert_eq!(buffer.next(3)?, b"GET");
    /// assert_eq!(buffer.next(3).unwrap_err().to_string(), "3 bytes are wanted, and 2 are there");
    /// assert_eq!(buffer.next(2)?, b" /");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Next")]
    #[inline]
    pub fn next(&self, n: usize) -> io::Result<&[u8]> {
        self.try_next(n).ok_or_else(|| self.too_few(n))
    }

    /// Takes the next `n` bytes, as one slice, if there are so many.
    #[inline]
    pub fn try_next(&self, n: usize) -> Option<&[u8]> {
        if n == 0 {
            return Some(&[]);
        }
        Some(self.slice_of(self.with(|chain| chain.next(n))?))
    }

    /// The next `n` bytes, as one slice, which stay in the buffer.
    ///
    /// If they lie in several blocks, they are first copied to one, and lie there from
    /// then on.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = netpoll::buf::LinkBuffer::from(b"\0\x05hello");
    /// let header = buffer.peek(2)?;
    /// let len = u16::from_be_bytes([header[0], header[1]]);
    /// assert_eq!(buffer.next(2 + usize::from(len))?, b"\0\x05hello");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Peek")]
    #[inline]
    pub fn peek(&self, n: usize) -> io::Result<&[u8]> {
        self.try_peek(n).ok_or_else(|| self.too_few(n))
    }

    /// The next `n` bytes, which stay in the buffer, if there are so many.
    #[inline]
    pub fn try_peek(&self, n: usize) -> Option<&[u8]> {
        if n == 0 {
            return Some(&[]);
        }
        Some(self.slice_of(self.with(|chain| chain.peek(n))?))
    }

    /// All there is to read, as one slice, which stays in the buffer.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = netpoll::buf::LinkBuffer::from(b"all of it");
    /// buffer.skip(4)?;
    /// assert_eq!(buffer.as_bytes(), b"of it");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Bytes")]
    pub fn as_bytes(&self) -> &[u8] {
        self.try_peek(self.len()).unwrap_or_default()
    }

    /// Passes over the next `n` bytes.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there are fewer.
    #[doc(alias = "Skip")]
    #[doc(alias = "Discard")]
    pub fn skip(&self, n: usize) -> io::Result<()> {
        self.try_skip(n).ok_or_else(|| self.too_few(n))
    }

    /// Passes over the next `n` bytes, if there are so many.
    pub fn try_skip(&self, n: usize) -> Option<()> {
        self.with(|chain| chain.take(n, |segment, part| segment.skip(part)))
            .then_some(())
    }

    /// Takes what comes up to the first `delimiter`, and the delimiter, as one slice.
    ///
    /// # Errors
    ///
    /// - [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there is no delimiter in the
    ///   buffer, which has less than `limit`.
    /// - [`InvalidData`](io::ErrorKind::InvalidData): there is none among the first
    ///   `limit` bytes, the delimiter included.
    ///
    /// Nothing is taken then.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = netpoll::buf::LinkBuffer::from(b"first\nsecond");
    /// assert_eq!(buffer.until(b'\n', 80)?, b"first\n");
    /// assert_eq!(buffer.try_until(b'\n'), None);
    /// assert_eq!(buffer.next(6)?, b"second");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Until")]
    pub fn until(&self, delimiter: u8, limit: usize) -> io::Result<&[u8]> {
        self.reader().until(delimiter, limit)
    }

    /// Takes what comes up to the first `delimiter`, and the delimiter, if there is one.
    pub fn try_until(&self, delimiter: u8) -> Option<&[u8]> {
        self.try_next(self.position(delimiter, 0)? + 1)
    }

    /// Where the first `byte` is, counted from the first byte to read, if one is there;
    /// the first `from` bytes are not looked at.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = netpoll::buf::LinkBuffer::from(b"a,b,c");
    /// assert_eq!(buffer.position(b',', 0), Some(1));
    /// assert_eq!(buffer.position(b',', 2), Some(3));
    /// assert_eq!(buffer.position(b',', 4), None);
    /// ```
    pub fn position(&self, byte: u8, from: usize) -> Option<usize> {
        self.chain.borrow().position(byte, from)
    }

    /// Takes the next byte.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there is none.
    #[doc(alias = "ReadByte")]
    #[inline]
    pub fn read_byte(&self) -> io::Result<u8> {
        self.try_read_byte().ok_or_else(|| self.too_few(1))
    }

    /// Takes the next byte, if there is one.
    #[inline]
    pub fn try_read_byte(&self) -> Option<u8> {
        Some(self.try_next(1)?[0])
    }

    /// Takes the next `n` bytes as a vector of its own.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there are fewer.
    #[doc(alias = "ReadBinary")]
    pub fn read_binary(&self, n: usize) -> io::Result<Vec<u8>> {
        self.try_read_binary(n).ok_or_else(|| self.too_few(n))
    }

    /// Takes the next `n` bytes as a vector of its own, if there are so many.
    pub fn try_read_binary(&self, n: usize) -> Option<Vec<u8>> {
        // Memory is taken when it is certain that it will be filled.
        if n > self.len() {
            return None;
        }
        let mut bytes = Vec::with_capacity(n);
        self.with(|chain| {
            chain.take(n, |segment, part| {
                bytes.extend_from_slice(&segment.content()[..part]);
                segment.skip(part);
            })
        });
        Some(bytes)
    }

    /// Takes the next `n` bytes as a string.
    ///
    /// # Errors
    ///
    /// - [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there are fewer.
    /// - [`InvalidData`](io::ErrorKind::InvalidData): they are not UTF-8.
    ///
    /// Nothing is taken then.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = netpoll::buf::LinkBuffer::from("größer");
    /// assert!(buffer.read_string(3).is_err(), "in the middle of a letter");
    /// assert_eq!(buffer.read_string(8)?, "größer");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "ReadString")]
    pub fn read_string(&self, n: usize) -> io::Result<String> {
        self.try_read_string(n)?.ok_or_else(|| self.too_few(n))
    }

    /// Takes the next `n` bytes as a string, if there are so many.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData): there are, and they are not UTF-8.
    /// Nothing is taken then.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = netpoll::buf::LinkBuffer::from(b"ok\xff");
    /// assert_eq!(buffer.try_read_string(4)?, None, "there are three");
    /// assert!(buffer.try_read_string(3).is_err(), "the last is no letter");
    /// assert_eq!(buffer.try_read_string(2)?.as_deref(), Some("ok"));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_read_string(&self, n: usize) -> io::Result<Option<String>> {
        let Some(bytes) = self.try_peek(n) else {
            return Ok(None);
        };
        let string = str::from_utf8(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?
            .to_owned();
        self.try_skip(n);
        Ok(Some(string))
    }

    /// Takes the next `n` bytes as a buffer of their own, over the same memory.
    ///
    /// That keeps the blocks they are in from being used again: the whole of each, however
    /// little of it this is. What an event loop received lies in blocks of 128 KiB, with the
    /// input of other connections; for what lives long there is
    /// [`next_bytes`](Self::next_bytes), which copies what is too little for its block, or
    /// [`shrink_to_fit`](Self::shrink_to_fit).
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut buffer = netpoll::buf::LinkBuffer::from(b"for them, for me");
    /// let part = buffer.slice(8)?;
    /// std::thread::spawn(move || assert_eq!(part.as_bytes(), b"for them"))
    ///     .join()
    ///     .unwrap();
    /// assert_eq!(buffer.as_bytes(), b", for me");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Slice")]
    pub fn slice(&self, n: usize) -> io::Result<Self> {
        self.try_slice(n).ok_or_else(|| self.too_few(n))
    }

    /// Takes the next `n` bytes as a buffer of their own, if there are so many.
    pub fn try_slice(&self, n: usize) -> Option<Self> {
        self.with(|chain| chain.split_to(n)).map(Self::of)
    }

    /// Takes the next `n` bytes as [`Bytes`], which may be cloned and sent, and live as
    /// long as they like.
    ///
    /// They share the block they are in, and keep it from being used again, unless they
    /// are fewer than [`COPIED`](super::COPIED), or less than a sixteenth of that block,
    /// or lie in several: then they are copied.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof): there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    ///
    /// let buffer = netpoll::buf::LinkBuffer::from(b"value");
    /// let value: Bytes = buffer.next_bytes(5)?;
    /// drop(buffer);
    /// assert_eq!(value, "value");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn next_bytes(&self, n: usize) -> io::Result<Bytes> {
        self.try_next_bytes(n).ok_or_else(|| self.too_few(n))
    }

    /// Takes the next `n` bytes as [`Bytes`], if there are so many.
    pub fn try_next_bytes(&self, n: usize) -> Option<Bytes> {
        if n == 0 {
            return Some(Bytes::new());
        }
        if n > self.len() {
            return None;
        }
        if let Some(bytes) = self.with(|chain| chain.take_bytes(n)) {
            return Some(bytes);
        }
        self.try_read_binary(n).map(Bytes::from)
    }

    /// Fills `slices` with the first pieces of what there is to read, which stay in the
    /// buffer, and returns how many there are: for a vectored write, after which
    /// [`advance`](bytes::Buf::advance) passes over what was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::{Buf, Bytes};
    /// use netpoll::buf::LinkBuffer;
    /// use std::io::{IoSlice, Write};
    ///
    /// let mut buffer = LinkBuffer::from(b"head");
    /// buffer.write_direct(Bytes::from_static(b"body"));
    /// buffer.flush();
    ///
    /// let mut socket = Vec::new();
    /// let mut slices = [IoSlice::new(&[]); 8];
    /// let n = buffer.io_slices(&mut slices);
    /// assert_eq!(n, 2);
    /// let written = socket.write_vectored(&slices[..n])?;
    /// buffer.advance(written);
    /// assert_eq!(socket, b"headbody");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "GetBytes")]
    #[doc(alias = "as_io_slices")]
    pub fn io_slices<'a>(&'a self, slices: &mut [io::IoSlice<'a>]) -> usize {
        let chain = self.chain.borrow();
        let mut n = 0;
        for (slice, piece) in slices.iter_mut().zip(chain.pieces()) {
            *slice = io::IoSlice::new(self.slice_of(piece));
            n += 1;
        }
        n
    }

    /// The first piece of what there is to read; empty only if there is nothing.
    #[inline]
    pub(super) fn first_piece(&self) -> &[u8] {
        let first = self.chain.borrow().pieces().next();
        first.map_or(&[], |piece| self.slice_of(piece))
    }

    #[cold]
    pub(in crate::buf) fn too_few(&self, wanted: usize) -> io::Error {
        let there = self.len();
        let message = format!("{wanted} bytes are wanted, and {there} are there");
        io::Error::new(io::ErrorKind::UnexpectedEof, message)
    }
}
