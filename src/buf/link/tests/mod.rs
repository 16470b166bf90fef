//! A chain by itself. `tests/link_buffer` runs it beside a model.

mod fill;
mod holding;
mod memory;
mod read;
mod shapes;
mod sharing;
mod write;

use bytes::Bytes;

use super::*;

/// Made of whole rounds, since Miri takes its time for each step of a loop.
fn text(n: usize) -> Vec<u8> {
    let round: Vec<u8> = (0..251).collect();
    let mut rounds = round.repeat(n.div_ceil(round.len()));
    rounds.truncate(n);
    rounds
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
