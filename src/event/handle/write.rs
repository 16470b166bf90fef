//! A handle as a writer, for code that knows no more of it.

use std::io::{self, IoSlice, Write};

use bytes::{Bytes, BytesMut};

use super::ConnectionHandle;

/// Each call is one piece, as with [`write`](ConnectionHandle::write), copied; it waits as
/// that does, until the [write deadline](ConnectionHandle::set_write_deadline), and is never
/// short. `write!` makes a call for each part of its text.
impl Write for ConnectionHandle {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Self::write(self, Bytes::copy_from_slice(buf))?;
        Ok(buf.len())
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut joined = BytesMut::with_capacity(bufs.iter().map(|buf| buf.len()).sum());
        bufs.iter().for_each(|buf| joined.extend_from_slice(buf));
        let len = joined.len();
        Self::write(self, joined.freeze())?;
        Ok(len)
    }

    /// Does nothing: the connection's worker sends by itself.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
