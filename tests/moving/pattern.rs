//! Bytes that differ from place to place and from stream to stream, so that none can be
//! lost, repeated or swapped without being noticed.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::{Arc, LazyLock, Mutex};

/// More than pipes and sockets hold together.
pub(crate) const MUCH: usize = 3_000_000;

/// The byte of a stream at a place.
pub(crate) fn byte(stream: u64, at: usize) -> u8 {
    let mixed = (at as u64 / 7 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ (stream << 17));
    (mixed >> 56) as u8 ^ at as u8
}

/// The beginning of a stream, of this length at least. It is made once: made and compared
/// byte by byte, in a build for debugging, it would be most of what the tests do.
fn beginning(stream: u64, length: usize) -> Arc<[u8]> {
    type Streams = HashMap<u64, Arc<[u8]>>;
    static MADE: LazyLock<Mutex<Streams>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    let known = made.entry(stream).or_default();
    if known.len() < length {
        let grown = length.next_multiple_of(1 << 20);
        let more = (known.len()..grown).map(|at| byte(stream, at));
        *known = known.iter().copied().chain(more).collect();
    }
    Arc::clone(known)
}

pub(crate) fn bytes(stream: u64, length: usize) -> Vec<u8> {
    beginning(stream, length)[..length].to_vec()
}

/// Writes so many bytes, in pieces of changing sizes.
pub(crate) fn write(mut writer: impl Write, stream: u64, length: usize) -> io::Result<()> {
    let all = beginning(stream, length);
    let mut rest = &all[..length];
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
        let expected = &beginning(stream, at + n)[at..at + n];
        if buffer[..n] != *expected {
            let wrong = (0..n).find(|&i| buffer[i] != expected[i]).unwrap();
            panic!("stream {stream}, byte {}", at + wrong);
        }
        at += n;
    }
}
