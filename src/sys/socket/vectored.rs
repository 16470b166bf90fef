//! Many buffers in one call. `readv` and `writev` have no flags, hence messages.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

use rustix::net::{RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags};

use super::Fault;

/// How many buffers one call takes (`UIO_MAXIOV`).
pub(crate) const MOST_SLICES: usize = 1024;

/// Receives what is there, into at most [`MOST_SLICES`] buffers.
pub(crate) fn receive_vectored(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
) -> Result<usize, Fault> {
    let mut nothing = RecvAncillaryBuffer::default();
    let received = rustix::net::recvmsg(fd, buffers, &mut nothing, RecvFlags::DONTWAIT)?;
    Ok(received.bytes)
}

/// Sends as much as there is room for, from at most [`MOST_SLICES`] buffers.
pub(crate) fn send_vectored(fd: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> Result<usize, Fault> {
    let mut nothing = SendAncillaryBuffer::default();
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(rustix::net::sendmsg(fd, slices, &mut nothing, flags)?)
}
