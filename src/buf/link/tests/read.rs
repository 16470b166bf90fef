//! Reading: what is handed out, what is joined, what fails.

use std::cell::Cell;
use std::io::{self, IoSlice};

use super::*;
use crate::buf::{Reader, Source};

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

/// A source that writes, which nobody flushes.
struct Writing;

impl Source for Writing {
    fn fill(&self, buffer: &LinkBuffer, _: usize) -> io::Result<usize> {
        buffer.write_string("more");
        Ok(4)
    }
}

#[test]
fn a_source_that_gives_nothing_to_read_is_no_endless_loop() {
    let buffer = LinkBuffer::new();
    let reader = Reader::new(&buffer, &Writing);
    assert_eq!(reader.next(1).unwrap_err().kind(), io::ErrorKind::Other);
    assert_eq!(
        reader.until(b'm', 10).unwrap_err().kind(),
        io::ErrorKind::Other
    );
    assert_eq!((buffer.len(), buffer.malloc_len()), (0, 8));
}
