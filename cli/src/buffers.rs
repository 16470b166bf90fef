//! Big buffers for connections that have much to send at the moment.
//!
//! A connection that waits for its client has none: its stack, with the few bytes
//! that reading begins with, stays within a page.
//!
//! Each worker keeps its own. A task stays on its worker, so a buffer goes back to
//! where it came from, and no lock is taken.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use crate::frames::HEADER;

/// Bytes in a buffer: a message of 16 KiB leaves at once, also with its header.
pub(crate) const SIZE: usize = HEADER + 16 * 1024;

/// How many unused ones a worker keeps.
const KEPT: usize = 32;

thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer that goes back to the worker's pool when it is dropped.
#[derive(Debug)]
pub(crate) struct Buffer(Box<[u8]>);

impl Buffer {
    /// One from the pool. What is in it comes from whoever had it before.
    pub(crate) fn take() -> Self {
        let pooled = POOL.with_borrow_mut(Vec::pop);
        Self(pooled.unwrap_or_else(|| vec![0; SIZE].into()))
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        POOL.with_borrow_mut(|pool| {
            if pool.len() < KEPT {
                pool.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again() {
        let first = Buffer::take().as_ptr();
        assert_eq!(Buffer::take().as_ptr(), first);
    }

    #[test]
    fn the_pool_is_bounded() {
        drop((0..2 * KEPT).map(|_| Buffer::take()).collect::<Vec<_>>());
        assert_eq!(POOL.with_borrow(Vec::len), KEPT);
    }
}
