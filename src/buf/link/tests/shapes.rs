//! The shapes of others: `Buf`, `BufMut`, std's `Read` and `Write`.

use std::io::{BufRead, IoSlice, Read, Write};

use bytes::{Buf, BufMut};

use super::*;

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
    // More than a block.
    let buffer: LinkBuffer = text(5000).into_iter().collect();
    assert_eq!(buffer.as_bytes(), text(5000));
}
