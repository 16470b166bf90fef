//! Bytes without copying them: [`LinkBuffer`], a chain of pooled blocks, and the views
//! to read from it and write to it.
//!
//! ```text
//!               taken        read from here                  written to here
//!                 |                |                                |
//!        +-----------------+-----------------+--------------+----------------------+
//!        |#################|####bbbbbbbbbbbbb|bbbbbbb|      |bbbbbbbwwwwwwww|      |
//!        +-----------------+-----------------+--------------+----------------------+
//!         a pooled block    another one       somebody's     the last one      ^
//!                                             `Bytes`                         spare
//!
//!    #  read, and alive until `release`      b  what there is to read: `len()`
//!    w  written, to be read when it is flushed: `malloc_len()`
//! ```
//!
//! # The rules
//!
//! **Reading and writing borrow the buffer; freeing and flushing take it exclusively.**
//! `next`, `peek`, `until` and the like give slices of the buffer's own memory, and
//! `malloc` gives memory to write to. As many of them as one likes are alive side by
//! side, as in an arena. [`release`](LinkBuffer::release), [`flush`](LinkBuffer::flush)
//! and what else ends them does not compile while one is still used.
//!
//! **Bytes do not move.** What was written to a block stays there until it is released.
//! A slice that is wanted in a row and lies in several blocks is copied to one, once;
//! [`Blocks::joined`] counts that. `write_direct` and `append` put somebody else's bytes
//! and whole buffers in the chain as they are.
//!
//! **Blocks are shared by counting.** [`slice`](LinkBuffer::slice) and
//! [`next_bytes`](LinkBuffer::next_bytes) take bytes out as something that lives as long
//! as it likes, on any thread, while the buffer goes on being written to behind them.
//! What is small is copied, so that a value of some bytes does not keep a block.
//!
//! **A buffer in which nothing is left holds nothing.** Its blocks go back to the pool
//! of the thread when what was in them has been read and released. A thousand idle
//! connections share the few blocks of their worker, and those are warm in the cache.
//!
//! **What one connection wrote no other reads.** Nothing is wiped for that: what was not
//! written since a block came from the pool cannot be read, and memory that safe code
//! gets to fill holds zeros.
//!
//! **Nothing grows unless somebody makes it grow.** A read takes no more than it is told
//! to, and 16 pages at once; [`until`](Reader::until) has a limit; waiting for a long
//! message sets nothing aside for it. How much may come before somebody reads it is for
//! the owner of the buffer to say: [`held`](LinkBuffer::held) tells how much it is.
//!
//! # Where things are
//!
//! | | |
//! |---|---|
//! | [`LinkBuffer`] | the buffer |
//! | [`Reader`], [`Writer`] | views of one that is filled from, and sent to, somewhere |
//! | [`WriterMut`] | the view of who writes alone: it takes back, changes and sends |
//! | [`LinkStream`] | buffers in front of any [`Read`](std::io::Read) and [`Write`](std::io::Write) |
//! | [`Source`], [`Sink`] | where a [`Reader`] gets more, and what a [`WriterMut`] is sent to |
//! | [`blocks`] | what the pools hold |
//!
//! A `LinkBuffer` is a [`bytes::Buf`] and [`bytes::BufMut`], and std's `Read`, `BufRead`
//! and `Write`.

// What the layer promises to those above:
//
// - Taking a block and giving it back take no lock and no system call, as long as
//   the pool of the calling thread has one. (A worker is a thread; this layer knows
//   nothing of tasks.)
// - A block may be dropped on any thread, also while that thread ends. It then
//   belongs to that thread's pool, or to none.
// - Nobody sees what an earlier owner wrote. A block has a part that was *written*
//   since it was taken, and gives access to nothing else. See `Block` for how readers
//   that are not trusted fill one.
// - A pool holds so many bytes at most, and gives back what it has not needed for a
//   while.
//
// It demands nothing.
//
// | file | idea |
// |---|---|
// | `class` | which sizes there are |
// | `block` | a block: what was written, and how to write more |
// | `pool` | the pool of a thread: last in, first out; when it shrinks |
// | `last_act` | flushing when a buffer is dropped |
// | `figures` | counters of each thread, summed up when somebody asks |
// | `link` | a chain of blocks |
// | `reader`, `writer`, `writer_mut` | views of one |
// | `stream` | readers and writers of std's kind, with such buffers |

mod block;
mod class;
mod figures;
mod last_act;
mod link;
mod pool;
mod reader;
mod stream;
mod writer;
mod writer_mut;

pub(crate) use block::Block;
pub use figures::{Blocks, blocks};
pub(crate) use last_act::{Last, LastAct};
#[doc(alias = "LinkBufferCap")]
pub use link::BLOCK_SIZE;
pub use link::COPIED;
#[doc(alias = "BinaryInplaceThreshold")]
pub use link::IN_PLACE;
#[doc(alias = "mcache")]
pub use link::LinkBuffer;
pub(crate) use pool::tend;
pub use reader::{Reader, Source};
#[doc(alias = "NewReader")]
#[doc(alias = "NewWriter")]
#[doc(alias = "NewReadWriter")]
#[doc(alias = "NewIOReader")]
#[doc(alias = "NewIOWriter")]
#[doc(alias = "NewIOReadWriter")]
#[doc(alias = "zcReader")]
#[doc(alias = "LinkReader")]
#[doc(alias = "LinkWriter")]
pub use stream::LinkStream;
pub use writer::Writer;
pub use writer_mut::{Sink, WriterMut};
