//! The pool of a thread.
//!
//! For each class a stack of free blocks: the block that was dropped last is taken
//! first, since it is warm. What would make the pool hold more than
//! [`HELD_MOST`] bytes is freed instead.
//!
//! # Shrinking
//!
//! The blocks at the bottom of a stack are there because many were out at once. A
//! pool notes for each class how low its stack came: what lies below was not needed.
//! After a *period*, which is a number of uses of the pool, half of that is freed,
//! so that a burst is forgotten after a few periods, and a pool that is needed again
//! soon is not rebuilt from nothing. A thread that does not use its pool has no
//! periods; who knows that time has passed calls [`tend`], which ends one.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;

use super::class::{CLASSES, Class};
use super::figures::{self, Counters};

/// The most that the pool of a thread holds, in bytes.
pub(super) const HELD_MOST: usize = 8 << 20;
/// How many times a pool is used in a period.
pub(super) const PERIOD: u32 = 4096;

struct Pool {
    shelves: [Shelf; CLASSES],
    /// The sum over all shelves, in bytes.
    held: usize,
    /// How many uses are left of this period.
    left: u32,
    /// From the first use on.
    counters: Option<&'static Counters>,
}

/// The free blocks of one class. They belong to the pool.
struct Shelf {
    free: Vec<Memory>,
    /// The fewest that there were in this period.
    low: usize,
}

/// The memory of a block, as [`allocate`] returned it.
struct Memory(NonNull<u8>);

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

/// Takes memory of this size from the pool of the calling thread, or from the
/// allocator. Its bytes are anything.
#[inline]
pub(super) fn take(size: usize) -> NonNull<u8> {
    let found = with_pool(|pool| pool.take(size));
    if found.is_none() {
        figures::count_late(|counters| counters.taken.add(size));
    }
    match found.flatten() {
        Some(memory) => memory.0,
        None => allocate(size),
    }
}

/// Gives memory back, to the pool of the calling thread or to the allocator.
///
/// # Safety
///
/// The memory came from [`take`], on whichever thread, with this size, and nobody
/// uses it any more.
#[inline]
pub(super) unsafe fn give_back(memory: NonNull<u8>, size: usize) {
    let kept = with_pool(|pool| pool.keep(Memory(memory), size));
    if kept.is_none() {
        figures::count_late(|counters| counters.taken.subtract(size));
    }
    if kept != Some(true) {
        // SAFETY: as the caller promises; `take` got it from the allocator, now or
        // once, and no pool has it.
        unsafe { free(memory, size) };
    }
}

/// Counts bytes that were copied to join what lay in several blocks.
#[cold]
pub(super) fn count_joined(bytes: usize) {
    let counted = with_pool(|pool| pool.counters().joined.add(bytes));
    if counted.is_none() {
        figures::count_late(|counters| counters.joined.add(bytes));
    }
}

/// Ends a period of the calling thread's pool; see the [module](self). Returns whether
/// the pool still holds something that it may give back at the end of the next one.
pub(crate) fn tend() -> bool {
    with_pool(|pool| {
        pool.end_period();
        pool.held > 0
    })
    .unwrap_or(false)
}

/// Runs `f` on the pool of the calling thread. `None` where the thread is so far at
/// its end that it has none any more.
#[inline]
fn with_pool<T>(f: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    // Borrowed already only if the global allocator itself comes here.
    POOL.try_with(|pool| pool.try_borrow_mut().ok().map(|mut pool| f(&mut pool)))
        .ok()
        .flatten()
}

impl Pool {
    const fn new() -> Self {
        Self {
            shelves: [const {
                Shelf {
                    free: Vec::new(),
                    low: 0,
                }
            }; CLASSES],
            held: 0,
            left: PERIOD,
            counters: None,
        }
    }

    #[inline]
    fn counters(&mut self) -> &'static Counters {
        self.counters.get_or_insert_with(figures::enter)
    }

    #[inline]
    fn take(&mut self, size: usize) -> Option<Memory> {
        let found = Class::of(size).and_then(|class| self.pop(class));
        let counters = self.counters();
        counters.taken.add(size);
        if found.is_some() {
            counters.held.subtract(size);
            counters.hits.add(1);
        } else {
            counters.misses.add(1);
        }
        self.left -= 1;
        if self.left == 0 {
            self.end_period();
        }
        found
    }

    /// Takes a block back; returns whether it keeps it.
    #[inline]
    fn keep(&mut self, memory: Memory, size: usize) -> bool {
        self.counters().taken.subtract(size);
        Class::of(size).is_some_and(|class| self.push(class, memory))
    }

    #[inline]
    fn pop(&mut self, class: Class) -> Option<Memory> {
        let shelf = &mut self.shelves[class.index()];
        let memory = shelf.free.pop()?;
        shelf.low = shelf.low.min(shelf.free.len());
        self.held -= class.size();
        Some(memory)
    }

    #[inline]
    fn push(&mut self, class: Class, memory: Memory) -> bool {
        if self.held + class.size() > HELD_MOST {
            return false;
        }
        self.shelves[class.index()].free.push(memory);
        self.held += class.size();
        self.counters().held.add(class.size());
        true
    }

    #[cold]
    fn end_period(&mut self) {
        self.left = PERIOD;
        for class in Class::all() {
            let unused = self.shelves[class.index()].low;
            self.free_oldest(class, unused.div_ceil(2));
            let shelf = &mut self.shelves[class.index()];
            shelf.low = shelf.free.len();
            if shelf.free.capacity() > 64 && shelf.free.capacity() / 4 > shelf.free.len() {
                shelf.free.shrink_to(shelf.free.len() * 2);
            }
        }
    }

    fn free_oldest(&mut self, class: Class, count: usize) {
        if count == 0 {
            return;
        }
        self.counters().held.subtract(count * class.size());
        self.held -= count * class.size();
        for memory in self.shelves[class.index()].free.drain(..count) {
            // SAFETY: what lies on the shelf of a class was allocated with its size,
            // and belongs to nobody else.
            unsafe { free(memory.0, class.size()) };
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for class in Class::all() {
            self.free_oldest(class, self.shelves[class.index()].free.len());
        }
        if let Some(counters) = self.counters.take() {
            figures::leave(counters);
        }
    }
}

/// Where a block begins, a cache line does: the kernel copies to there, and from there,
/// faster than with an offset of 16, which is what the allocator likes best.
const LINE: usize = 64;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, LINE).expect("a block is smaller than memory")
}

/// # Panics
///
/// If `size` is more than an allocation can have.
fn allocate(size: usize) -> NonNull<u8> {
    assert!(size > 0);
    let layout = layout(size);
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// # Safety
///
/// The memory came from [`allocate`] with this size, and nobody uses it any more.
unsafe fn free(memory: NonNull<u8>, size: usize) {
    // SAFETY: as the caller promises.
    unsafe { dealloc(memory.as_ptr(), layout(size)) };
}

#[cfg(test)]
mod tests;
