//! Memory from the pool, as the segments of a chain hold it.

use std::ptr::NonNull;

use super::super::class::Class;
use super::super::pool;

/// Memory from the pool, to which it goes back when this is dropped.
///
/// It gives away nothing but its address. Which of its bytes who may read or write
/// is for [`Segment`](super::segment::Segment) to say: several of them may share one
/// of these, each with bytes of its own.
#[derive(Debug)]
pub(super) struct Memory {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: pooled memory belongs to no thread: the pool takes it back on any.
unsafe impl Send for Memory {}
// SAFETY: what is shared is an address and a number, which do not change.
unsafe impl Sync for Memory {}

impl Memory {
    /// Memory for at least this many bytes, which are anything.
    ///
    /// # Panics
    ///
    /// If `least` is more than an allocation can have.
    #[inline]
    pub(super) fn with_room_for(least: usize) -> Self {
        let size = Class::with_room_for(least).map_or(least, Class::size);
        Self {
            start: pool::take(size),
            size,
        }
    }

    /// Where it begins. It is valid for reads and writes of [`size`](Self::size) bytes
    /// as long as this lives, and what is derived from it belongs to the same
    /// allocation, so that different holders may use different bytes.
    #[inline]
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// In bytes; never zero.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Memory {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the memory came from the pool with this size. Who used it held this,
        // alone or through an `Arc`, so nobody uses it any more.
        unsafe { pool::give_back(self.start, self.size) };
    }
}
