//! The reserve: what the process's pools share, behind one lock.
//!
//! Here end the stacks of a pool that is dropped, and where guards cost
//! mappings also those that a pool may not keep. Here a pool that has run out
//! gets stacks: idle ones if there are any, else one that is newly cut. A pool
//! comes here only then, and the system calls that cut a stack are made
//! without the lock.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::class::{COUNT, Class};
use super::guard::{self, Kind};
use super::shelf::Shelf;
use super::slab::Slab;
use super::stack::Stack;

/// All pools tend the reserve, and a pass gives back what lay unused since the
/// previous one: this keeps two passes apart.
const BETWEEN_PASSES: Duration = Duration::from_secs(1);

/// How many stacks are given back before others get the lock.
const CALLS_PER_LOCK: usize = 8;

/// The reserve of this process.
pub(super) static RESERVE: Reserve = Reserve::new(Budget::new());

/// Shared stacks; see the [module](self).
#[derive(Debug)]
pub(super) struct Reserve {
    pub(super) budget: Budget,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    lots: [Lot; COUNT],
    passing: bool,
    passed_at: Option<Instant>,
}

/// What there is of one size class.
#[derive(Debug)]
struct Lot {
    idle: Shelf,
    slab: Slab,
    /// Slots without a guard, of stacks that were taken apart.
    slots: Vec<usize>,
}

impl Lot {
    const EMPTY: Lot = Lot {
        idle: Shelf::new(),
        slab: Slab::EMPTY,
        slots: Vec::new(),
    };

    fn next_slot(&mut self, class: Class) -> io::Result<usize> {
        if let Some(slot) = self.slots.pop().or_else(|| self.slab.next_slot(class)) {
            return Ok(slot);
        }
        self.slab = Slab::map(class)?;
        Ok(self.slab.next_slot(class).expect("a slab has a slot"))
    }
}

impl Inner {
    /// Takes an idle stack of any class apart, whose share of the budget the
    /// caller takes over. Returns whether there was one.
    fn take_one_apart(&mut self) -> bool {
        for lot in &mut self.lots {
            // Those from before guards cost mappings would bring none back.
            let Some(stack) = lot.idle.pop() else {
                continue;
            };
            if stack.guard() == Kind::Advised {
                lot.idle.push(stack);
                continue;
            }
            match stack.retire() {
                Ok(slot) => {
                    lot.slots.push(slot);
                    return true;
                }
                Err(stack) => lot.idle.push(stack),
            }
        }
        false
    }
}

impl Reserve {
    pub(super) const fn new(budget: Budget) -> Reserve {
        Reserve {
            budget,
            inner: Mutex::new(Inner {
                lots: [Lot::EMPTY; COUNT],
                passing: false,
                passed_at: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics under the lock but a failed allocation, after which
        // the shelves are whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stack. If there are idle ones, moves up to `more` of them to the
    /// caller's shelf too, so that it does not come for each.
    pub(super) fn obtain(&self, class: Class, more: usize, shelf: &mut Shelf) -> io::Result<Stack> {
        let mut inner = self.lock();
        let idle = &mut inner.lots[class.index()].idle;
        if let Some(stack) = idle.pop() {
            idle.move_top(more, shelf);
            return Ok(stack);
        }
        let charged = guard::kind() == Kind::Protected;
        if charged
            && let Err(error) = self.budget.charge()
            && !inner.take_one_apart()
        {
            return Err(error);
        }
        let slot = match inner.lots[class.index()].next_slot(class) {
            Ok(slot) => slot,
            Err(error) => {
                self.cancel(charged);
                return Err(error);
            }
        };
        drop(inner);
        self.cut(slot, class, charged)
    }

    fn cut(&self, slot: usize, class: Class, charged: bool) -> io::Result<Stack> {
        // SAFETY: the slot comes from a slab of this class, and was removed
        // there under the lock.
        match unsafe { Stack::cut(slot, class) } {
            Ok(stack) => {
                match (charged, stack.guard()) {
                    (false, Kind::Protected) => self.budget.charge_late(),
                    (true, Kind::Advised) => self.budget.refund(),
                    _ => {}
                }
                Ok(stack)
            }
            Err(error) => {
                self.cancel(charged);
                self.lock().lots[class.index()].slots.push(slot);
                let no_mapping = error.raw_os_error() == Some(libc::ENOMEM);
                if no_mapping && guard::kind() == Kind::Protected {
                    return Err(self.budget.out_of_mappings());
                }
                Err(error)
            }
        }
    }

    fn cancel(&self, charged: bool) {
        if charged {
            self.budget.refund();
        }
    }

    /// Takes over `n` stacks from the bottom of a pool's shelf.
    pub(super) fn accept(&self, class: usize, n: usize, shelf: &mut Shelf) {
        shelf.move_bottom(n, &mut self.lock().lots[class].idle);
    }

    /// One step of a pass over what lay unused, of at most `calls` stacks,
    /// which it counts off. Returns whether more remain.
    pub(super) fn tend(&self, now: Instant, calls: &mut usize) -> bool {
        loop {
            let mut inner = self.lock();
            if !inner.passing {
                let due = |at| now.saturating_duration_since(at) >= BETWEEN_PASSES;
                if !inner.passed_at.is_none_or(due) {
                    return false;
                }
                inner.passed_at = Some(now);
                inner.lots.iter_mut().for_each(|lot| lot.idle.begin_pass());
            }
            let some = CALLS_PER_LOCK.min(*calls);
            let mut left = some;
            inner.passing = inner
                .lots
                .iter_mut()
                .any(|lot| lot.idle.continue_pass(&mut left));
            *calls -= some - left;
            if !inner.passing || *calls == 0 {
                return inner.passing;
            }
        }
    }
}

#[cfg(test)]
/// What the process has of stacks, outside its workers' pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Idle stacks that no worker holds.
    pub(crate) idle: usize,
    /// Stacks whose guard costs two mappings; 0 with guards by advice.
    pub(crate) costing_mappings: usize,
    /// Permits given and not dropped; 0 with guards by advice.
    pub(crate) permits: usize,
}

#[cfg(test)]
/// What the process has of stacks. Takes the reserve's lock.
pub(crate) fn figures() -> Figures {
    RESERVE.figures()
}

impl Reserve {
    #[cfg(test)]
    pub(super) fn figures(&self) -> Figures {
        Figures {
            idle: self.lock().lots.iter().map(|lot| lot.idle.len()).sum(),
            costing_mappings: self.budget.cut(),
            permits: self.budget.live(),
        }
    }
}
