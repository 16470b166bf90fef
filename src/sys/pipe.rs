//! Pipes: reading and writing without waiting.
//!
//! Here `O_NONBLOCK` is relied on, since `read(2)` and `write(2)` have no flag of their
//! own.
#![forbid(unsafe_code)]

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

use super::socket::Fault;

/// As many slices as one call takes (`IOV_MAX`).
pub(crate) const SLICES_MOST: usize = 1024;

/// Reads what is there.
pub(crate) fn read(fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> Result<usize, Fault> {
    Ok(rustix::io::readv(fd, buffers)?)
}

/// Writes as much as there is room for.
pub(crate) fn write(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> Result<usize, Fault> {
    Ok(rustix::io::writev(fd, buffers)?)
}
