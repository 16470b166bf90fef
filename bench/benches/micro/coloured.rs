//! Stacks that begin at different distances from a page boundary, as netpoll's do; else
//! their top frames all fall into the same few sets of the first-level cache.

use std::io;
use std::num::NonZeroUsize;

use corosensei::stack::{DefaultStack, Stack, StackPointer};

const SIZE: usize = 64 * 1024;

// As in netpoll: `src/stack/stack.rs`.
const COLOURS: usize = 32;
const CACHE_LINE: usize = 64;
const COLOUR_STEP: usize = 13;

/// A stack whose topmost bytes, less than a page, are not used.
pub(crate) struct Coloured {
    stack: DefaultStack,
    base: StackPointer,
}

impl Coloured {
    /// The stack of a number, which gives it its colour.
    pub(crate) fn new(number: usize) -> io::Result<Self> {
        let stack = DefaultStack::new(SIZE)?;
        let colour = number * COLOUR_STEP % COLOURS * CACHE_LINE;
        let base = NonZeroUsize::new(stack.base().get() - colour).expect("it is above zero");
        Ok(Self { stack, base })
    }
}

// SAFETY:
// - guard page: it is the one of the stack inside, which lives as long as this one, and
//   the limit, which includes it, is the same;
// - alignment: a colour is a multiple of a cache line, and so of what a base needs;
// - size: it has 64 KiB less at most 2 KiB, which is more than the least size.
unsafe impl Stack for Coloured {
    fn base(&self) -> StackPointer {
        self.base
    }

    fn limit(&self) -> StackPointer {
        self.stack.limit()
    }
}
