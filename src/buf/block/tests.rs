use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::*;

const SECRET: u8 = 0xA5;

/// A block that somebody else filled and gave back, and that comes back from the pool.
fn with_a_past() -> Block {
    let mut block = Block::with_room_for(1024);
    block.push(&[SECRET; 1024]);
    let address = block.as_ptr();
    drop(block);
    let block = Block::with_room_for(1024);
    assert_eq!(block.as_ptr(), address, "another block than expected");
    block
}

fn fill(block: &mut Block, most: usize, read: impl FnOnce(&mut [u8]) -> usize) -> usize {
    block
        .fill::<Infallible>(most, |buffer| Ok(read(buffer)))
        .unwrap()
}

/// Writes these bytes, as a system call would.
fn write<'a>(spare: &'a mut [MaybeUninit<u8>], bytes: &[u8]) -> &'a mut [u8] {
    for (place, byte) in spare.iter_mut().zip(bytes) {
        place.write(*byte);
    }
    // SAFETY: written just now; the length is checked by slicing.
    unsafe { &mut *(&raw mut spare[..bytes.len()] as *mut [u8]) }
}

#[test]
fn bytes_are_pushed_as_far_as_there_is_room() {
    let mut block = with_a_past();
    assert!(block.is_empty());
    assert_eq!(block.push(b"abc"), 3);
    assert_eq!(&*block, b"abc");
    assert_eq!(block.push(&[1; 2000]), 1021);
    assert_eq!(block.push(b"x"), 0);
    assert_eq!(block.len(), block.capacity());
    block.clear();
    assert!(block.is_empty());
    assert_eq!(block.push(b"def"), 3);
    assert_eq!(&*block, b"def");
}

#[test]
fn the_first_bytes_can_be_discarded() {
    let mut block = with_a_past();
    block.push(b"abcdef");
    block.discard(0);
    assert_eq!(&*block, b"abcdef");
    block.discard(4);
    assert_eq!(&*block, b"ef");
    block.discard(2);
    assert!(block.is_empty());
}

#[test]
#[should_panic(expected = "no more than was written")]
fn no_more_than_was_written_can_be_discarded() {
    let mut block = with_a_past();
    block.push(b"abc");
    block.discard(4);
}

#[test]
fn a_reader_is_not_shown_what_an_earlier_owner_wrote() {
    let mut block = with_a_past();
    block.push(b"mine");
    let n = fill(&mut block, 100, |buffer| {
        assert_eq!(buffer, [0; 100]);
        buffer.fill(7);
        60
    });
    assert_eq!(n, 60);
    assert_eq!(block.len(), 64);
    // What it is shown now is what it wrote itself, and zeros.
    fill(&mut block, usize::MAX, |buffer| {
        assert_eq!(buffer.len(), 960);
        assert!(buffer[..40].iter().all(|&byte| byte == 7));
        assert!(buffer[40..].iter().all(|&byte| byte == 0));
        0
    });
    block.clear();
    fill(&mut block, usize::MAX, |buffer| {
        assert!(!buffer.contains(&SECRET));
        0
    });
}

#[test]
fn what_a_reader_did_not_write_does_not_count() {
    let mut block = with_a_past();
    let error = block.fill(10, |buffer| {
        buffer.fill(7);
        Err(io::Error::from(io::ErrorKind::Other))
    });
    assert!(error.is_err());
    assert!(block.is_empty());
}

#[test]
#[should_panic(expected = "read more than it could")]
fn a_reader_that_says_too_much_is_not_believed() {
    fill(&mut with_a_past(), 10, |_| 11);
}

#[test]
fn received_bytes_are_those_that_were_written() {
    let mut block = with_a_past();
    block.push(b"ab");
    let n = block
        .receive::<Infallible>(4, |spare| {
            assert_eq!(spare.len(), 4);
            Ok(write(spare, b"cde"))
        })
        .unwrap();
    assert_eq!(n, 3);
    assert_eq!(&*block, b"abcde");
    let nothing = block.receive::<Infallible>(0, |spare| Ok(write(spare, b"")));
    assert_eq!(nothing, Ok(0));
    assert_eq!(block.receive(4, |_| Err("failed")), Err("failed"));
    assert_eq!(&*block, b"abcde");
}

/// What was initialised, and is then given away as memory that may hold anything,
/// may not hold anything any more.
#[test]
fn what_a_receiver_had_is_not_taken_for_initialised() {
    let mut block = with_a_past();
    fill(&mut block, 100, |_| 0);
    let failed: Result<usize, ()> = block.receive(100, |spare| {
        spare.fill(MaybeUninit::uninit());
        Err(())
    });
    assert!(failed.is_err());
    fill(&mut block, 100, |buffer| {
        assert_eq!(buffer, [0; 100]);
        0
    });
}

#[test]
#[should_panic(expected = "not a part")]
fn a_receiver_returns_what_it_was_given() {
    static REACHABLE: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
    let elsewhere: &'static mut [u8] = Box::leak(Box::new([1; 4]));
    REACHABLE.store(elsewhere.as_mut_ptr(), Ordering::Relaxed);
    let _ = Block::with_room_for(4).receive::<Infallible>(4, |_| Ok(elsewhere));
}

#[test]
#[should_panic(expected = "not a part")]
fn a_receiver_returns_the_beginning() {
    let _ = Block::with_room_for(4).receive::<Infallible>(4, |spare| {
        spare.fill(MaybeUninit::new(0));
        Ok(&mut write(spare, &[0; 4])[1..])
    });
}

#[test]
fn a_block_may_be_sent_and_shared() {
    fn check<T: Send + Sync>() {}
    check::<Block>();
    assert_eq!(size_of::<Option<Block>>(), size_of::<Block>());
}
