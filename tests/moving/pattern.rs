//! Bytes that differ from place to place and from stream to stream, so that none can be
//! lost, repeated or swapped without being noticed.

use std::io::{self, Read, Write};

/// More than pipes and sockets hold together.
pub(crate) const MUCH: usize = 3_000_000;

/// The byte of a stream at a place.
pub(crate) fn byte(stream: u64, at: usize) -> u8 {
    let mixed = (at as u64 / 7 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ (stream << 17));
    (mixed >> 56) as u8 ^ at as u8
}

pub(crate) fn bytes(stream: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| byte(stream, at)).collect()
}

/// Writes so many bytes, in pieces of changing sizes.
pub(crate) fn write(mut writer: impl Write, stream: u64, length: usize) -> io::Result<()> {
    let all = bytes(stream, length);
    let mut rest = &all[..];
    let mut size = 1;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        writer.write_all(piece)?;
        rest = after;
        size = size * 3 % 200_003 + 1;
    }
    Ok(())
}

/// Reads to the end, checks each byte, and returns how many there were.
pub(crate) fn check(mut reader: impl Read, stream: u64) -> io::Result<usize> {
    let mut buffer = vec![0; 100_000];
    let mut at = 0;
    loop {
        let n = reader.read(&mut buffer)?;
        if n == 0 {
            return Ok(at);
        }
        for &found in &buffer[..n] {
            assert_eq!(found, byte(stream, at), "stream {stream}, byte {at}");
            at += 1;
        }
    }
}
