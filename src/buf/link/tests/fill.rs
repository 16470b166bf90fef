//! Filling from a reader, and from one that lies, fails or panics.

use std::convert::Infallible;
use std::io::{self, Read};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::*;

#[test]
fn filling_goes_on_where_the_last_block_has_room() {
    let buffer = LinkBuffer::new();
    for _ in 0..3 {
        let mut source = &b"0123456789"[..];
        assert_eq!(buffer.read_from(&mut source, usize::MAX).unwrap(), 10);
    }
    assert_eq!(buffer.held(), BLOCK_SIZE);
    assert_eq!(buffer.as_bytes(), b"012345678901234567890123456789");
    assert_eq!(buffer.read_from(&mut &b"abc"[..], 2).unwrap(), 2);
    assert_eq!(buffer.read_from(&mut &b"abc"[..], 0).unwrap(), 0);
    assert_eq!(buffer.len(), 32);
}

#[test]
fn slices_stay_while_more_comes() {
    let buffer = LinkBuffer::new();
    let mut slices = Vec::new();
    // More than a block of them.
    for i in 0..1100_u32 {
        buffer.read_from(&mut &i.to_be_bytes()[..], 4).unwrap();
        slices.push(buffer.next(4).unwrap());
    }
    for (i, slice) in slices.iter().enumerate() {
        assert_eq!(**slice, (i as u32).to_be_bytes());
    }
}

#[test]
fn a_reader_that_fills_what_it_gets_is_offered_more() {
    let buffer = LinkBuffer::new();
    let mut offers = Vec::new();
    for _ in 0..12 {
        let offer = |room: &mut [u8]| {
            offers.push(room.len());
            Ok::<_, Infallible>(room.len())
        };
        buffer.fill(usize::MAX, offer).unwrap();
    }
    assert_eq!(offers[..5], [4, 8, 16, 32, 64].map(|pages| pages << 10));
    assert!(offers.iter().all(|&offer| offer <= 64 << 10));
}

#[test]
fn what_comes_waits_behind_what_waits_to_be_flushed() {
    let mut buffer = LinkBuffer::new();
    let region = buffer.malloc(3);
    buffer.read_from(&mut &b"input"[..], 100).unwrap();
    assert_eq!(buffer.len(), 0, "the region may still be written to");
    region.copy_from_slice(b"abc");
    buffer.flush();
    assert_eq!(buffer.as_bytes(), b"abcinput");
}

/// Whoever fills a buffer, and uses it meanwhile, gets what makes most sense of it.
#[test]
fn a_buffer_may_be_used_while_it_is_filled() {
    for pending in [false, true] {
        let mut buffer = LinkBuffer::from(b"first ");
        let filled = buffer.fill(100, |room| {
            room[..5].copy_from_slice(b"outer");
            assert_eq!(buffer.read_from(&mut &b"inner "[..], 100)?, 6);
            assert_eq!(buffer.peek(12)?, b"first inner ");
            if pending {
                buffer.write_binary(b"written ");
            }
            io::Result::Ok(5)
        });
        assert_eq!(filled.unwrap(), 5);
        buffer.flush();
        let expected = match pending {
            false => &b"first inner outer"[..],
            true => b"first inner written outer",
        };
        assert_eq!(buffer.as_bytes(), expected);
    }
}

/// One that would block, say, many times.
#[test]
fn a_reader_that_fails_costs_no_memory() {
    let buffer = LinkBuffer::from(b"before");
    let held = buffer.held();
    for _ in 0..100 {
        let kind = io::ErrorKind::WouldBlock;
        let failed = buffer.fill(100, |_| Err(io::Error::from(kind)));
        assert_eq!(failed.unwrap_err().kind(), kind);
        assert_eq!(buffer.receive(100, |_| Err(kind)), Err(kind));
        assert_eq!(buffer.fill_vectored(100, |_| Err(kind)), Err(kind));
        buffer.read_from(&mut &b"x"[..], 100).unwrap();
    }
    assert_eq!(buffer.len(), 106);
    assert_eq!(buffer.held(), held);
}

#[test]
fn a_reader_that_panics_leaves_the_buffer_as_it_was() {
    let buffer = LinkBuffer::from(b"before");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        buffer.fill(100, |_| -> io::Result<usize> { panic!("as expected") })
    }));
    assert!(panicked.is_err());
    buffer.read_from(&mut &b" and after"[..], 100).unwrap();
    assert_eq!(buffer.as_bytes(), b"before and after");
}

#[test]
#[should_panic(expected = "read more than it could")]
fn a_reader_that_says_too_much_is_not_believed() {
    let _ = LinkBuffer::new().fill(10, |_| Ok::<_, Infallible>(11));
}

#[test]
#[should_panic(expected = "read more than it could")]
fn nor_is_a_vectored_one() {
    let buffer = LinkBuffer::from(b"x");
    let _ = buffer.fill_vectored(10, |_| Ok::<_, Infallible>(11));
}

#[test]
#[should_panic(expected = "not a part")]
fn a_receiver_returns_what_it_was_given() {
    static REACHABLE: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
    let elsewhere: &'static mut [u8] = Box::leak(Box::new([1; 4]));
    REACHABLE.store(elsewhere.as_mut_ptr(), Ordering::Relaxed);
    let _ = LinkBuffer::new().receive::<Infallible>(4, |_| Ok(elsewhere));
}

#[test]
fn two_pieces_are_filled_in_order() {
    for n in [0, 1, 4086, 4090, 4096, 8182] {
        let buffer = LinkBuffer::from(&[9; 10]);
        let content = text(n);
        let came = buffer.fill_vectored(usize::MAX, |room| {
            assert_eq!(
                room.iter().map(|piece| piece.len()).collect::<Vec<_>>(),
                [4086, 4096]
            );
            (&content[..]).read_vectored(room)
        });
        assert_eq!(came.unwrap(), n);
        buffer.skip(10).unwrap();
        assert_eq!(buffer.as_bytes(), content, "{n}");
        let blocks = buffer.with(|chain| chain.blocks());
        assert!(n > 4086 || blocks == 1, "the second piece was not needed");
    }
    let buffer = LinkBuffer::from(&[9; 10]);
    let most = buffer.fill_vectored(5000, |room| {
        Ok::<_, Infallible>(room.iter().map(|piece| piece.len()).sum())
    });
    assert_eq!(most.unwrap(), 5000);
}
