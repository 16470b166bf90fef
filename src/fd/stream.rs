//! Bytes in order: what TCP and Unix streams do.

use std::io::{self, IoSlice, IoSliceMut};

use super::{Fd, ShortRead};
use crate::buf::Block;
use crate::sys::socket::{self, MOST_SLICES};

/// As much as one read asks for. The kernel returns a little less than 2 GiB at most,
/// which must not be taken for all that was there.
const READ_MOST: usize = 1 << 30;

impl Fd {
    /// Reads what is there. `drains` says whether less than was asked for is all.
    #[inline]
    pub(crate) fn read(&self, drains: bool, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let all = buffer.len().min(READ_MOST);
        let buffer = &mut buffer[..all];
        self.read_with(short_read(drains, all), |fd| socket::receive(fd, buffer))
    }

    /// Reads what is there into a block; see [`Source`](super::Source).
    pub(crate) fn receive_block(&self, drains: bool, most: usize) -> io::Result<Block> {
        self.receive(short_read(drains, most), most, |fd, block| {
            block.receive(most, |spare| socket::receive_into(fd, spare))
        })
    }

    /// Reads what is there into several buffers, by one system call.
    pub(crate) fn read_vectored(
        &self,
        drains: bool,
        buffers: &mut [IoSliceMut<'_>],
    ) -> io::Result<usize> {
        let count = buffers.len().min(MOST_SLICES);
        let buffers = &mut buffers[..count];
        let all = total(buffers.iter().map(|buffer| buffer.len()));
        if all == 0 {
            return Ok(0);
        }
        self.read_with(short_read(drains && all <= READ_MOST, all), |fd| {
            socket::receive_vectored(fd, buffers)
        })
    }

    /// Receives what is there and leaves it there.
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.read_with(ShortRead::ProvesNothing, |fd| socket::peek(fd, buffer))
    }

    /// Writes all of `bytes`.
    #[inline]
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.write_with(bytes.len(), |fd, written| {
            socket::send(fd, &bytes[written..])
        })
    }

    /// Writes all of the first [`MOST_SLICES`] slices, by one system call if the
    /// socket has room.
    pub(crate) fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let slices = &slices[..slices.len().min(MOST_SLICES)];
        let all = total(slices.iter().map(|slice| slice.len()));
        if all == 0 {
            return Ok(0);
        }
        self.write_with(all, |fd, written| {
            if written == 0 {
                return socket::send_vectored(fd, slices);
            }
            let mut rest = slices.to_vec();
            let mut rest = &mut rest[..];
            IoSlice::advance_slices(&mut rest, written);
            socket::send_vectored(fd, rest)
        })
    }
}

fn short_read(drains: bool, all: usize) -> ShortRead {
    if drains {
        ShortRead::Drains(all)
    } else {
        ShortRead::ProvesNothing
    }
}

/// The same bytes may be given several times, so the sum may be larger than memory.
fn total(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.fold(0, usize::saturating_add)
}
