//! Handles of event loops as writers.

use std::io::{self, IoSlice, Write};

use bytes::{Bytes, BytesMut};

use crate::event::ConnectionHandle;

/// Each call is one piece, as with [`write`](ConnectionHandle::write), copied; it waits as
/// that does, and is never short. `write!` makes a call for each part of its text.
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
