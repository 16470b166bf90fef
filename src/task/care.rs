//! Giving memory back: what parked tasks do not use of their stacks, and stacks that
//! nobody uses.
//!
//! A worker takes care in rounds, some seconds apart, while anything runs. A task
//! that has been parked for at least one full round gives back what lies below its
//! frames, once, until it runs again; so do stacks that lay in the pool unused. When
//! nothing is left to give back the rounds end, and an idle process is silent.

use std::cell::Cell;

use super::tasks::Tasks;
use crate::stack::Pool;

/// How far the worker is in giving memory back; see the [module](self).
pub(super) struct Care {
    pub(super) round: Cell<u32>,
    /// Where in the list of tasks the present round is.
    cursor: Cell<usize>,
    /// Whether the present round has seen a task that a later one may trim.
    pending: Cell<bool>,
}

/// Stacks that one step of a round gives back at most: some hundred microseconds.
const TRIMS_A_STEP: usize = 128;
/// Tasks that one step of a round looks at.
const LOOKS_A_STEP: usize = 1024;

impl Care {
    pub(super) fn new() -> Self {
        Self {
            round: Cell::new(0),
            cursor: Cell::new(0),
            pending: Cell::new(false),
        }
    }
}

impl Tasks {
    /// One step of giving memory back, which the worker takes every few seconds
    /// while anything runs: the part of their stacks that tasks parked for long
    /// do not use, and stacks in the pool that lay unused. Returns whether the
    /// round goes on; when it does not, [`Tasks::needs_care`] says whether to
    /// begin another one later.
    pub(crate) fn tend(&self) -> bool {
        let care = &self.local().care;
        let tasks = self.local().tasks.borrow();
        if care.cursor.get() == 0 {
            care.round.set(care.round.get().wrapping_add(1));
            care.pending.set(false);
        }
        let mut trims = 0;
        let mut cursor = care.cursor.get();
        let stop = tasks.len().min(cursor + LOOKS_A_STEP);
        while cursor < stop && trims < TRIMS_A_STEP {
            let task = tasks[cursor];
            cursor += 1;
            // SAFETY: it is in this worker's list.
            let own = unsafe { task.own() };
            if own.trimmed.get() {
                continue;
            }
            // A task in the queue, or one that slept for less than a full round,
            // is about as likely to run again as not.
            if care.round.get().wrapping_sub(own.ran_in.get()) < 2 {
                care.pending.set(true);
                continue;
            }
            // SAFETY: this is the worker and no task runs, so it is parked.
            unsafe { task.trim() };
            trims += 1;
        }
        let more_tasks = cursor < tasks.len();
        care.cursor.set(if more_tasks { cursor } else { 0 });
        if more_tasks {
            return true;
        }
        let more_stacks = self.local().with_stacks(Pool::tend);
        if more_stacks {
            care.pending.set(true);
        }
        false
    }

    /// Whether a later round would find something to give back.
    pub(crate) fn needs_care(&self) -> bool {
        self.local().care.pending.get()
    }
}
