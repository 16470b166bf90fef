//! Size classes: which stack serves a wish for so many bytes.
//!
//! A class is a power of two from 16 KiB to 1 GiB, so that stacks of one class
//! can stand in for each other and a pool finds the right ones by an index.
//! On a kernel with pages of 64 KiB the smallest class is 64 KiB.

use std::io;

use super::guard;
use crate::sys::memory;

/// The smallest stack, not counting its guard.
pub(super) const MIN_SIZE: usize = 16 << 10;
/// The largest stack, not counting its guard.
pub(super) const MAX_SIZE: usize = 1 << 30;
/// How many classes there are.
pub(super) const COUNT: usize = (MAX_SIZE.ilog2() - MIN_SIZE.ilog2() + 1) as usize;
/// What is mapped at once, if a slot is not larger.
const SLAB_SIZE: usize = 64 << 20;

/// A size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    /// The class whose stacks hold at least `size` bytes.
    #[inline]
    pub(super) fn for_size(size: usize) -> io::Result<Class> {
        if size > MAX_SIZE {
            return Err(too_large(size));
        }
        let size = size.max(MIN_SIZE).max(memory::page_size());
        let log2 = size.next_power_of_two().ilog2();
        Ok(Class((log2 - MIN_SIZE.ilog2()) as u8))
    }

    /// The class at a place among [`COUNT`].
    #[inline]
    pub(super) fn of_index(index: usize) -> Class {
        debug_assert!(index < COUNT);
        Class(index as u8)
    }

    /// The place of this class among [`COUNT`].
    #[inline]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The bytes that a stack of this class can use.
    #[inline]
    pub(super) fn usable(self) -> usize {
        MIN_SIZE << self.0
    }

    /// The address space that a stack of this class takes, with its guard.
    #[inline]
    pub(super) fn slot(self) -> usize {
        guard::size() + self.usable()
    }

    /// The length of a slab: the slots that fit in 64 MiB, at least one.
    pub(super) fn slab(self) -> usize {
        (SLAB_SIZE / self.slot()).max(1) * self.slot()
    }
}

#[cold]
fn too_large(size: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "a stack of {size} bytes is too large: stacks hold from {MIN_SIZE} to {MAX_SIZE} bytes"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable(size: usize) -> usize {
        Class::for_size(size).unwrap().usable()
    }

    #[test]
    fn sizes_are_rounded_up_to_a_power_of_two() {
        let least = MIN_SIZE.max(memory::page_size());
        assert_eq!(usable(0), least);
        assert_eq!(usable(least), least);
        assert_eq!(usable(least + 1), 2 * least);
        assert_eq!(usable(200_000), 256 << 10);
        assert_eq!(usable(256 << 10), 256 << 10);
        assert_eq!(usable(MAX_SIZE - 1), MAX_SIZE);
        assert_eq!(usable(MAX_SIZE), MAX_SIZE);
    }

    #[test]
    fn classes_are_counted_from_zero() {
        assert_eq!(Class(0).usable(), MIN_SIZE);
        let last = Class::for_size(MAX_SIZE).unwrap();
        assert_eq!(last.index(), COUNT - 1);
        assert_eq!(Class::of_index(last.index()), last);
    }

    #[test]
    fn a_size_out_of_range_is_an_error_that_says_the_limits() {
        // The last two would wrap to zero if they were rounded up first.
        for size in [MAX_SIZE + 1, (1 << 63) + 1, usize::MAX] {
            let error = Class::for_size(size).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            let text = error.to_string();
            for part in [size, MIN_SIZE, MAX_SIZE] {
                assert!(text.contains(&part.to_string()), "{text}");
            }
        }
    }

    #[test]
    fn a_slab_holds_whole_slots() {
        for size in [MIN_SIZE, 256 << 10, 32 << 20, MAX_SIZE] {
            let class = Class::for_size(size).unwrap();
            assert_eq!(class.slab() % class.slot(), 0);
            assert!(class.slab() <= SLAB_SIZE || class.slab() == class.slot());
        }
    }
}
