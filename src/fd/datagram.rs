//! Datagrams, each received and sent as a whole: what UDP and Unix sockets do.
//!
//! One of no bytes is a datagram like any other, and not the end of anything; and
//! a buffer of no bytes receives one. A short one proves nothing.

use std::io;
use std::os::fd::BorrowedFd;

use super::{Fd, ShortRead};
use crate::sys::socket::{self, Fault};

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

    /// Sends one datagram, by the call given.
    pub(crate) fn send_by(
        &self,
        mut send: impl FnMut(BorrowedFd<'_>) -> Result<usize, Fault>,
    ) -> io::Result<usize> {
        self.write_with(ONE_PIECE, |fd, _| send(fd))
    }

    /// Sends one datagram to the peer.
    pub(crate) fn send_datagram(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send_by(|fd| socket::send(fd, bytes))
    }
}
