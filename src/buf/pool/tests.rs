use std::thread;

use super::super::{Block, blocks};
use super::*;

/// What the pool of this thread holds, in bytes.
fn held() -> usize {
    POOL.with_borrow(|pool| pool.held)
}

/// Runs a test on a thread of its own, and hence on a pool of its own.
fn alone<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(test).join().unwrap()
}

#[test]
fn the_block_that_was_dropped_last_is_taken_first() {
    alone(|| {
        let (first, second) = (Block::with_room_for(1), Block::with_room_for(1024));
        let addresses = [first.as_ptr(), second.as_ptr()];
        drop(first);
        drop(second);
        assert_eq!(held(), 2048);
        let again = [Block::with_room_for(700), Block::with_room_for(700)];
        assert_eq!(again[0].as_ptr(), addresses[1]);
        assert_eq!(again[1].as_ptr(), addresses[0]);
        assert_eq!(held(), 0);
    });
}

#[test]
fn a_class_does_not_serve_another() {
    alone(|| {
        drop(Block::with_room_for(4096));
        let other = Block::with_room_for(2048);
        assert_eq!(other.capacity(), 2048);
        assert_eq!(held(), 4096);
    });
}

#[test]
fn a_pool_holds_so_much_and_no_more() {
    alone(|| {
        let size = 1 << 20;
        let blocks: Vec<_> = (0..2 * HELD_MOST / size)
            .map(|_| Block::with_room_for(size))
            .collect();
        drop(blocks);
        assert_eq!(held(), HELD_MOST);
        drop(Block::with_room_for(1024));
        assert_eq!(held(), HELD_MOST, "no room for one more");
    });
}

#[test]
fn what_is_larger_than_the_largest_class_is_not_kept() {
    alone(|| {
        let block = Block::with_room_for((1 << 20) + 1);
        assert_eq!(block.capacity(), (1 << 20) + 1);
        drop(block);
        assert_eq!(held(), 0);
    });
}

#[test]
fn a_burst_is_forgotten_and_what_is_used_stays() {
    alone(|| {
        let burst: Vec<_> = (0..1000).map(|_| Block::with_room_for(4096)).collect();
        drop(burst);
        assert_eq!(held(), 1000 * 4096);
        // Ten at a time are in use; periods pass by that alone.
        for _ in 0..PERIOD * 20 / 10 {
            let _used: Vec<_> = (0..10).map(|_| Block::with_room_for(4096)).collect();
        }
        assert_eq!(held(), 10 * 4096);
    });
}

#[test]
fn a_pool_that_is_tended_ends_up_empty_and_says_so() {
    alone(|| {
        let burst: Vec<_> = (0..1000).map(|_| Block::with_room_for(1024)).collect();
        drop(burst);
        let mut before = held();
        // The period in which they were used needed them all.
        assert!(tend());
        assert_eq!(held(), before);
        while tend() {
            assert!(held() < before, "each period frees something");
            before = held();
        }
        assert_eq!(held(), 0);
    });
}

#[test]
fn a_block_goes_to_the_pool_of_the_thread_that_drops_it() {
    let block = alone(|| Block::with_room_for(2048));
    let address = block.as_ptr() as usize;
    let again = alone(move || {
        drop(block);
        assert_eq!(held(), 2048);
        Block::with_room_for(2048).as_ptr() as usize
    });
    assert_eq!(again, address);
}

/// Takes and drops blocks after the pool of its thread is gone.
struct Late(Option<Block>);

impl Drop for Late {
    fn drop(&mut self) {
        assert!(POOL.try_with(|_| ()).is_err(), "the pool is still there");
        drop(self.0.take());
        let mut block = Block::with_room_for(1024);
        block.push(b"late");
        assert_eq!(&*block, b"late");
    }
}

#[test]
fn blocks_are_taken_and_dropped_while_a_thread_ends() {
    thread_local! {
        static LATE: RefCell<Late> = const { RefCell::new(Late(None)) };
    }
    alone(|| {
        // The value that was first used later is destroyed earlier: here, the pool.
        LATE.with_borrow_mut(|late| late.0 = None);
        let block = Block::with_room_for(1024);
        LATE.with_borrow_mut(|late| late.0 = Some(block));
    });
}

/// The figures are of the process, and other tests use pools: only what is far from
/// what they do can be told.
#[test]
fn figures_say_what_is_held_and_taken() {
    const SIZE: u64 = 1 << 30;
    let size = usize::try_from(SIZE).unwrap();
    let before = blocks();
    let block = Block::with_room_for(size);
    let during = blocks();
    assert!(during.taken >= SIZE, "{during:?}");
    assert!(during.misses > before.misses);
    alone(move || drop(block));
    assert!(blocks().taken < SIZE, "{:?}", blocks());

    alone(|| {
        drop(Block::with_room_for(1 << 20));
        let before = blocks();
        assert!(before.held >= 1 << 20);
        drop(Block::with_room_for(1 << 20));
        assert!(blocks().hits > before.hits);
    });
}
