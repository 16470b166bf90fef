//! Reading into blocks that are there only while there are bytes in them.
//!
//! ```text
//!                            +-- short, or failed --------------+
//!                            v                                  |
//!  a source:   wait -> take a block -> read into it             |
//!  another:    offer the stack -- it came back full --> offer a block
//! ```
//!
//! A source waits with empty hands. Another reader may wait inside of `read`, so it
//! is offered memory that costs nothing. Only one that fills what it is offered gets a
//! block of its own before there are bytes, and keeps it until it comes back with less.

use std::io::{Read, Result};

use super::OFFERED;
use crate::buf::Block;
use crate::fd::Known;

/// A reader, and what is known of what it brings; see the [module](self).
pub(super) struct Intake<R: ?Sized> {
    /// Whether the last read filled what it was offered.
    full: bool,
    /// The block of the last read, to be offered again; only while reads are full.
    again: Option<Block>,
    reader: Known<R>,
}

impl<R: Read> Intake<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            full: false,
            again: None,
            reader: Known::new(reader),
        }
    }
}

impl<R: ?Sized> Intake<R> {
    pub(super) fn reader(&self) -> &R {
        self.reader.reader()
    }

    pub(super) fn reader_mut(&mut self) -> &mut R {
        self.reader.reader_mut()
    }

    pub(super) fn into_reader(self) -> R
    where
        R: Sized,
    {
        self.reader.into_reader()
    }

    /// Takes a block whose bytes are not needed any more.
    #[inline]
    pub(super) fn done(&mut self, mut block: Block) {
        if self.full {
            block.clear();
            self.again = Some(block);
        }
    }

    /// The reader, to be read from directly.
    pub(super) fn bypass(&mut self) -> &mut R {
        self.full = false;
        self.again = None;
        self.reader_mut()
    }
}

impl<R: ?Sized + Read> Intake<R> {
    /// Reads once, at most so many bytes. `None` is the end.
    pub(super) fn next(&mut self, most: usize) -> Result<Option<Block>> {
        if most > 0
            && let Some(received) = self.reader.receive(most)
        {
            let block = received?;
            return Ok((!block.is_empty()).then_some(block));
        }
        let block = if self.full {
            let again = self.again.take();
            let again = again.filter(|block| block.capacity() >= most);
            let mut block = again.unwrap_or_else(|| Block::with_room_for(most));
            let reader = self.reader_mut();
            let n = block.fill(most, |buffer| reader.read(buffer))?;
            self.full = n == most;
            block
        } else {
            let block = offer_stack(self.reader_mut(), most.min(OFFERED))?;
            self.full = !block.is_empty() && block.len() == most.min(OFFERED);
            block
        };
        Ok((!block.is_empty()).then_some(block))
    }
}

/// Not a part of its caller: what it has on the stack shall be there only while it runs.
#[inline(never)]
fn offer_stack<R: ?Sized + Read>(reader: &mut R, most: usize) -> Result<Block> {
    let mut buffer = [0; OFFERED];
    let n = reader.read(&mut buffer[..most])?;
    let mut block = Block::with_room_for(n);
    block.push(&buffer[..n]);
    Ok(block)
}
