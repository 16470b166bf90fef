//! Bounds, colours, and what trimming leaves.

use std::collections::HashSet;
use std::ptr;

use corosensei::{Coroutine, CoroutineResult};

use super::super::slab::Slab;
use super::*;

/// A slab's worth of new stacks.
fn cut(size: usize) -> impl Iterator<Item = Stack> {
    let class = Class::for_size(size).unwrap();
    let mut slab = Slab::map(class).unwrap();
    std::iter::from_fn(move || slab.next_slot(class))
        // SAFETY: the slot comes from a slab of this class, and only here.
        .map(move |slot| unsafe { Stack::cut(slot, class) }.unwrap())
}

fn resident(stack: &Stack) -> usize {
    memory::resident_pages(usable_start(stack.limit().get()), stack.size())
}

fn assert_guarded(stack: &Stack) {
    let limit = stack.limit().get();
    assert!(!memory::is_readable(limit));
    assert!(!memory::is_readable(usable_start(limit) - 8));
    assert!(memory::is_readable(usable_start(limit)));
}

#[test]
fn a_stack_can_move_to_another_thread() {
    fn send<T: Send>() {}
    send::<Stack>();
    assert!(size_of::<Option<Stack>>() == 16);
}

#[test]
fn bounds_and_guard() {
    let stack = cut(100_000).next().unwrap();
    let (base, limit) = (stack.base().get(), stack.limit().get());
    assert_eq!(stack.size(), 128 << 10);
    assert_eq!(stack.guard(), guard::kind());
    assert!(base - limit <= stack.size() + guard::size());
    assert!(base - limit > stack.size() + guard::size() - 2048);
    assert!(!stack.contains(base));
    assert!(stack.contains(base - 1));
    assert!(stack.contains(limit + guard::size()));
    assert!(!stack.contains(limit + guard::size() - 1));
    assert_guarded(&stack);
}

#[test]
fn colours_are_spread_over_cache_lines() {
    let colours: Vec<usize> = cut(16 << 10)
        .take(64)
        .map(|stack| stack.limit().get() + stack.class().slot() - stack.base().get())
        .collect();
    assert!(colours.iter().all(|c| c % CACHE_LINE == 0 && *c < 2048));
    let different: HashSet<_> = colours.iter().collect();
    // Other tests cut stacks meanwhile and take colours away.
    assert!(different.len() >= COLOURS / 2, "{different:?}");
}

/// Writes to every page that a task would use if it went `depth` deep.
#[inline(never)]
fn dirty(depth: usize) {
    let page = [1_u8; 1024];
    std::hint::black_box(&page);
    if depth > page.len() {
        dirty(depth - page.len());
    }
    std::hint::black_box(&page);
}

#[test]
fn trimming_gives_back_what_lies_below_the_stack_pointer() {
    let stack = cut(256 << 10).next().unwrap();
    // The coroutine owns the stack; this is a second view of it.
    let view = Stack { ..stack };
    let mut task = Coroutine::with_stack(stack, |yielder, ()| {
        let kept: [u64; 512] = std::array::from_fn(|i| i as u64);
        let kept = std::hint::black_box(kept);
        dirty(100 << 10);
        let sp = ptr::from_ref(&kept).addr();
        yielder.suspend(sp);
        // What was given back reads as zero and can be used again.
        dirty(100 << 10);
        kept.iter().sum::<u64>()
    });
    let CoroutineResult::Yield(sp) = task.resume(()) else {
        panic!("the task ended early")
    };
    let before = resident(&view);
    assert!(before * memory::page_size() >= 100 << 10);

    // `kept` is not the lowest thing that is live, but within a page of
    // it; a whole one is left for the frames that led to the switch.
    let sp = sp - 4096;
    // SAFETY: the task is switched away from, and the frames below `kept`
    // fit between it and `sp`.
    unsafe { view.trim_below(sp) };
    let after = resident(&view);
    let at_most = (view.base.get() - sp + SLACK).div_ceil(memory::page_size()) + 1;
    assert!(after <= at_most, "{after} pages of {before} are left");
    assert_guarded(&view);

    let CoroutineResult::Return(sum) = task.resume(()) else {
        panic!("the task did not end")
    };
    assert_eq!(sum, 511 * 512 / 2);
    assert_guarded(&view);
}

#[test]
fn trimming_at_the_low_end_does_nothing() {
    let stack = cut(16 << 10).next().unwrap();
    let low: *mut u8 = ptr::with_exposed_provenance_mut(usable_start(stack.limit().get()));
    // SAFETY: the byte lies on the stack, which nobody else uses.
    unsafe { low.write(9) };
    // SAFETY: nobody runs on the stack, and nothing on it is live.
    unsafe { stack.trim_below(low.addr() + 100) };
    // SAFETY: as above.
    assert_eq!(unsafe { low.read() }, 9);
    // SAFETY: as above.
    unsafe { stack.trim() };
    // SAFETY: as above.
    assert_eq!(unsafe { low.read() }, 0);
}
