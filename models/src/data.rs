//! Plain memory that a word publishes.

use loom::cell::UnsafeCell;

/// A cell that loom watches: an access that does not happen before or after every
/// other one, by what the words guarantee, fails the model.
pub(crate) struct Data(UnsafeCell<u32>);

// SAFETY: loom reports an access that races before it is made.
unsafe impl Sync for Data {}

impl Data {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    pub(crate) fn write(&self, value: u32) {
        // SAFETY: loom has checked that nobody else accesses the cell.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    pub(crate) fn read(&self) -> u32 {
        // SAFETY: loom has checked that nobody writes the cell.
        self.0.with(|cell| unsafe { *cell })
    }
}
