//! A worker's stacks: taken and put back without a lock, last in first out.
//!
//! Taking and putting back is an index by size class and a push or pop, a few
//! nanoseconds. A pool that has none of a class gets some from the process's
//! [reserve](super::reserve); a pool that is dropped leaves its stacks there.
//!
//! The stack on top was used last and is in the cache. What lies at the bottom
//! because of a peak in the past gives its pages back: the worker calls
//! [`Pool::tend`] every few seconds. Pages are never given back when a task
//! ends, where it would cost a hundred times what the switch costs.
//!
//! Where guards cost mappings a pool keeps at most [`HOARD`] stacks and hands
//! the others to the reserve, half of its largest class at a time; the reason
//! is in [`permit`](super::permit).

use std::io;
use std::time::Instant;

use super::budget::HOARD;
use super::class::{COUNT, Class};
use super::guard::{self, Kind};
use super::reserve::{RESERVE, Reserve};
use super::shelf::Shelf;
use super::stack::Stack;

/// How many stacks a step of [`Pool::tend`] gives back: at 1 to 30 µs each it
/// must not hold the worker up.
const CALLS_PER_STEP: usize = 256;

/// How many idle stacks a pool gets from the reserve at once, if there are
/// so many.
const REFILL: usize = 16;

/// A worker's idle stacks; see the [module](self).
#[derive(Debug)]
pub(crate) struct Pool {
    shelves: [Shelf; COUNT],
    len: usize,
    pass: Pass,
    reserve: &'static Reserve,
}

/// How far the pass over what lies unused has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Idle,
    Own,
    Reserve,
}

impl Pool {
    /// A pool without stacks, which costs nothing yet.
    pub(crate) fn new() -> Pool {
        Pool::with_reserve(&RESERVE)
    }

    fn with_reserve(reserve: &'static Reserve) -> Pool {
        reserve.budget.pool_opened();
        Pool {
            shelves: [const { Shelf::new() }; COUNT],
            len: 0,
            pass: Pass::Idle,
            reserve,
        }
    }

    /// A stack of at least `size` bytes, the one of its class that was put back
    /// last. What an earlier task left on it is still there.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: `size` is over 1 GiB.
    /// - `OutOfMemory`: no address space, or no mappings, for a new stack.
    #[inline]
    pub(crate) fn take(&mut self, size: usize) -> io::Result<Stack> {
        let class = Class::for_size(size)?;
        match self.shelves[class.index()].pop() {
            Some(stack) => {
                self.len -= 1;
                Ok(stack)
            }
            None => self.obtain(class),
        }
    }

    /// Puts a stack back, from this pool or another. Nothing on it may be in
    /// use any more: the next task gets it as it is, and [`tend`](Pool::tend)
    /// gives its pages back.
    #[inline]
    pub(crate) fn put(&mut self, stack: Stack) {
        self.shelves[stack.class().index()].push(stack);
        self.len += 1;
        if self.len > HOARD && guard::kind() == Kind::Protected {
            self.hand_over();
        }
    }

    /// One step of giving back the pages of stacks that lay unused since the
    /// previous pass, a few hundred stacks at most. Returns whether more
    /// remain, and then should be called again soon, else after some seconds.
    pub(crate) fn tend(&mut self) -> bool {
        self.tend_at(Instant::now())
    }

    fn tend_at(&mut self, now: Instant) -> bool {
        let mut calls = CALLS_PER_STEP;
        if self.pass == Pass::Idle {
            self.shelves.iter_mut().for_each(Shelf::begin_pass);
            self.pass = Pass::Own;
        }
        if self.pass == Pass::Own {
            if self.shelves.iter_mut().any(|s| s.continue_pass(&mut calls)) {
                return true;
            }
            self.pass = Pass::Reserve;
        }
        let more = calls == 0 || self.reserve.tend(now, &mut calls);
        if !more {
            self.pass = Pass::Idle;
        }
        more
    }

    #[cfg(test)]
    /// How many stacks are idle here.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[cfg(test)]
    /// How many of them may hold pages; the others have given theirs back.
    pub(crate) fn resident_hint(&self) -> usize {
        self.len - self.shelves.iter().map(Shelf::clean).sum::<usize>()
    }

    #[cold]
    fn obtain(&mut self, class: Class) -> io::Result<Stack> {
        let more = REFILL.min(HOARD.saturating_sub(self.len));
        let shelf = &mut self.shelves[class.index()];
        let mut result = self.reserve.obtain(class, more, shelf);
        self.len += shelf.len();
        if result.is_err() && self.len > 0 {
            // What lies idle here, of other classes, may make room.
            self.hand_over_all();
            result = self.reserve.obtain(class, 0, &mut Shelf::new());
        }
        result
    }

    /// Hands the colder half of the largest class to the reserve.
    #[cold]
    fn hand_over(&mut self) {
        let shelves = self.shelves.iter_mut().enumerate();
        if let Some((class, shelf)) = shelves.max_by_key(|(_, shelf)| shelf.len()) {
            let half = shelf.len().div_ceil(2);
            self.reserve.accept(class, half, shelf);
            self.len -= half;
        }
    }

    fn hand_over_all(&mut self) {
        for (class, shelf) in self.shelves.iter_mut().enumerate() {
            if shelf.len() > 0 {
                self.reserve.accept(class, shelf.len(), shelf);
            }
        }
        self.len = 0;
    }
}

impl Drop for Pool {
    /// Leaves the stacks to the reserve, without their pages: perhaps no pool
    /// is left to tend it.
    fn drop(&mut self) {
        self.shelves.iter_mut().for_each(Shelf::trim_all);
        self.hand_over_all();
        self.reserve.budget.pool_closed();
    }
}

#[cfg(test)]
mod tests;
