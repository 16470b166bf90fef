//! Values that share a block, and somebody else's bytes.

use std::thread;

use super::*;

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
