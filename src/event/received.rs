//! What was received, for code that reads from a `Read` and must not wait.

use std::fmt;
use std::io::{self, Read};

use super::Connection;

/// What was received on a connection, as a [`Read`] that never waits: for protocols whose
/// state is kept by somebody else, TLS first of all. Made by [`Connection::received`].
///
/// Reading fails with `WouldBlock` when all was read, and returns zero, the end, when the
/// peer has sent all it will. To write without waiting there is
/// [`Connection::writer`], which is a [`Write`](std::io::Write).
///
/// # Examples
///
/// ```
/// use netpoll::event::{Connection, Next};
/// use std::io::{self, Read, Write};
///
/// fn echo(connection: &mut Connection) -> io::Result<Next> {
///     let mut buffer = [0; 1024];
///     loop {
///         match connection.received().read(&mut buffer) {
///             Ok(0) => return Ok(Next::Close),
///             Ok(n) => connection.writer().write_all(&buffer[..n])?,
///             Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Next::Again),
///             Err(error) => return Err(error),
///         }
///     }
/// }
/// # drop(netpoll::event::EventLoop::new(echo));
/// ```
pub struct Received<'a> {
    pub(super) connection: &'a Connection,
}

impl Read for Received<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = self.connection.reader();
        let n = reader.len().min(buffer.len());
        if n == 0 && !buffer.is_empty() {
            return match self.connection.peer_has_finished() {
                true => Ok(0),
                false => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        if let Some(bytes) = reader.try_next(n) {
            buffer[..n].copy_from_slice(bytes);
        }
        Ok(n)
    }
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("readable", &self.connection.reader().len())
            .finish_non_exhaustive()
    }
}
