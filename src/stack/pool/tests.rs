//! Each test has a reserve of its own, so that others do not disturb it.

use std::collections::HashSet;
use std::time::Duration;

use super::super::budget::Budget;
use super::super::slab::usable_start;
use super::*;
use crate::sys::memory;

/// Of another class than the smallest, also where pages are 64 KiB.
const SIZE: usize = 128 << 10;

fn reserve(stacks: usize) -> &'static Reserve {
    Box::leak(Box::new(Reserve::new(Budget::of(stacks))))
}

fn take(pool: &mut Pool, n: usize) -> Vec<Stack> {
    (0..n).map(|_| pool.take(SIZE).unwrap()).collect()
}

fn put(pool: &mut Pool, stacks: Vec<Stack>) {
    stacks.into_iter().for_each(|stack| pool.put(stack));
}

/// Touches the top page, as running a task would.
fn run(stack: &Stack) {
    let top: *mut u64 = std::ptr::with_exposed_provenance_mut(stack.base().get() - 64);
    // SAFETY: the address lies on the stack, which nobody runs on.
    unsafe { top.write(1) };
}

fn resident(stacks: &[(usize, usize)]) -> usize {
    let pages = |&(start, len): &(usize, usize)| memory::resident_pages(start, len);
    stacks.iter().map(pages).sum()
}

fn ranges(stacks: &[Stack]) -> Vec<(usize, usize)> {
    let range = |stack: &Stack| (usable_start(stack.limit().get()), stack.size());
    stacks.iter().map(range).collect()
}

#[test]
fn last_in_first_out_by_size_class() {
    let mut pool = Pool::with_reserve(reserve(100));
    let small = pool.take(16 << 10).unwrap();
    let (first, second) = (pool.take(SIZE).unwrap(), pool.take(SIZE).unwrap());
    let bases = [&first, &second, &small].map(Stack::base);
    put(&mut pool, vec![first, second, small]);
    assert_eq!(pool.len(), 3);

    assert_eq!(pool.take(SIZE).unwrap().base(), bases[1]);
    assert_eq!(pool.take(SIZE - 1).unwrap().base(), bases[0]);
    let new = pool.take(SIZE).unwrap();
    assert!(!bases.contains(&new.base()));
    assert_eq!(pool.take(0).unwrap().base(), bases[2]);
    assert_eq!(pool.len(), 0);
}

#[test]
fn a_size_out_of_range_is_refused() {
    let mut pool = Pool::with_reserve(reserve(1));
    for size in [(1 << 30) + 1, usize::MAX] {
        let error = pool.take(size).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    assert_eq!(pool.take(1 << 30).unwrap().size(), 1 << 30);
}

#[test]
fn tending_gives_back_only_what_lay_unused() {
    let mut pool = Pool::with_reserve(reserve(100));
    let stacks = take(&mut pool, 10);
    stacks.iter().for_each(run);
    let ranges = ranges(&stacks);
    put(&mut pool, stacks);
    assert_eq!(resident(&ranges), 10);

    assert!(!pool.tend());
    assert_eq!(resident(&ranges), 10, "put since the previous pass");
    assert_eq!(pool.resident_hint(), 10);

    let hot = take(&mut pool, 3);
    put(&mut pool, hot);
    assert!(!pool.tend());
    assert_eq!(resident(&ranges), 3);
    assert_eq!(pool.resident_hint(), 3);

    let top = pool.take(SIZE).unwrap();
    let range = (usable_start(top.limit().get()), top.size());
    assert_eq!(resident(&[range]), 1, "the top stays warm");
}

#[test]
fn a_step_is_bounded() {
    let mut pool = Pool::with_reserve(reserve(10_000));
    let n = 2 * CALLS_PER_STEP + 10;
    let stacks = take(&mut pool, n);
    stacks.iter().for_each(run);
    let ranges = ranges(&stacks);
    put(&mut pool, stacks);
    while pool.tend() {}
    assert_eq!(resident(&ranges), n);

    // Where guards cost mappings most of them are in the reserve, whose passes
    // are a second apart.
    let later = Instant::now() + Duration::from_secs(2);
    assert!(pool.tend_at(later));
    assert_eq!(resident(&ranges), n - CALLS_PER_STEP);
    assert!(pool.tend_at(later));
    assert_eq!(resident(&ranges), n - 2 * CALLS_PER_STEP);
    assert!(!pool.tend_at(later));
    assert_eq!(resident(&ranges), 0);
}

#[test]
fn the_stacks_of_a_dropped_pool_are_used_again() {
    let reserve = reserve(100);
    let mut ended = Pool::with_reserve(reserve);
    let stacks = take(&mut ended, 5);
    stacks.iter().for_each(run);
    let ranges = ranges(&stacks);
    let bases: HashSet<_> = stacks.iter().map(Stack::base).collect();
    put(&mut ended, stacks);
    drop(ended);
    assert_eq!(resident(&ranges), 0);
    assert_eq!(reserve.figures().idle, 5);

    let mut pool = Pool::with_reserve(reserve);
    let stacks = take(&mut pool, 5);
    assert_eq!(
        stacks.iter().map(Stack::base).collect::<HashSet<_>>(),
        bases
    );
    assert_eq!((pool.len(), reserve.figures().idle), (0, 0));
    assert!(!bases.contains(&pool.take(SIZE).unwrap().base()));
}

#[test]
fn a_stack_may_go_to_another_pool() {
    let reserve = reserve(100);
    let (mut one, mut other) = (Pool::with_reserve(reserve), Pool::with_reserve(reserve));
    let stack = one.take(SIZE).unwrap();
    let base = stack.base();
    let mut other = std::thread::spawn(move || {
        other.put(stack);
        other
    })
    .join()
    .unwrap();
    assert_eq!(other.take(SIZE).unwrap().base(), base);
}

#[test]
fn a_pool_hoards_only_where_guards_cost_nothing() {
    let reserve = reserve(1000);
    let mut pool = Pool::with_reserve(reserve);
    let stacks = take(&mut pool, 3 * HOARD);
    let last = stacks.last().unwrap().base();
    put(&mut pool, stacks);
    match guard::kind() {
        Kind::Advised => assert_eq!(pool.len(), 3 * HOARD),
        Kind::Protected => assert!((1..=HOARD).contains(&pool.len())),
    }
    assert_eq!(pool.len() + reserve.figures().idle, 3 * HOARD);
    assert_eq!(pool.take(SIZE).unwrap().base(), last);
}

/// The promise of a permit: wherever the idle stacks are, there is one more.
/// (With guards by advice nothing is capped; `tests` runs this for both.)
#[test]
fn idle_stacks_of_other_classes_and_pools_make_room() {
    let protected = guard::kind() == Kind::Protected;
    let reserve = reserve(20 + HOARD);
    let mut pool = Pool::with_reserve(reserve);
    let mut hoarder = Pool::with_reserve(reserve);
    let hoard = take(&mut hoarder, HOARD);
    put(&mut hoarder, hoard);

    // All that may be cut is cut: 64 are out of reach, 10 are idle here and 10
    // in the reserve, all of one class.
    let mut ended = Pool::with_reserve(reserve);
    let left = take(&mut ended, 10);
    let idle = take(&mut pool, 10);
    put(&mut ended, left);
    drop(ended);
    let slots: HashSet<_> = idle.iter().map(Stack::limit).collect();
    put(&mut pool, idle);

    let larger: Vec<_> = (0..20).map(|_| pool.take(4 * SIZE).unwrap()).collect();
    for stack in &larger {
        assert!(!memory::is_readable(stack.limit().get()));
        run(stack);
    }
    let over = pool.take(4 * SIZE);
    if protected {
        assert_eq!(reserve.figures().costing_mappings, 20 + HOARD);
        assert_eq!(over.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
    } else {
        assert_eq!(reserve.figures().costing_mappings, 0);
        assert!(over.is_ok());
    }

    // And back: what was taken apart is cut again, with a guard.
    put(&mut pool, larger);
    let back = take(&mut pool, 20);
    for stack in &back {
        assert!(!memory::is_readable(stack.limit().get()));
        run(stack);
    }
    let again: HashSet<_> = back.iter().map(Stack::limit).collect();
    assert!(again.is_superset(&slots), "no address space is lost");
}
