//! One stack: the memory that a task runs on.
//!
//! ```text
//!   limit()              usable_start                        base()   top
//!     +-------------------+-------------------------------------+------+
//!     |  guard, 16 KiB    |  size() bytes        <-- grows down |colour|
//!     +-------------------+-------------------------------------+------+
//! ```
//!
//! **The colour.** Slots begin on page boundaries, so without it the top
//! frames of all stacks would fall into the same few sets of the first-level
//! cache, and switching between a hundred tasks would miss on every one. The
//! start is therefore moved down by up to 2 KiB, which counts as part of
//! `size()`.
//!
//! **Dropping a `Stack` leaks it**, on purpose: frames on it may be lent to
//! other threads, and a stack that is dropped by accident (a panic, a task
//! that never ended) must not be used again. Whoever is done with one says so
//! by [`Pool::put`](super::Pool::put).

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::class::{COUNT, Class};
use super::guard;
use super::slab::usable_start;
use crate::sys::memory;

/// What stays untouched below a saved stack pointer when pages are given back:
/// the red zone, and what the switch itself writes there.
const SLACK: usize = 4096;

/// The colours: so many different starts, a cache line apart.
const COLOURS: usize = 32;
const CACHE_LINE: usize = 64;
/// From one stack to the next, the colour moves on by so many lines. Odd, so
/// that all colours are used alike; large, so that the top frames of stacks
/// cut one after the other do not overlap.
const COLOUR_STEP: usize = 13;

/// How many stacks were cut so far, which gives each its colour.
static CUT: AtomicUsize = AtomicUsize::new(0);

/// A stack for a task; see the [module](self).
///
/// Two words, written and read as such: with fields of a byte each, a push to
/// a pool and the pop after it would wait for one another in the store buffer.
#[must_use = "a stack that is dropped is lost; give it back with `Pool::put`"]
#[derive(Debug)]
pub(crate) struct Stack {
    base: NonZeroUsize,
    /// The limit, and in the bits that are zero in it because it begins a
    /// page, what kind of stack this is:
    ///
    /// ```text
    ///   63            12 11           6      5       4       0
    ///   +---------------+--------------+-----------+---------+
    ///   |     limit     |      0       | protected |  class  |
    ///   +---------------+--------------+-----------+---------+
    /// ```
    limit_and_kind: NonZeroUsize,
}

const CLASS: usize = (1 << 5) - 1;
const PROTECTED: usize = 1 << 5;
const KIND: usize = (1 << 12) - 1;
const _: () = assert!(COUNT <= CLASS + 1);

impl Stack {
    /// Makes a slot a stack: installs its guard, picks its colour.
    ///
    /// # Safety
    ///
    /// `slot` is the low end of a slot of this class, and the caller is the
    /// only one who has it.
    pub(super) unsafe fn cut(slot: usize, class: Class) -> io::Result<Stack> {
        // SAFETY: a slot begins with the bytes for its guard, is mapped, and
        // nobody else uses it.
        let guard = unsafe { guard::install(slot)? };
        // Relaxed: only the number matters.
        let number = CUT.fetch_add(1, Ordering::Relaxed);
        let colour = number.wrapping_mul(COLOUR_STEP) % COLOURS * CACHE_LINE;
        let protected = match guard {
            guard::Kind::Advised => 0,
            guard::Kind::Protected => PROTECTED,
        };
        let nonzero = |word| NonZeroUsize::new(word).expect("nothing is mapped at 0");
        Ok(Stack {
            base: nonzero(slot + class.slot() - colour),
            limit_and_kind: nonzero(slot | protected | class.index()),
        })
    }

    /// Takes a stack apart whose guard is of the kind `Protected`: removes the
    /// guard, gives the pages back, and returns the slot, to be cut again.
    pub(super) fn retire(self) -> Result<usize, Stack> {
        debug_assert_eq!(self.guard(), guard::Kind::Protected);
        // SAFETY: a bare `Stack` has no live frames.
        unsafe { self.trim() };
        let slot = self.limit().get();
        // SAFETY: `cut` made the guard, and the stack it guards ends here.
        match unsafe { guard::remove_protected(slot) } {
            Ok(()) => Ok(slot),
            Err(_) => Err(self),
        }
    }

    /// Where the stack begins: its highest address.
    #[inline]
    pub(crate) fn base(&self) -> NonZeroUsize {
        self.base
    }

    /// The lowest address, that of the guard.
    #[inline]
    pub(crate) fn limit(&self) -> NonZeroUsize {
        let limit = self.limit_and_kind.get() & !KIND;
        // SAFETY: `cut` made this word from an address that begins a page, and
        // is not 0.
        unsafe { NonZeroUsize::new_unchecked(limit) }
    }

    #[cfg(test)]
    /// The usable bytes: what was asked for, rounded up to the size class. Up
    /// to 2 KiB of them are spent on the colour.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.class().usable()
    }

    #[inline]
    pub(super) fn class(&self) -> Class {
        Class::of_index(self.limit_and_kind.get() & CLASS)
    }

    #[inline]
    pub(super) fn guard(&self) -> guard::Kind {
        match self.limit_and_kind.get() & PROTECTED {
            0 => guard::Kind::Advised,
            _ => guard::Kind::Protected,
        }
    }

    /// Whether a stack pointer or the address of a local lies on this stack:
    /// below its base and above its guard.
    #[inline]
    pub(crate) fn contains(&self, address: usize) -> bool {
        (usable_start(self.limit().get())..self.base.get()).contains(&address)
    }

    /// Gives the pages back that lie at least 4 KiB below `sp`; they read as
    /// zero when the stack grows into them again. Costs a microsecond, and 15
    /// to 30 for 100 KiB that were in use.
    ///
    /// # Safety
    ///
    /// - Nobody runs on this stack during the call.
    /// - Nothing on it more than 4 KiB below `sp` is needed; this holds if
    ///   `sp` is the stack pointer saved when its task was switched away from.
    pub(crate) unsafe fn trim_below(&self, sp: usize) {
        debug_assert!(self.contains(sp) || sp == self.base.get());
        let end = sp.saturating_sub(SLACK) & !(memory::page_size() - 1);
        // SAFETY: the caller's promise.
        unsafe { self.give_back_up_to(end) };
    }

    /// Gives all pages back.
    ///
    /// # Safety
    ///
    /// Nobody runs on this stack, and nothing on it is needed.
    pub(super) unsafe fn trim(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.give_back_up_to(self.limit().get() + self.class().slot()) };
    }

    /// # Safety
    ///
    /// Nothing on this stack below `end`, a page boundary, is needed.
    unsafe fn give_back_up_to(&self, end: usize) {
        let start = usable_start(self.limit().get());
        if end > start {
            // Refused for memory that the program has locked, which then means
            // to keep its pages.
            // SAFETY: the range lies in a slot, slots stay mapped, and the
            // caller promises that its content is not needed.
            let _refused = unsafe { memory::give_back(start, end - start) };
        }
    }
}

// SAFETY: the range is mapped for good and this value is its only owner; it
// has a guard at its low end, which `limit` includes, and at least 14 KiB of
// usable memory. Base (a multiple of 64) and limit (of the page size) are
// aligned to 16 bytes.
unsafe impl corosensei::stack::Stack for Stack {
    #[inline]
    fn base(&self) -> corosensei::stack::StackPointer {
        self.base
    }

    #[inline]
    fn limit(&self) -> corosensei::stack::StackPointer {
        self.limit()
    }
}

#[cfg(test)]
mod tests;
