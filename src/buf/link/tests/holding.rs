//! How much memory is held, and until when.

use super::*;

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
