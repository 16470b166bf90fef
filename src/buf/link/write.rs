//! Writing: behind what was written, and readable when it is flushed.

use std::io;

use bytes::Bytes;

use super::LinkBuffer;
use crate::buf::{Writer, WriterMut};

/// # Writing
///
/// These borrow the buffer, so that memory from [`malloc`](Self::malloc) may be filled
/// while more is written. What is written can be read after the next
/// [`flush`](Self::flush), which ends those borrows.
impl LinkBuffer {
    /// What [`Writer`] does.
    #[inline]
    pub fn writer(&self) -> Writer<'_> {
        Writer::of_buffer(self)
    }

    /// What [`WriterMut`] does. Its [`flush`](WriterMut::flush) is that of the buffer.
    #[inline]
    pub fn writer_mut(&mut self) -> WriterMut<'_> {
        WriterMut::of_buffer(self)
    }

    /// Hands out the next `n` bytes of the buffer, to be written to until the buffer is
    /// flushed.
    ///
    /// They lie in one block. They hold zeros, or what this buffer once held: never
    /// another's bytes. Every call hands out others.
    ///
    /// # Panics
    ///
    /// If `n` is more than an allocation can have.
    ///
    /// # Examples
    ///
    /// A header that says how long the body is, which is known later:
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let mut buffer = LinkBuffer::new();
    /// let header = buffer.malloc(4);
    /// let before = buffer.malloc_len();
    /// buffer.write_string("a body ");
    /// buffer.write_binary(b"in parts");
    /// let body = (buffer.malloc_len() - before) as u32;
    /// header.copy_from_slice(&body.to_be_bytes());
    /// buffer.flush();
    /// assert_eq!(buffer.as_bytes(), b"\0\0\0\x0fa body in parts");
    /// ```
    #[doc(alias = "Malloc")]
    #[doc(alias = "reserve_header")]
    #[expect(clippy::mut_from_ref, reason = "each call hands out other bytes")]
    #[inline]
    pub fn malloc(&self, n: usize) -> &mut [u8] {
        if n == 0 {
            return &mut [];
        }
        let mut region = self.with(|chain| chain.malloc(n));
        // SAFETY: what is handed out to be written to is initialised, is handed out
        // once, and nobody reads it while the buffer is borrowed. See the module.
        unsafe { region.as_mut() }
    }

    /// Keeps the first `n` bytes of what was written and not flushed yet, and forgets
    /// what comes behind them.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): there are fewer than `n`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut buffer = netpoll::buf::LinkBuffer::new();
    /// let room = buffer.malloc(100);
    /// room[..5].copy_from_slice(b"short");
    /// buffer.malloc_ack(5)?;
    /// buffer.flush();
    /// assert_eq!(buffer.as_bytes(), b"short");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "MallocAck")]
    pub fn malloc_ack(&mut self, n: usize) -> io::Result<()> {
        let chain = self.chain.get_mut();
        if n > chain.pending() {
            let message = format!("{n} bytes to keep, of {} not flushed", chain.pending());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        chain.truncate(n);
        Ok(())
    }

    /// Overwrites what was written and not flushed yet, from `at` on, counted from the
    /// first byte of that. For a header in front of what needs the buffer exclusively,
    /// like [`write!`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): so much was not written, or some
    /// of it is not the buffer's to change: from [`write_direct`](Self::write_direct),
    /// or shared with another buffer. Nothing is changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use std::fmt::Write;
    ///
    /// let mut buffer = LinkBuffer::new();
    /// let at = buffer.malloc_len();
    /// buffer.write_byte(0);
    /// write!(buffer, "{}-{}", 12, 345)?;
    /// let len = buffer.malloc_len() - at - 1;
    /// buffer.patch(at, &[len as u8])?;
    /// buffer.flush();
    /// assert_eq!(buffer.as_bytes(), b"\x0612-345");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn patch(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        let chain = self.chain.get_mut();
        let end = at.checked_add(bytes.len());
        let refused = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        if end.is_none_or(|end| end > chain.pending()) {
            let (n, pending) = (bytes.len(), chain.pending());
            return refused(format!(
                "{n} bytes to change at {at}, of {pending} not flushed"
            ));
        }
        if !chain.patch(at, bytes) {
            return refused("bytes to change that belong to somebody else, too".into());
        }
        Ok(())
    }

    /// Writes a copy of `bytes`.
    ///
    /// It lies in one block: a block of its own if it is longer than [`IN_PLACE`](super::IN_PLACE) and
    /// there is no room for it.
    ///
    /// # Panics
    ///
    /// If `bytes` are more than an allocation can have.
    #[doc(alias = "WriteBinary")]
    #[inline]
    pub fn write_binary(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.with(|chain| chain.push(bytes));
        }
    }

    /// Writes a copy of a string.
    #[doc(alias = "WriteString")]
    #[inline]
    pub fn write_string(&self, string: &str) {
        self.write_binary(string.as_bytes());
    }

    /// Writes a byte.
    #[doc(alias = "WriteByte")]
    #[inline]
    pub fn write_byte(&self, byte: u8) {
        self.write_binary(&[byte]);
    }

    /// Puts `bytes` behind what was written, without copying them.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let page = Bytes::from(vec![b'x'; 100_000]);
    /// let mut buffer = LinkBuffer::new();
    /// let head = buffer.malloc(4);
    /// buffer.write_direct(page.clone());
    /// let tail = buffer.malloc(4);
    /// head.copy_from_slice(b"<<<<");
    /// tail.copy_from_slice(b">>>>");
    /// buffer.flush();
    /// assert_eq!(buffer.len(), 100_008);
    /// buffer.skip(4)?;
    /// assert_eq!(buffer.peek(100_000)?.as_ptr(), page.as_ptr());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "WriteDirect")]
    pub fn write_direct(&self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.with(|chain| chain.push_bytes(bytes));
        }
    }

    /// Moves all that is in `other`, flushed or not, behind what was written here. It
    /// can be read here after the next flush.
    ///
    /// Blocks are moved, not copied, unless there is less than
    /// [`COPIED`](super::COPIED) in them.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let mut buffer = LinkBuffer::from(b"one, ");
    /// buffer.append(LinkBuffer::from(b"two"));
    /// buffer.flush();
    /// assert_eq!(buffer.as_bytes(), b"one, two");
    /// ```
    #[doc(alias = "Append")]
    #[doc(alias = "WriteBuffer")]
    pub fn append(&self, other: Self) {
        // What is left of it is dropped when this chain is not borrowed any more: it may
        // have owners of bytes, whose destructors may do anything.
        let mut other = other.chain.into_inner();
        if other.readable() + other.pending() > 0 {
            self.with(|chain| chain.append(&mut other));
        }
    }

    /// Makes readable what was written. What [`malloc`](Self::malloc) handed out ends
    /// here.
    #[doc(alias = "Flush")]
    #[inline]
    pub fn flush(&mut self) {
        self.chain.get_mut().flush();
    }
}
