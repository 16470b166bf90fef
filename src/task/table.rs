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
//! row 0: 64 slots     | row 1: 128 slots        | row 2: 256 slots   | ...
//!        0..63        |        64..191          |        192..447    |
//! in buckets of    8  |                     16  |                32  |
//! ```
//!
//! Rows double, so a number is turned into a place by a few shifts and a table of
//! pointers, and growing moves nothing. Each row is made in eight steps: slots that are
//! not used yet cost memory, and so they are an eighth of those that are, at most.

use std::sync::{Mutex, OnceLock, PoisonError};

/// Slots in the first row.
const FIRST: u32 = 64;
/// Buckets in a row.
const STEPS: usize = 8;
/// With 26 rows there are more than four thousand million slots.
const BUCKETS: usize = 26 * STEPS;

/// What a table holds.
pub(crate) trait Slot {
    /// A slot that has not been used yet and will be known by this number.
    fn new(index: u32) -> Self;
}

/// A table of `T` that hands out numbers; see the [module](self).
pub(crate) struct Table<T: 'static> {
    buckets: [OnceLock<Box<[T]>>; BUCKETS],
    vacant: Mutex<Vacant>,
}

/// The slots that nobody uses.
struct Vacant {
    /// Those that were used before, the latest on top.
    used: Vec<u32>,
    /// All from this number on have never been used.
    fresh: u32,
}

impl<T: Slot> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            buckets: [const { OnceLock::new() }; BUCKETS],
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
        let (bucket, offset) = place(index);
        &self.buckets[bucket]
            .get()
            .expect("a number that was handed out")[offset]
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
    pub(crate) fn take_many(&'static self, indexes: &mut [u32]) {
        let mut vacant = self.vacant.lock().unwrap_or_else(PoisonError::into_inner);
        for index in indexes {
            *index = vacant.used.pop().unwrap_or_else(|| {
                let fresh = vacant.fresh;
                vacant.fresh = fresh
                    .checked_add(1)
                    .expect("four thousand million slots in use");
                let (bucket, _) = place(fresh);
                self.buckets[bucket].get_or_init(|| {
                    let (start, slots) = extent(bucket);
                    (start..start + slots).map(T::new).collect()
                });
                fresh
            });
        }
    }

    /// Gives slots back. What still names them must recognise, by the count in
    /// the slot, that it comes too late.
    pub(crate) fn give_back(&'static self, indexes: &[u32]) {
        let mut vacant = self.vacant.lock().unwrap_or_else(PoisonError::into_inner);
        vacant.used.extend_from_slice(indexes);
    }
}

/// The number of the first slot of a bucket, and how many it has.
fn extent(bucket: usize) -> (u32, u32) {
    let (row, step) = (bucket / STEPS, (bucket % STEPS) as u32);
    let slots = (FIRST << row) / STEPS as u32;
    ((FIRST << row) - FIRST + step * slots, slots)
}

/// The bucket of a number, and its place there.
#[inline]
fn place(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + u64::from(FIRST);
    let row = shifted.ilog2() - FIRST.ilog2();
    let in_row = shifted as usize - ((FIRST as usize) << row);
    // How long a bucket of this row is, as a power of two.
    let length = row + FIRST.ilog2() - STEPS.ilog2();
    let bucket = row as usize * STEPS + (in_row >> length);
    (bucket, in_row & ((1 << length) - 1))
}

#[cfg(test)]
mod tests {
    use super::{FIRST, Slot, Table, extent, place};
    use std::collections::HashSet;

    struct Numbered(u32);

    impl Slot for Numbered {
        fn new(index: u32) -> Self {
            Self(index)
        }
    }

    #[test]
    fn places_are_dense() {
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(FIRST - 1), (7, 7));
        assert_eq!(place(FIRST), (8, 0));
        for index in 0..10_000 {
            let (bucket, offset) = place(index);
            let (start, slots) = extent(bucket);
            assert_eq!(start + offset as u32, index);
            assert!((offset as u32) < slots);
            assert_eq!(extent(bucket + 1).0, start + slots);
        }
        let (bucket, offset) = place(u32::MAX - FIRST);
        assert_eq!(bucket, super::BUCKETS - 1);
        assert_eq!(offset as u32, extent(bucket).1 - 1);
    }

    #[test]
    fn a_slot_keeps_its_place_and_is_handed_out_once() {
        static TABLE: Table<Numbered> = Table::new();
        let mut indexes = [0; 1000];
        TABLE.take_many(&mut indexes);
        assert_eq!(indexes.iter().collect::<HashSet<_>>().len(), 1000);
        for index in indexes {
            assert_eq!(TABLE.get(index).0, index);
        }
        let before: *const Numbered = TABLE.get(7);
        TABLE.give_back(&[7]);
        assert_eq!(TABLE.take().0, 7);
        assert_eq!(before, TABLE.get(7) as *const Numbered);
    }
}
