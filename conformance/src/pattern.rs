//! Bytes that say where they belong, so that one that is lost, doubled or swapped shows.

use std::io::{self, Read, Write};

/// The byte at a place of a stream with this number.
fn byte(stream: u64, place: u64) -> u8 {
    let mixed = (place ^ stream.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

/// The beginning of a stream.
pub fn bytes(stream: u64, length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|place| byte(stream, place))
        .collect()
}

/// Writes so much of a stream, in pieces of many lengths.
///
/// # Errors
///
/// Those of the writer.
pub fn send(writer: &mut impl Write, stream: u64, length: u64) -> io::Result<()> {
    let mut piece = vec![0; 70_000];
    let mut sent = 0;
    while sent < length {
        let most = (1 + sent * 7919 % 70_000).min(length - sent) as usize;
        for (place, slot) in (sent..).zip(&mut piece[..most]) {
            *slot = byte(stream, place);
        }
        writer.write_all(&piece[..most])?;
        sent += most as u64;
    }
    writer.flush()
}

/// Reads to the end, and compares; returns how much there was.
///
/// # Errors
///
/// Those of the reader.
///
/// # Panics
///
/// If a byte is not that of the stream.
pub fn receive(reader: &mut impl Read, stream: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 50_000];
    let mut received = 0;
    loop {
        let n = reader.read(&mut buffer)?;
        if n == 0 {
            return Ok(received);
        }
        for (place, found) in (received..).zip(&buffer[..n]) {
            assert_eq!(*found, byte(stream, place), "at byte {place}");
        }
        received += n as u64;
    }
}
