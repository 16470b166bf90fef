//! A type-stable table: slots that are reused, and never freed.
//!
//! A slot, once made, is of its type until the process ends, so a number that
//! names one is always good to look up: the lookup needs no reference count,
//! and a message that arrives late (a wake-up for a task that has ended, an
//! event for a socket that was closed) finds valid memory. What tells it that
//! it is late is a count in the slot that moves on with each use: the epoch of
//! a task, the generation of a descriptor. Go keeps its `g` and `pollDesc` in
//! the same way. The table is as large as the most slots ever in use at once.
//!
//! ```text
//! chunks: [ 0 | 1 | 2 | - | - ...        as many as there may ever be: pages of zeros
//!           |   |   +--> slots 512..767    that take no memory until they are used
//!           |   +------> slots 256..511
//!           +----------> slots   0..255
//! ```
//!
//! A request looks up half a dozen numbers, so that is a shift and two loads. Growing
//! moves nothing.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a table holds.
pub(crate) trait Slot {
    /// A slot that has not been used yet and will be known by this number.
    fn new(index: u32) -> Self;
}

/// A table of `T` that hands out numbers, in so many chunks of so many slots at most; see
/// the [module](self).
pub(crate) struct Table<T: 'static, const CHUNKS: usize, const SLOTS: usize> {
    /// Each is null, or the first of `SLOTS` slots that live as long as the process.
    chunks: [AtomicPtr<T>; CHUNKS],
    vacant: Mutex<Vacant>,
}

/// A table for what there may be millions of: 67 million.
pub(crate) type LargeTable<T> = Table<T, { 1 << 18 }, 256>;

/// A table for what there is for each thread: a million.
pub(crate) type SmallTable<T> = Table<T, { 1 << 16 }, 16>;

/// The slots that nobody uses.
struct Vacant {
    /// Those that were used before, the latest on top.
    used: Vec<u32>,
    /// All from this number on have never been used.
    fresh: u32,
}

impl<T: Slot + Sync, const CHUNKS: usize, const SLOTS: usize> Table<T, CHUNKS, SLOTS> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            vacant: Mutex::new(Vacant {
                used: Vec::new(),
                fresh: 0,
            }),
        }
    }

    /// The slot of this number.
    ///
    /// # Panics
    ///
    /// If the number was never handed out.
    #[inline]
    pub(crate) fn get(&'static self, index: u32) -> &'static T {
        let (chunk, offset) = (index as usize / SLOTS, index as usize % SLOTS);
        let chunk = self.chunks[chunk].load(Ordering::Acquire);
        assert!(!chunk.is_null(), "a number that was handed out");
        // SAFETY: a chunk that is not null is `SLOTS` slots long, was made before its
        // address was stored with a release, and is never freed; `offset` is below `SLOTS`.
        // Slots are only ever shared.
        unsafe { &*chunk.add(offset) }
    }

    /// All slots that were ever handed out.
    pub(crate) fn iter(&'static self) -> impl Iterator<Item = &'static T> {
        let fresh = self
            .vacant
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fresh;
        (0..fresh).map(|index| self.get(index))
    }

    /// Takes a slot that nobody uses.
    pub(crate) fn take(&'static self) -> &'static T {
        let mut one = [0];
        self.take_many(&mut one);
        self.get(one[0])
    }

    /// Takes as many slots as `indexes` has room for, under one lock.
    ///
    /// # Panics
    ///
    /// If there are more in use than the table has room for.
    pub(crate) fn take_many(&'static self, indexes: &mut [u32]) {
        let mut vacant = self.vacant.lock().unwrap_or_else(PoisonError::into_inner);
        for index in indexes {
            *index = vacant.used.pop().unwrap_or_else(|| {
                let fresh = vacant.fresh;
                if (fresh as usize).is_multiple_of(SLOTS) {
                    self.grow(fresh);
                }
                vacant.fresh += 1;
                fresh
            });
        }
    }

    /// Makes the chunk that begins with this number. The caller holds the lock.
    fn grow(&'static self, start: u32) {
        let chunk = self.chunks.get(start as usize / SLOTS);
        let chunk = chunk.expect("no more slots are in use than there is room for");
        let slots: Box<[T]> = (start..start + SLOTS as u32).map(T::new).collect();
        let slots = Box::leak(slots).as_mut_ptr();
        chunk.store(slots, Ordering::Release);
    }

    /// Gives slots back. What still names them must recognise, by the count in
    /// the slot, that it comes too late.
    pub(crate) fn give_back(&'static self, indexes: &[u32]) {
        let mut vacant = self.vacant.lock().unwrap_or_else(PoisonError::into_inner);
        vacant.used.extend_from_slice(indexes);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Slot, Table};

    struct Numbered(u32);

    impl Slot for Numbered {
        fn new(index: u32) -> Self {
            Self(index)
        }
    }

    #[test]
    fn a_slot_keeps_its_place_and_is_handed_out_once() {
        static TABLE: Table<Numbered, 64, 16> = Table::new();
        let mut indexes = [0; 1000];
        TABLE.take_many(&mut indexes);
        assert_eq!(indexes.iter().collect::<HashSet<_>>().len(), 1000);
        for index in indexes {
            assert_eq!(TABLE.get(index).0, index);
        }
        assert_eq!(TABLE.iter().count(), 1000);
        let before: *const Numbered = TABLE.get(7);
        TABLE.give_back(&[7]);
        assert_eq!(TABLE.take().0, 7);
        assert_eq!(before, TABLE.get(7) as *const Numbered);
    }

    #[test]
    #[should_panic(expected = "no more slots are in use than there is room for")]
    fn a_full_table_says_so() {
        static TABLE: Table<Numbered, 2, 4> = Table::new();
        TABLE.take_many(&mut [0; 9]);
    }

    #[test]
    #[should_panic(expected = "a number that was handed out")]
    fn a_number_of_nobody_is_refused() {
        static TABLE: Table<Numbered, 2, 4> = Table::new();
        TABLE.get(5);
    }
}
