//! Where a thread is: the functions that a task of it is in, from outside.
//!
//! ```text
//!   the asking thread                        the thread that is asked about
//!   ─────────────────                        ──────────────────────────────
//!   Request::take ── SIGURG ───────────────▶ the handler copies the registers
//!                 ◀──────── "copied" ─────── and the stack, and returns
//!   unwinds the copy, by the program's own tables
//!   looks the addresses up in the debug information
//! ```
//!
//! What is dangerous happens on the asking thread, which is not stopped in the
//! middle of anything: the handler takes no lock and allocates nothing.
//!
//! | file | idea |
//! |---|---|
//! | `snapshot` | the handler, and the copy that it makes |
//! | `modules` | the unwind tables of what is loaded |
//! | `backtrace` | from a copy to functions and lines |

mod backtrace;
mod modules;
mod snapshot;

pub(crate) use backtrace::Addresses;
pub use backtrace::{Backtrace, BacktraceFrame};
pub(crate) use snapshot::install;

/// Where the task is that a thread of this process runs. None if it runs none, does
/// not answer in time, or nobody has called [`install`].
pub(crate) fn of_thread(thread: i32) -> Option<Addresses> {
    snapshot::take(thread, Addresses::unwind)
}
