//! Datagrams, each received and sent as a whole: what UDP and Unix sockets do.
//!
//! One of no bytes is a datagram like any other, and not the end of anything; and
//! a buffer of no bytes receives one. A short one proves nothing.

use std::io;
use std::os::fd::BorrowedFd;

use super::{Fd, ShortRead};
use crate::sys::socket::{self, Fault};
use crate::task;

/// A write that is done once anything was sent.
const ONE_PIECE: usize = 0;

impl Fd {
    /// Receives one datagram, by the call given.
    pub(crate) fn receive_from<A>(
        &self,
        receive: impl FnMut(BorrowedFd<'_>) -> Result<(usize, A), Fault>,
    ) -> io::Result<(usize, A)> {
        self.read_with(ShortRead::ProvesNothing, receive)
    }

    pub(crate) fn receive_datagram(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(ShortRead::ProvesNothing, |fd| socket::receive(fd, buffer))
    }

    pub(crate) fn peek_datagram(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(ShortRead::ProvesNothing, |fd| socket::peek(fd, buffer))
    }

    /// Receives many datagrams, by the call given, and returns how many.
    pub(crate) fn receive_many(
        &self,
        receive: impl FnMut(BorrowedFd<'_>) -> Result<usize, Fault>,
    ) -> io::Result<usize> {
        let received = self.read_with(ShortRead::ProvesNothing, receive)?;
        // Each is as much work as if it had come alone, nearly all of it the kernel's.
        task::spend_more(received.saturating_sub(1));
        Ok(received)
    }

    /// Sends one datagram, by the call given.
    pub(crate) fn send_by(
        &self,
        mut send: impl FnMut(BorrowedFd<'_>) -> Result<usize, Fault>,
    ) -> io::Result<usize> {
        self.write_with(ONE_PIECE, |fd, _| send(fd))
    }

    /// Sends many datagrams: `send` gets how many of them, or of their bytes, are sent, and
    /// returns how many more it could send. An error ends it; if some were sent before,
    /// they are reported, and not the error: it was about the datagram that comes next,
    /// and comes again if that is sent again.
    pub(crate) fn send_many(
        &self,
        all: usize,
        mut send: impl FnMut(BorrowedFd<'_>, usize) -> Result<usize, Fault>,
    ) -> io::Result<usize> {
        let mut failed_after = None;
        let sent = self.write_with(all, |fd, sent| match send(fd, sent) {
            Err(Fault::Error(_)) if sent > 0 => {
                failed_after = Some(sent);
                Ok(all - sent)
            }
            other => other,
        })?;
        Ok(failed_after.unwrap_or(sent))
    }

    /// Sends one datagram to the peer.
    pub(crate) fn send_datagram(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send_by(|fd| socket::send(fd, bytes))
    }
}
