//! Slabs: address space from which slots for stacks are cut.
//!
//! ```text
//!  start                                                       start + len
//!    |  slot 0              |  slot 1              |  ...  |  slot n-1  |
//!    +-------+--------------+-------+--------------+- - - -+------------+
//!    | guard | usable bytes | guard | usable bytes |       |  not cut   |
//!    +-------+--------------+-------+--------------+- - - -+------------+
//!    | 16 KiB|  <-- grows   ^                      ^
//!                           |                      next slot to cut
//!                           top of slot 0: its stack begins here,
//!                           less a colour of at most 2 KiB
//! ```
//!
//! A slab is as many slots of one size class as fit in 64 MiB (at least one),
//! mapped at once, without huge pages: one would make a task cost 2 MiB. The
//! kernel puts mappings side by side and merges equal ones, so a million
//! stacks whose guards cost no mapping need a few dozen.
//!
//! Slots are cut one after the other, and a slot has no guard before it is
//! cut. Slabs are never unmapped: an address that once belonged to a stack
//! never belongs to anything else, which is what lets a signal handler and a
//! wake-up that comes too late look at one without harm.
//!
//! Every slab is in a process-wide list that only grows, so [`find`] can walk
//! it in a signal handler, without a lock, while others add to it.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::class::Class;
use super::guard;
use crate::sys::memory;

/// The slots of a slab that have not been handed out.
#[derive(Debug)]
pub(super) struct Slab {
    next: usize,
    end: usize,
}

impl Slab {
    /// A slab without slots.
    pub(super) const EMPTY: Slab = Slab { next: 0, end: 0 };

    /// Maps a slab for stacks of one class.
    pub(super) fn map(class: Class) -> io::Result<Slab> {
        let len = class.slab();
        let start = memory::map(len).map_err(|error| {
            let text = format!("cannot map {len} bytes of address space for stacks: {error}");
            io::Error::new(error.kind(), text)
        })?;
        // SAFETY: the range has just been mapped.
        unsafe { memory::refuse_huge_pages(start, len) };
        if guard::kind() == guard::Kind::Protected {
            // So that a guard which is removed gives both its mappings back.
            // SAFETY: the range has just been mapped, and nobody else knows it.
            unsafe { memory::keep_mergeable(start) };
        }
        register(Record {
            start,
            end: start + len,
            slot: class.slot(),
            usable: class.usable(),
            older: ptr::null(),
        });
        Ok(Slab {
            next: start,
            end: start + len,
        })
    }

    /// The low end of a slot that nobody else gets. `class` is the one that
    /// the slab was mapped for.
    pub(super) fn next_slot(&mut self, class: Class) -> Option<usize> {
        let slot = self.next;
        (slot < self.end).then(|| {
            self.next += class.slot();
            slot
        })
    }
}

/// A slab as the signal handler sees it. Never changed once it is in the list,
/// never freed.
struct Record {
    start: usize,
    end: usize,
    slot: usize,
    usable: usize,
    older: *const Record,
}

/// The newest slab.
static NEWEST: AtomicPtr<Record> = AtomicPtr::new(ptr::null_mut());

fn register(record: Record) {
    let record = Box::leak(Box::new(record));
    let mut newest = NEWEST.load(Ordering::Relaxed);
    loop {
        record.older = newest;
        // Release pairs with the acquire in `find`: who sees the record sees
        // its fields, and those of all older ones, as each exchange continues
        // the release sequence of the one before it.
        match NEWEST.compare_exchange_weak(newest, record, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => newest = now,
        }
    }
}

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The low end of the slot.
    pub(super) slot: usize,
    /// The usable bytes of the slot.
    pub(super) usable: usize,
    /// Whether the address lies in the guard.
    pub(super) in_guard: bool,
}

/// The slot that an address lies in, if it lies in a slab. Async-signal-safe.
pub(super) fn find(address: usize) -> Option<Place> {
    let mut next: *const Record = NEWEST.load(Ordering::Acquire);
    // SAFETY: records are leaked and not changed after the release that
    // published them, which the acquire above pairs with.
    while let Some(record) = unsafe { next.as_ref() } {
        if (record.start..record.end).contains(&address) {
            let offset = (address - record.start) % record.slot;
            return Some(Place {
                slot: address - offset,
                usable: record.usable,
                in_guard: offset < record.slot - record.usable,
            });
        }
        next = record.older;
    }
    None
}

/// The low end of the usable part of a slot.
#[inline]
pub(super) fn usable_start(slot: usize) -> usize {
    slot + guard::size()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_handed_out_once_and_side_by_side() {
        let class = Class::for_size(1 << 20).unwrap();
        let mut slab = Slab::map(class).unwrap();
        let slots: Vec<usize> = std::iter::from_fn(|| slab.next_slot(class)).collect();
        assert_eq!(slots.len(), class.slab() / class.slot());
        assert!(
            slots
                .windows(2)
                .all(|pair| pair[1] - pair[0] == class.slot())
        );
        assert_eq!(slots.last().unwrap() + class.slot(), slab.end);
    }

    /// The flags of the mapping that an address lies in: `nh` for no huge
    /// pages, `nr` for nothing set aside.
    #[test]
    fn a_slab_has_no_huge_pages() {
        let class = Class::for_size(256 << 10).unwrap();
        let slot = Slab::map(class).unwrap().next;
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in smaps.lines() {
            let range = line.split(' ').next().unwrap().split_once('-');
            if let Some((start, end)) = range {
                let parse = |hex| usize::from_str_radix(hex, 16).unwrap();
                inside = (parse(start)..parse(end)).contains(&slot);
            }
            if inside && let Some(flags) = line.strip_prefix("VmFlags:") {
                let flags: Vec<_> = flags.split_whitespace().collect();
                return assert!(flags.contains(&"nh") && flags.contains(&"nr"), "{flags:?}");
            }
        }
        panic!("the slab is not mapped");
    }

    #[test]
    fn an_address_is_found_with_its_slot() {
        let class = Class::for_size(64 << 10).unwrap();
        let mut slab = Slab::map(class).unwrap();
        let _first = slab.next_slot(class).unwrap();
        let slot = slab.next_slot(class).unwrap();
        let place = |address| {
            let place = find(address).unwrap();
            assert_eq!(place.usable, 64 << 10);
            (place.slot, place.in_guard)
        };
        assert_eq!(place(slot - 1), (slot - class.slot(), false));
        assert_eq!(place(slot), (slot, true));
        assert_eq!(place(usable_start(slot) - 1), (slot, true));
        assert_eq!(place(usable_start(slot)), (slot, false));
        assert_eq!(place(slot + class.slot() - 1), (slot, false));
        assert_eq!(place(slot + class.slot()), (slot + class.slot(), true));
    }

    #[test]
    fn an_address_outside_is_not_found() {
        let on_the_heap = Box::new(0_u64);
        assert_eq!(find(&raw const *on_the_heap as usize), None);
        assert_eq!(find(0), None);
        assert_eq!(find(usize::MAX), None);
    }

    #[test]
    fn a_slot_larger_than_a_slab_has_one_of_its_own() {
        let class = Class::for_size(super::super::class::MAX_SIZE).unwrap();
        let mut slab = Slab::map(class).unwrap();
        assert!(slab.next_slot(class).is_some());
        assert!(slab.next_slot(class).is_none());
    }

    #[test]
    fn slabs_added_by_many_threads_are_all_found() {
        let class = Class::for_size(16 << 10).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(move || {
                    (0..8)
                        .map(|_| Slab::map(class).unwrap().next)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for thread in threads {
            for start in thread.join().unwrap() {
                assert_eq!(find(start).unwrap().slot, start);
            }
        }
    }
}
