use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread;

use bytes::{Buf, BufMut, Bytes};

use super::*;
use crate::buf::{Reader, Source};

fn text(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

/// A buffer with these pieces to read, each in a segment of its own.
fn in_pieces(pieces: &[&[u8]]) -> LinkBuffer {
    let mut buffer = LinkBuffer::new();
    for piece in pieces {
        buffer.write_direct(Bytes::copy_from_slice(piece));
    }
    buffer.flush();
    buffer
}

#[test]
fn slices_of_input_and_output_live_side_by_side() {
    let buffer = in_pieces(&[b"one two ", b"three"]);
    let one = buffer.next(4).unwrap();
    let header = buffer.malloc(2);
    let joined = buffer.next(6).unwrap();
    let body = buffer.malloc(5000);
    buffer.write_binary(one);
    let rest = buffer.next(3).unwrap();
    header.copy_from_slice(b"hi");
    body.fill(9);
    assert_eq!(
        (one, joined, rest),
        (&b"one "[..], &b"two th"[..], &b"ree"[..])
    );
    let mut buffer = buffer;
    buffer.flush();
    assert_eq!(buffer.next(2).unwrap(), b"hi");
    assert_eq!(buffer.next(5000).unwrap(), [9; 5000]);
    assert_eq!(buffer.as_bytes(), b"one ");
}

#[test]
fn what_is_peeked_again_is_not_joined_again() {
    let buffer = in_pieces(&[b"ab", b"cd", b"ef"]);
    let first = buffer.peek(3).unwrap();
    let held = buffer.held();
    let second = buffer.peek(3).unwrap();
    assert_eq!((first, second), (&b"abc"[..], &b"abc"[..]));
    assert_eq!(first.as_ptr(), second.as_ptr());
    // More of it is joined in place, and what was handed out stays as it is.
    let third = buffer.peek(6).unwrap();
    assert_eq!(third, b"abcdef");
    assert_eq!(first.as_ptr(), third.as_ptr());
    assert_eq!(buffer.held(), held);
    assert_eq!(buffer.next(6).unwrap().as_ptr(), first.as_ptr());
}

/// Looking further and further ahead must not copy, or hold, more and more for each
/// step.
#[test]
fn peeking_further_and_further_costs_in_proportion() {
    let part = vec![7; 128 << 10];
    let parts: Vec<&[u8]> = vec![&part; 32];
    let buffer = in_pieces(&parts);
    let all = buffer.len();
    for n in (part.len()..=all).step_by(part.len() / 2) {
        assert_eq!(buffer.peek(n).unwrap().len(), n);
    }
    assert!(buffer.held() < 8 * all, "{} for {all}", buffer.held());
}

#[test]
fn pain_02_what_was_read_counts_until_it_is_released() {
    let mut buffer = LinkBuffer::from(&text(10_000)[..]);
    let first = buffer.next(6_000).unwrap();
    assert_eq!(first, &text(6_000)[..]);
    let held = buffer.held();
    assert_eq!(buffer.next(4_000).unwrap().len(), 4_000);
    assert_eq!(buffer.held(), held);
    buffer.release();
    assert_eq!(buffer.held(), 0);
    buffer.release();
}

#[test]
fn what_was_not_read_survives_a_release() {
    let mut buffer = in_pieces(&[b"ab", b"cd", b"ef"]);
    buffer.write_binary(b"pending");
    buffer.skip(3).unwrap();
    buffer.release();
    assert_eq!(buffer.as_bytes(), b"def");
    buffer.skip(3).unwrap();
    buffer.release();
    assert_eq!((buffer.len(), buffer.malloc_len()), (0, 7));
    buffer.flush();
    assert_eq!(buffer.as_bytes(), b"pending");
}

#[test]
fn nothing_is_taken_by_what_fails() {
    let buffer = in_pieces(&[b"ab", b"c\xff"]);
    let eof = io::ErrorKind::UnexpectedEof;
    assert_eq!(buffer.next(5).unwrap_err().kind(), eof);
    assert_eq!(buffer.peek(5).unwrap_err().kind(), eof);
    assert_eq!(buffer.skip(5).unwrap_err().kind(), eof);
    assert_eq!(buffer.slice(5).unwrap_err().kind(), eof);
    assert_eq!(buffer.next_bytes(5).unwrap_err().kind(), eof);
    assert_eq!(buffer.read_binary(usize::MAX).unwrap_err().kind(), eof);
    assert_eq!(buffer.until(b'x', 9).unwrap_err().kind(), eof);
    let invalid = io::ErrorKind::InvalidData;
    assert_eq!(buffer.until(b'c', 2).unwrap_err().kind(), invalid);
    assert_eq!(buffer.read_string(4).unwrap_err().kind(), invalid);
    assert_eq!(buffer.len(), 4);
    assert_eq!(buffer.until(b'c', 3).unwrap(), b"abc");
    assert_eq!(buffer.read_byte().unwrap(), 0xff);
    assert_eq!(buffer.read_byte().unwrap_err().kind(), eof);
}

#[test]
fn zero_bytes_are_always_there() {
    let mut buffer = LinkBuffer::new();
    assert_eq!(buffer.next(0).unwrap(), b"");
    assert_eq!(buffer.peek(0).unwrap(), b"");
    assert_eq!(buffer.next_bytes(0).unwrap(), b""[..]);
    assert_eq!(buffer.read_binary(0).unwrap(), b"");
    assert!(buffer.slice(0).unwrap().is_empty());
    buffer.skip(0).unwrap();
    assert!(buffer.malloc(0).is_empty());
    buffer.write_binary(b"");
    buffer.write_direct(Bytes::new());
    buffer.append(LinkBuffer::new());
    buffer.malloc_ack(0).unwrap();
    buffer.patch(0, b"").unwrap();
    buffer.flush();
    buffer.release();
    buffer.shrink_to_fit();
    assert_eq!(buffer.held(), 0, "and need no memory");
}

#[test]
fn memory_to_write_to_shows_nothing_of_an_earlier_owner() {
    const SECRET: u8 = 0xA5;
    thread::spawn(|| {
        let mut past = LinkBuffer::new();
        past.write_binary(&[SECRET; 3 * BLOCK_SIZE]);
        past.write_binary(&[SECRET; BLOCK_SIZE]);
        past.clear();
        let buffer = LinkBuffer::new();
        buffer.write_binary(b"mine");
        assert!(!buffer.malloc(1000).contains(&SECRET));
        assert!(!buffer.malloc(3 * BLOCK_SIZE).contains(&SECRET));
        let seen = |room: &mut [u8]| {
            assert!(!room.contains(&SECRET));
            Ok::<_, Infallible>(0)
        };
        buffer.fill(usize::MAX, seen).unwrap();
        let vectored = buffer.fill_vectored(usize::MAX, |room| {
            assert!(room.iter().all(|piece| !piece.contains(&SECRET)));
            Ok::<_, Infallible>(0)
        });
        vectored.unwrap();
    })
    .join()
    .unwrap();
}

/// What was deinitialised by who received is not handed out as initialised.
#[test]
fn what_a_receiver_had_is_not_taken_for_initialised() {
    let mut buffer = LinkBuffer::new();
    buffer.malloc(1000).fill(7);
    buffer.malloc_ack(0).unwrap();
    let failed: Result<usize, ()> = buffer.receive(500, |room| {
        room.fill(std::mem::MaybeUninit::uninit());
        Err(())
    });
    assert!(failed.is_err());
    assert!(
        buffer.malloc(1000)[..500]
            .iter()
            .all(|&byte| byte == 0 || byte == 7)
    );
}

#[test]
fn an_acknowledgement_keeps_the_first_bytes_and_no_others() {
    for keep in [0, 1, 99, 100, 101, 150, 5099, 5100, 5107] {
        let mut buffer = LinkBuffer::from(b"before");
        buffer.malloc(100).fill(1);
        buffer.malloc(5000).fill(2);
        buffer.write_direct(Bytes::from_static(b"foreign"));
        assert_eq!(buffer.malloc_len(), 5107);
        buffer.malloc_ack(keep).unwrap();
        assert_eq!(buffer.malloc_len(), keep);
        buffer.write_binary(b"behind");
        buffer.flush();
        let mut expected = b"before".to_vec();
        expected.extend([1; 100]);
        expected.extend([2; 5000]);
        expected.extend(b"foreign");
        expected.truncate(6 + keep);
        expected.extend(b"behind");
        assert_eq!(buffer.as_bytes(), expected, "{keep}");
    }
    let mut buffer = LinkBuffer::from(b"before");
    buffer.malloc(10);
    let error = buffer.malloc_ack(11).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(buffer.malloc_len(), 10);
}

#[test]
fn a_patch_changes_all_of_it_or_nothing() {
    let mut buffer = LinkBuffer::from(b"flushed");
    buffer.write_binary(b"....");
    buffer.write_direct(Bytes::from_static(b"foreign"));
    buffer.write_binary(b"....");
    buffer.patch(1, b"ab").unwrap();
    buffer.patch(11, b"cdef").unwrap();
    for (at, bytes) in [
        (3, &b"xy"[..]),
        (10, b"xy"),
        (14, b"xy"),
        (usize::MAX, b"x"),
    ] {
        let error = buffer.patch(at, bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{at}");
    }
    buffer.flush();
    assert_eq!(buffer.as_bytes(), b"flushed.ab.foreigncdef");
}

/// What another buffer reads may not change under it.
#[test]
fn what_is_shared_is_not_patched() {
    let whole = LinkBuffer::from(&text(3000)[..]);
    let part = whole.slice(1000).unwrap();
    let mut buffer = LinkBuffer::new();
    buffer.append(part);
    assert!(buffer.patch(0, b"x").is_err());
    // But what was written behind it may.
    buffer.write_binary(b"....");
    buffer.patch(1001, b"x").unwrap();
}

#[test]
fn a_small_value_does_not_keep_a_block_and_a_large_one_shares_it() {
    let buffer = LinkBuffer::from(&text(6000)[..]);
    let at = buffer.peek(1).unwrap().as_ptr();
    let small = buffer.next_bytes(COPIED - 1).unwrap();
    assert_ne!(small.as_ptr(), at);
    let large = buffer.next_bytes(COPIED).unwrap();
    assert_eq!(large.as_ptr().addr(), at.addr() + COPIED - 1);
    assert_eq!(large, text(6000)[COPIED - 1..][..COPIED]);

    let buffer = LinkBuffer::from(&text(64 << 10)[..]);
    let at = buffer.peek(1).unwrap().as_ptr();
    let value = buffer.next_bytes(COPIED).unwrap();
    assert_ne!(value.as_ptr(), at, "a small part of a large block");

    let across = in_pieces(&[&text(1000), &text(1000)]);
    assert_eq!(
        across.next_bytes(2000).unwrap(),
        [text(1000), text(1000)].concat()
    );
}

#[test]
fn somebody_elses_bytes_are_given_back_as_they_came() {
    let bytes = Bytes::from(text(2000));
    let buffer = LinkBuffer::from(bytes.clone());
    buffer.skip(100).unwrap();
    let part = buffer.slice(1900).unwrap();
    part.skip(100).unwrap();
    let back = part.next_bytes(1800).unwrap();
    assert_eq!(back.as_ptr(), bytes[200..].as_ptr());
    assert_eq!(back, bytes[200..]);
}

#[test]
fn a_slice_lives_on_while_the_block_is_written_to() {
    let mut buffer = LinkBuffer::with_capacity(16 << 10);
    let mut readers = Vec::new();
    for round in 0..10_u8 {
        let region = buffer.malloc(600);
        region.fill(round);
        buffer.flush();
        let slice = buffer.slice(50).unwrap();
        let bytes = buffer.next_bytes(550).unwrap();
        readers.push(thread::spawn(move || {
            assert_eq!(slice.as_bytes(), [round; 50]);
            assert_eq!(bytes, vec![round; 550]);
            (slice, bytes)
        }));
    }
    drop(buffer);
    for reader in readers {
        let (slice, bytes) = reader.join().unwrap();
        assert_eq!(slice.as_bytes()[0], bytes[0]);
    }
}

#[test]
fn what_is_appended_comes_with_what_it_had_not_flushed() {
    let other = in_pieces(&[b"12", b"34", &text(1000)]);
    other.skip(1).unwrap();
    other.write_binary(b"pending");
    let mut buffer = LinkBuffer::from(b"first ");
    buffer.write_binary(b"second ");
    buffer.append(other);
    assert_eq!((buffer.len(), buffer.malloc_len()), (6, 7 + 1003 + 7));
    buffer.write_binary(b" last");
    buffer.flush();
    let mut expected = b"first second 234".to_vec();
    expected.extend(text(1000));
    expected.extend(b"pending last");
    assert_eq!(buffer.as_bytes(), expected);
}

#[test]
fn large_blocks_are_moved_and_small_content_is_copied() {
    let large = LinkBuffer::from(&text(5000)[..]);
    let at = large.peek(1).unwrap().as_ptr();
    let small = LinkBuffer::from(b"small");
    let mut buffer = LinkBuffer::new();
    buffer.append(large);
    buffer.append(small);
    buffer.flush();
    assert_eq!(buffer.peek(5000).unwrap().as_ptr(), at);
    let held = buffer.held();
    assert!(held <= 8192, "the small one went to what was spare, {held}");
}

/// Headers between somebody else's bytes share a block.
#[test]
fn what_is_spare_is_carried_over_somebody_elses_bytes() {
    let value = Bytes::from(text(1000));
    let mut buffer = LinkBuffer::new();
    let mut expected = Vec::new();
    for i in 0..50_u8 {
        buffer.malloc(10).fill(i);
        buffer.write_direct(value.clone());
        expected.extend([i; 10]);
        expected.extend(&value);
    }
    buffer.flush();
    let blocks = buffer.with(|chain| chain.blocks());
    assert_eq!(blocks, 1);
    assert_eq!(buffer.read_binary(50 * 1010).unwrap(), expected);
}

/// The destructor of somebody else's bytes may use another buffer, or panic.
#[test]
fn owners_of_bytes_may_do_anything_when_they_are_dropped() {
    struct Owner;
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &[1; 600]
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            if !thread::panicking() {
                panic!("dropped");
            }
        }
    }
    let mut buffer = LinkBuffer::from(Bytes::from_owner(Owner));
    buffer.write_binary(b"behind");
    buffer.skip(600).unwrap();
    buffer.flush();
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| buffer.release()));
    assert!(dropped.is_err());
    assert_eq!(buffer.as_bytes(), b"behind");
    buffer.write_binary(b" and on");
    buffer.flush();
    assert_eq!(buffer.as_bytes(), b"behind and on");
}

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
    for i in 0..2000_u32 {
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

#[test]
fn a_partial_write_is_gone_on_with() {
    /// Takes a few bytes at a time, and is interrupted now and then.
    struct Slow(Vec<u8>, usize);
    impl Write for Slow {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = buf.len().min(7);
            self.0.extend_from_slice(&buf[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut buffer = in_pieces(&[&text(100), b"", &text(33)]);
    let expected = buffer.as_bytes().to_vec();
    let mut slow = Slow(Vec::new(), 0);
    assert_eq!(buffer.write_to(&mut slow).unwrap(), 133);
    assert_eq!(slow.0, expected);
    assert_eq!(buffer.held(), 0);

    let mut buffer = in_pieces(&[b"12345", b"678"]);
    let mut full = [0; 6];
    let error = buffer.write_to(&mut &mut full[..]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    assert_eq!(&full, b"123456");
    assert_eq!(buffer.as_bytes(), b"78", "what was not written is kept");
}

#[test]
fn pieces_come_as_many_as_there_is_place_for() {
    let buffer = in_pieces(&[b"1", b"2", b"3"]);
    buffer.skip(1).unwrap();
    buffer.write_binary(b"not flushed");
    let mut slices = [IoSlice::new(b"untouched"); 3];
    assert_eq!(buffer.io_slices(&mut slices[..1]), 1);
    assert_eq!(&*slices[0], b"2");
    assert_eq!(buffer.io_slices(&mut slices), 2);
    assert_eq!((&*slices[0], &*slices[1]), (&b"2"[..], &b"3"[..]));
    assert_eq!(&*slices[2], b"untouched");
}

#[test]
fn it_is_a_buf_and_a_buf_mut() {
    let mut buffer = LinkBuffer::new();
    buffer.put_u16(0x0102);
    buffer.put_bytes(7, 10_000);
    buffer.put(in_pieces(&[b"ab", b"cd"]));
    assert_eq!(buffer.remaining(), 0);
    buffer.flush();
    assert_eq!(buffer.remaining(), 10_006);
    assert_eq!(buffer.get_u16(), 0x0102);
    assert_eq!(buffer.copy_to_bytes(10_000), [7; 10_000][..]);
    assert_eq!(buffer.held(), BLOCK_SIZE, "what was passed is released");
    assert_eq!(buffer.get_u32(), u32::from_be_bytes(*b"abcd"));
    assert_eq!(buffer.chunk(), b"");
}

#[test]
#[should_panic(expected = "5 bytes are wanted, and 4 are there")]
fn a_buf_does_not_advance_beyond_its_end() {
    LinkBuffer::from(b"1234").advance(5);
}

#[test]
fn it_reads_and_writes_as_std_does() {
    let mut buffer = LinkBuffer::new();
    buffer.write_all(b"line one\n").unwrap();
    let parts = [IoSlice::new(b"line "), IoSlice::new(b"two\n")];
    assert_eq!(buffer.write_vectored(&parts).unwrap(), 9);
    std::fmt::Write::write_fmt(&mut buffer, format_args!("{}{}", 'l', "ine")).unwrap();
    buffer.extend(b" three");
    Write::flush(&mut buffer).unwrap();
    let mut line = String::new();
    assert_eq!(buffer.read_line(&mut line).unwrap(), 9);
    let mut two = [0; 9];
    buffer.read_exact(&mut two).unwrap();
    buffer.read_to_string(&mut line).unwrap();
    assert_eq!(line, "line one\nline three");
    assert_eq!(&two, b"line two\n");
    assert_eq!(buffer.read(&mut two).unwrap(), 0);
    let buffer: LinkBuffer = (0..10_000).map(|i| i as u8).collect();
    assert_eq!(
        buffer.as_bytes(),
        (0..10_000).map(|i| i as u8).collect::<Vec<_>>()
    );
}

#[test]
fn shrinking_keeps_what_is_there() {
    let mut buffer = LinkBuffer::from(&text(100_000)[..]);
    buffer.write_binary(b"pending");
    buffer.skip(99_000).unwrap();
    buffer.shrink_to_fit();
    assert_eq!(buffer.held(), 1024);
    assert_eq!((buffer.len(), buffer.malloc_len()), (1000, 7));
    buffer.patch(0, b"P").unwrap();
    buffer.flush();
    assert_eq!(buffer.read_binary(1000).unwrap(), &text(100_000)[99_000..]);
    assert_eq!(buffer.as_bytes(), b"Pending");
}

#[test]
fn a_delimiter_is_found_in_any_piece() {
    let buffer = in_pieces(&[b"ab", b"c\nd", b"", b"e\n"]);
    assert_eq!(buffer.position(b'\n', 0), Some(3));
    assert_eq!(buffer.position(b'\n', 4), Some(6));
    assert_eq!(buffer.position(b'\n', 7), None);
    assert_eq!(buffer.position(b'\n', 100), None);
    assert_eq!(buffer.try_until(b'\n').unwrap(), b"abc\n");
    assert_eq!(buffer.try_until(b'\n').unwrap(), b"de\n");
    assert_eq!(buffer.try_until(b'\n'), None);
}

/// A source that gives one byte at a time.
struct Dripping(Cell<u8>);

impl Source for Dripping {
    fn fill(&self, buffer: &LinkBuffer, missing: usize) -> io::Result<usize> {
        assert!(missing > 0);
        let next = self.0.get();
        if next == 100 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.0.set(next + 1);
        buffer.read_from(&mut &[next][..], 1)
    }
}

#[test]
fn a_reader_waits_until_there_is_enough_and_no_longer() {
    let (buffer, source) = (LinkBuffer::new(), Dripping(Cell::new(0)));
    let reader = Reader::new(&buffer, &source);
    assert_eq!(reader.try_next(1), None);
    assert_eq!(reader.peek(3).unwrap(), [0, 1, 2]);
    assert_eq!(reader.len(), 3);
    assert_eq!(reader.until(5, 6).unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(source.0.get(), 6);
    let error = reader.until(50, 10).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(
        (reader.len(), source.0.get()),
        (10, 16),
        "it saw ten and waited no more"
    );
    assert_eq!(
        reader.next(200).unwrap_err().kind(),
        io::ErrorKind::TimedOut
    );
    assert_eq!(reader.len(), 94, "and took nothing");
    assert_eq!(reader.slice(94).unwrap().len(), 94);
}

/// What a handler of frames reads: where it was received, whatever follows.
#[test]
fn parting_with_bytes_copies_none() {
    for follows in [0, 1, 700] {
        let mut buffer = LinkBuffer::from(&[1; 600]);
        buffer.write_binary(&[2; 300][..]);
        buffer.write_binary(&[3; 700][..follows]);
        buffer.flush();
        buffer.skip(580).unwrap();
        let mut part = LinkBuffer::new();
        for (len, byte) in [(20, 1), (300, 2)] {
            let address = buffer.peek(len).unwrap().as_ptr();
            buffer.part_with(len, &mut part);
            assert_eq!(part.as_bytes(), vec![byte; len]);
            assert_eq!(part.as_bytes().as_ptr(), address);
            // The rest is released and written to, and that one stays.
            buffer.release();
            buffer.write_binary(&[4; 5000]);
            assert_eq!(part.next(len).unwrap(), vec![byte; len]);
            buffer.malloc_ack(0).unwrap();
            part.clear();
        }
        assert_eq!(buffer.as_bytes(), vec![3; follows]);
    }
}
