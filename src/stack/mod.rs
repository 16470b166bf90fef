//! Layer 1: the stacks that tasks run on.
//!
//! A task pays for the pages it touches: stacks are cut from large mappings of
//! which nothing is backed before it is used. An overflow faults in a guard
//! and is reported with the task's name. Stacks are reused, last in first out,
//! and what lies unused gives its pages back.
//!
//! ```text
//!   a worker                      the process
//!   ┌──────────┐  empty: refill   ┌────────────────┐  empty: cut   ┌────────┐
//!   │ Pool     │ ◀─────────────── │ reserve        │ ◀──────────── │ slabs  │
//!   │ no lock  │ ───────────────▶ │ one lock       │ ────────────▶ │        │
//!   └──────────┘  dropped: all    └────────────────┘  guards that  └────────┘
//!                                                     cost mappings
//! ```
//!
//! | file | idea |
//! |---|---|
//! | `class` | sizes are powers of two |
//! | `guard` | an inaccessible range, by advice or by protection |
//! | `slab` | address space cut into slots; which slot has this address |
//! | `stack` | one stack: bounds, colour, giving pages back |
//! | `shelf` | idle stacks of one class, and which of them lie unused |
//! | `budget` | how many stacks fit where guards cost mappings |
//! | `reserve` | the process's idle stacks, and cutting new ones |
//! | `pool` | a worker's idle stacks |
//! | `permit` | the right to one more stack, where guards cost mappings |
//! | `report` | the line that an overflow prints |
//! | `overflow` | the signal handler that prints it |
//! | `handler` | installing signal handlers, and passing on |
//! | `alternate` | the stack that a signal handler runs on |
//! | `trace` | where a task is, asked from another thread |

mod alternate;
mod budget;
mod class;
mod guard;
mod handler;
mod overflow;
mod permit;
mod pool;
mod report;
mod reserve;
mod shelf;
mod slab;
#[expect(
    clippy::module_inception,
    reason = "the folder is about stacks, the file about one"
)]
mod stack;
#[cfg(test)]
mod tests;
#[cfg(feature = "backtrace")]
pub(crate) mod trace;

pub(crate) use alternate::ensure_alternate_stack;
pub(crate) use overflow::install as install_overflow_report;
pub(crate) use permit::{Permit, acquire};
pub(crate) use pool::Pool;
pub(crate) use report::TaskName;
#[cfg(test)]
pub(crate) use reserve::figures;
pub(crate) use stack::Stack;

/// Whether a stack can be of this size.
pub(crate) fn check_size(size: usize) -> std::io::Result<()> {
    class::Class::for_size(size).map(drop)
}
