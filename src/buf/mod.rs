//! Layer 0: blocks of bytes, and the pool that they come from.
//!
//! What moves bytes holds a [`Block`] only while it has bytes to hold: it takes
//! one when there is something to put in, and drops it when that is gone. A
//! thousand idle connections then share the few blocks of their worker, and those
//! are warm in the cache.
//!
//! What this layer promises:
//!
//! - Taking a block and giving it back take no lock and no system call, as long as
//!   the pool of the calling thread has one. (A worker is a thread; this layer knows
//!   nothing of tasks.)
//! - A block may be dropped on any thread, also while that thread ends. It then
//!   belongs to that thread's pool, or to none.
//! - **Nobody sees what an earlier owner wrote.** Nothing is wiped for that: a block
//!   has a part that was *written* since it was taken, and gives access to nothing
//!   else. See [`Block`] for how readers that are not trusted fill one.
//! - A pool holds so many bytes at most, and gives back what it has not needed for a
//!   while.
//!
//! It demands nothing.
//!
//! | file | idea |
//! |---|---|
//! | `class` | which sizes there are |
//! | `block` | a block: what was written, and how to write more |
//! | `pool` | the pool of a thread: last in, first out; when it shrinks |
//! | `last_act` | flushing when a buffer is dropped |
//! | `figures` | counters of each thread, summed up when somebody asks |

mod block;
mod class;
mod figures;
mod last_act;
mod pool;

pub(crate) use block::Block;
pub use figures::{Blocks, blocks};
pub(crate) use last_act::{Last, LastAct};
pub(crate) use pool::tend;
