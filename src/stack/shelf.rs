//! A shelf: the idle stacks of one size class, last in first out, and which of
//! them lie unused.
//!
//! ```text
//!   0        clean          low                 len
//!   +----------+-------------+-------------------+
//!   | given    | unused since| taken or put since| ◀─ push, pop
//!   | back     | the last    | the last pass     |
//!   |          | pass        |                   |
//!   +----------+-------------+-------------------+
//! ```
//!
//! `low` is the least length since the last pass: as stacks leave and come at
//! the top only, those below it were not touched. A pass gives their pages
//! back from the bottom up and moves `clean` along, so each stack is given back
//! once and not again until it was used again, and the top that is in use stays
//! warm. Keeping `low` is all that the fast path pays for this.

use super::stack::Stack;

/// Idle stacks of one class; see the [module](self).
#[derive(Debug)]
pub(super) struct Shelf {
    stacks: Vec<Stack>,
    /// The least length since the last pass began. The first `clean` stacks
    /// are clean as far as they lie below `low`.
    low: usize,
    clean: usize,
    /// What the pass under way has still to reach, if nobody takes it first.
    goal: usize,
}

impl Shelf {
    /// A shelf without stacks.
    pub(super) const fn new() -> Shelf {
        Shelf {
            stacks: Vec::new(),
            low: 0,
            clean: 0,
            goal: 0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, stack: Stack) {
        self.stacks.push(stack);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Stack> {
        let stack = self.stacks.pop()?;
        self.low = self.low.min(self.stacks.len());
        Some(stack)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.stacks.len()
    }

    /// How many of the stacks hold no pages.
    pub(super) fn clean(&self) -> usize {
        self.clean.min(self.low)
    }

    /// Begins a pass over what lay unused since the previous one began.
    pub(super) fn begin_pass(&mut self) {
        self.clean = self.clean();
        self.goal = self.low;
        self.low = self.stacks.len();
    }

    /// Goes on with the pass, at most `calls` stacks far, and counts them off.
    /// Returns whether more remain.
    pub(super) fn continue_pass(&mut self, calls: &mut usize) -> bool {
        self.clean = self.clean();
        let goal = self.goal.min(self.low);
        let end = goal.min(self.clean.saturating_add(*calls));
        for stack in self.stacks.get(self.clean..end).unwrap_or_default() {
            // SAFETY: a stack on a shelf has no live frames.
            unsafe { stack.trim() };
        }
        *calls -= end.saturating_sub(self.clean);
        self.clean = self.clean.max(end);
        self.clean < goal
    }

    /// Gives back the pages of all stacks.
    pub(super) fn trim_all(&mut self) {
        for stack in &self.stacks[self.clean()..] {
            // SAFETY: a stack on a shelf has no live frames.
            unsafe { stack.trim() };
        }
        self.low = self.stacks.len();
        self.clean = self.low;
    }

    /// Moves `n` stacks from the bottom, which were used longest ago, to the
    /// top of `to`.
    pub(super) fn move_bottom(&mut self, n: usize, to: &mut Shelf) {
        let clean = self.clean();
        to.append(self.stacks.drain(..n), clean.min(n));
        self.low = self.low.saturating_sub(n);
        self.clean = clean.saturating_sub(n);
        self.goal = self.goal.saturating_sub(n);
    }

    /// Moves at most `n` stacks from the top to the top of `to`.
    pub(super) fn move_top(&mut self, n: usize, to: &mut Shelf) {
        let rest = self.stacks.len().saturating_sub(n);
        let clean = self.clean().saturating_sub(rest);
        to.append(self.stacks.drain(rest..), clean);
        self.low = self.low.min(rest);
    }

    /// Puts stacks on top, of which the first `clean` ones hold no pages. That
    /// is remembered if it holds for all below; otherwise they may be given
    /// back a second time, which is a cheap call as nothing is there.
    fn append(&mut self, stacks: impl Iterator<Item = Stack>, clean: usize) {
        let all_clean = self.clean() == self.stacks.len();
        let before = self.stacks.len();
        self.stacks.extend(stacks);
        if all_clean && clean > 0 {
            // `low` may rise over clean stacks: a pass has nothing to do there.
            self.clean = before + clean;
            self.low = self.clean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::class::Class;
    use super::super::slab::{Slab, usable_start};
    use super::*;
    use crate::sys::memory;

    /// Stacks that hold one page each, bottom first.
    fn shelf(n: usize) -> (Shelf, Vec<usize>) {
        let class = Class::for_size(64 << 10).unwrap();
        let mut slab = Slab::map(class).unwrap();
        let mut shelf = Shelf::new();
        let mut bases = Vec::new();
        for _ in 0..n {
            let slot = slab.next_slot(class).unwrap();
            // SAFETY: the slot comes from a slab of this class, and only here.
            let stack = unsafe { Stack::cut(slot, class) }.unwrap();
            bases.push(stack.base().get());
            use_stack(&stack);
            shelf.push(stack);
        }
        (shelf, bases)
    }

    fn use_stack(stack: &Stack) {
        let top: *mut u64 = std::ptr::with_exposed_provenance_mut(stack.base().get() - 64);
        // SAFETY: the address lies on the stack, which nobody runs on.
        unsafe { top.write(1) };
    }

    /// Which of the stacks hold pages, bottom first.
    fn dirty(shelf: &Shelf) -> Vec<bool> {
        let pages =
            |stack: &Stack| memory::resident_pages(usable_start(stack.limit().get()), stack.size());
        shelf.stacks.iter().map(|stack| pages(stack) > 0).collect()
    }

    fn pass(shelf: &mut Shelf) -> usize {
        let mut calls = 1000;
        shelf.begin_pass();
        assert!(!shelf.continue_pass(&mut calls));
        1000 - calls
    }

    #[test]
    fn last_in_first_out() {
        let (mut shelf, bases) = shelf(3);
        let taken: Vec<_> = std::iter::from_fn(|| shelf.pop())
            .map(|stack| stack.base().get())
            .collect();
        assert!(taken.iter().eq(bases.iter().rev()));
    }

    #[test]
    fn only_what_lay_unused_is_given_back_and_only_once() {
        let (mut shelf, _) = shelf(6);
        assert_eq!(pass(&mut shelf), 0, "nothing lay unused since a pass");

        // Two are used between the passes.
        let used = [shelf.pop().unwrap(), shelf.pop().unwrap()];
        used.into_iter().for_each(|stack| shelf.push(stack));
        assert_eq!(pass(&mut shelf), 4);
        assert_eq!(dirty(&shelf), [false, false, false, false, true, true]);
        assert_eq!(shelf.clean(), 4);

        assert_eq!(pass(&mut shelf), 2, "the rest, which has cooled");
        assert_eq!(dirty(&shelf), [false; 6]);
        assert_eq!(pass(&mut shelf), 0);

        // One that was given back is used again.
        let stack = shelf.pop().unwrap();
        use_stack(&stack);
        shelf.push(stack);
        assert_eq!(shelf.clean(), 5);
        assert_eq!(pass(&mut shelf), 0, "used since the last pass");
        assert_eq!(pass(&mut shelf), 1);
        assert_eq!(dirty(&shelf), [false; 6]);
    }

    #[test]
    fn a_pass_is_done_in_steps_and_spares_what_is_taken_meanwhile() {
        let (mut shelf, _) = shelf(6);
        shelf.begin_pass();
        shelf.begin_pass();
        let mut calls = 2;
        assert!(shelf.continue_pass(&mut calls));
        assert_eq!(calls, 0);
        assert_eq!(dirty(&shelf), [false, false, true, true, true, true]);

        // Down to one that was given back, and up again.
        let taken: Vec<_> = std::iter::from_fn(|| shelf.pop()).take(5).collect();
        for stack in taken.into_iter().rev() {
            use_stack(&stack);
            shelf.push(stack);
        }
        let mut calls = 100;
        assert!(!shelf.continue_pass(&mut calls));
        assert_eq!(calls, 100);
        assert_eq!(dirty(&shelf), [false, true, true, true, true, true]);
        assert_eq!(shelf.clean(), 1);
    }

    #[test]
    fn moving_keeps_order_and_what_is_clean() {
        let (mut from, bases) = shelf(6);
        pass(&mut from);
        let hot = from.pop().unwrap();
        from.push(hot);
        pass(&mut from);
        assert_eq!(from.clean(), 5);

        let mut bottom = Shelf::new();
        from.move_bottom(2, &mut bottom);
        assert_eq!((bottom.len(), bottom.clean()), (2, 2));
        assert_eq!((from.len(), from.clean()), (4, 3));

        let mut top = Shelf::new();
        from.move_top(3, &mut top);
        assert_eq!((top.len(), top.clean()), (3, 2));
        assert_eq!((from.len(), from.clean()), (1, 1));
        assert_eq!(top.pop().unwrap().base().get(), bases[5]);

        // Dirty ones on top of clean ones, then clean ones on top of those.
        let (mut dirty_ones, _) = shelf(2);
        dirty_ones.move_top(9, &mut bottom);
        assert_eq!((bottom.len(), bottom.clean()), (4, 2));
        from.move_top(9, &mut bottom);
        assert_eq!((bottom.len(), bottom.clean()), (5, 2));
        bottom.trim_all();
        assert_eq!(bottom.clean(), 5);
        assert_eq!(dirty(&bottom), [false; 5]);
    }

    #[test]
    fn what_comes_after_a_move_has_not_lain_unused() {
        let (mut from, _) = shelf(6);
        from.begin_pass();
        from.move_bottom(4, &mut Shelf::new());
        let (mut new, _) = shelf(3);
        new.move_top(3, &mut from);
        assert_eq!(pass(&mut from), 2, "those that stayed");
        assert_eq!(dirty(&from), [false, false, true, true, true]);
    }
}
