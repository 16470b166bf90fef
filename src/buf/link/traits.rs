//! The traits of std and of `bytes`.
//!
//! What they take they also release, since they have the buffer exclusively.

use std::fmt;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Write};

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, Bytes};

use super::LinkBuffer;
use super::chain::Chain;

/// Reads what was flushed; the end is where nothing is left.
impl Read for LinkBuffer {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(self.len());
        self.copy_to_slice(&mut buf[..n]);
        Ok(n)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut read = 0;
        for buf in bufs {
            read += self.read(buf)?;
        }
        Ok(read)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let n = self.len();
        buf.try_reserve(n)?;
        while let piece @ [_, ..] = self.first_piece() {
            buf.extend_from_slice(piece);
            self.advance(piece.len());
        }
        Ok(n)
    }
}

impl BufRead for LinkBuffer {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.first_piece())
    }

    fn consume(&mut self, n: usize) {
        self.advance(n);
    }
}

/// Writes never fail, and can be read after the next
/// [`flush`](LinkBuffer::flush).
impl Write for LinkBuffer {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_binary(buf);
        Ok(buf.len())
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        bufs.iter().for_each(|buf| self.write_binary(buf));
        Ok(bufs.iter().map(|buf| buf.len()).sum())
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.write_binary(buf);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::flush(self);
        Ok(())
    }
}

impl fmt::Write for LinkBuffer {
    fn write_str(&mut self, string: &str) -> fmt::Result {
        self.write_string(string);
        Ok(())
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        self.write_string(c.encode_utf8(&mut [0; 4]));
        Ok(())
    }
}

impl Buf for LinkBuffer {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.first_piece()
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        self.io_slices(dst)
    }

    fn advance(&mut self, n: usize) {
        if let Err(error) = self.skip(n) {
            panic!("{error}");
        }
        self.release();
    }

    fn copy_to_bytes(&mut self, n: usize) -> Bytes {
        let bytes = self.next_bytes(n).unwrap_or_else(|error| panic!("{error}"));
        self.release();
        bytes
    }
}

// SAFETY: `remaining_mut` and `chunk_mut` say what there is room for: the bytes behind
// what was written, which are this buffer's alone; `advance_mut` moves on by as much as
// its caller initialised there.
unsafe impl BufMut for LinkBuffer {
    fn remaining_mut(&self) -> usize {
        usize::MAX - self.malloc_len()
    }

    unsafe fn advance_mut(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        let chain = self.chain.get_mut();
        let last = chain.spare_mut();
        assert!(n <= last.spare(), "more than there was room for");
        // SAFETY: the caller initialised so many bytes of what is spare.
        unsafe { last.advance(n) };
        chain.advanced(n);
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(self.chain.get_mut().spare_mut().spare_mut())
    }

    fn put_slice(&mut self, bytes: &[u8]) {
        self.write_binary(bytes);
    }
}

/// Can be read after the next [`flush`](LinkBuffer::flush), as all that is written.
impl Extend<u8> for LinkBuffer {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        bytes.into_iter().for_each(|byte| self.write_byte(byte));
    }
}

/// Can be read after the next [`flush`](LinkBuffer::flush), as all that is written.
impl<'a> Extend<&'a u8> for LinkBuffer {
    fn extend<T: IntoIterator<Item = &'a u8>>(&mut self, bytes: T) {
        self.extend(bytes.into_iter().copied());
    }
}

/// Can be read after the next [`flush`](LinkBuffer::flush), as all that is written.
impl Extend<Bytes> for LinkBuffer {
    fn extend<T: IntoIterator<Item = Bytes>>(&mut self, parts: T) {
        parts.into_iter().for_each(|part| self.write_direct(part));
    }
}

/// A buffer with these bytes to read, which are not copied.
impl From<Bytes> for LinkBuffer {
    fn from(bytes: Bytes) -> Self {
        let mut chain = Chain::default();
        if !bytes.is_empty() {
            chain.push_bytes(bytes);
            chain.flush();
        }
        Self::of(chain)
    }
}

/// A buffer with these bytes to read, which are not copied.
impl From<Vec<u8>> for LinkBuffer {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

/// A buffer with these bytes to read, which are not copied.
impl From<String> for LinkBuffer {
    fn from(string: String) -> Self {
        string.into_bytes().into()
    }
}

/// A buffer with a copy of these bytes to read.
impl From<&[u8]> for LinkBuffer {
    fn from(bytes: &[u8]) -> Self {
        let mut buffer = Self::new();
        buffer.write_binary(bytes);
        buffer.flush();
        buffer
    }
}

/// A buffer with a copy of these bytes to read.
impl<const N: usize> From<&[u8; N]> for LinkBuffer {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

/// A buffer with a copy of this string to read.
impl From<&str> for LinkBuffer {
    fn from(string: &str) -> Self {
        string.as_bytes().into()
    }
}

/// A buffer with these bytes to read.
impl FromIterator<u8> for LinkBuffer {
    fn from_iter<T: IntoIterator<Item = u8>>(bytes: T) -> Self {
        let mut buffer = Self::new();
        buffer.extend(bytes);
        buffer.flush();
        buffer
    }
}
