//! Permits: how many tasks may live where a guard costs mappings.
//!
//! Guards by advice cost nothing, and then a permit is a relaxed load. A guard
//! by protection costs two mappings, of which a process may have
//! `vm.max_map_count` (65530 by default). A process that used them all up could
//! not map memory for anything any more, its heap included, so stacks end
//! earlier, with an error that says what to do:
//!
//! ```text
//!   stacks = (vm.max_map_count − in use at first need − a sixteenth) / 2
//! ```
//!
//! The sixteenth is for what the rest of the program maps later.
//!
//! # What the cap counts
//!
//! A pooled stack keeps its mappings, so the cap is on stacks **cut**, whether
//! a task runs on them or not. A permit is for a task that lives, and is asked
//! for when the task is made: there somebody can be told; when the task gets
//! its stack, on its worker, it is too late. So whoever holds a permit must
//! find a stack, however the idle ones are spread:
//!
//! - *Idle in another size class*: where no more may be cut, an idle stack of
//!   another class is taken apart (its guard removed, which merges its
//!   mappings), and its share goes to the new one. See `reserve`.
//! - *Idle in another worker's pool*: a pool keeps at most [`HOARD`] stacks and
//!   hands the others to the reserve, and permits end [`HOARD`] stacks earlier
//!   for each pool. See `pool`.
//!
//! Two things are asked for in return. A stack goes back to its pool before its
//! permit is dropped. Pools are made before tasks are: one that is made when
//! all permits are given away may hoard stacks that were promised. A stack that
//! is taken without a permit, or that is lost, leaves others with the error
//! instead of a stack.
//!
//! [`HOARD`]: super::budget::HOARD

use std::io;

use super::guard::{self, Kind};
use super::reserve::RESERVE;

/// The right to have one more stack. Given back when it is dropped, which has
/// to happen after the stack went back to its pool.
#[must_use = "the permit ends when it is dropped"]
#[derive(Debug)]
pub(crate) struct Permit {
    counted: bool,
}

/// A permit for a task. Fails with `OutOfMemory` where no more stacks fit
/// below `vm.max_map_count`.
#[inline]
pub(crate) fn acquire() -> io::Result<Permit> {
    match guard::kind() {
        Kind::Advised => Ok(Permit { counted: false }),
        Kind::Protected => RESERVE.budget.admit().map(|()| Permit { counted: true }),
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.counted {
            RESERVE.budget.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_small() {
        assert_eq!(size_of::<Option<Permit>>(), 1);
    }

    #[test]
    fn a_permit_is_counted_where_guards_cost_mappings() {
        let permit = acquire().unwrap();
        assert_eq!(permit.counted, guard::kind() == Kind::Protected);
    }
}
