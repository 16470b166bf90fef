//! Writing: what is acknowledged, patched, appended, written on.

use std::io::{self, Write};

use super::*;

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
        expected.extend_from_slice(&[1; 100]);
        expected.extend_from_slice(&[2; 5000]);
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
