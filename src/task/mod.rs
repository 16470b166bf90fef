//! Layer 2: a task, and how it sleeps.
//!
//! What this layer promises to those above:
//!
//! - A task runs on one worker from its first instruction to its last.
//! - [`Wait`] is the only way to sleep, for tasks and for plain threads. A wait
//!   ends once, with one [`Outcome`], whichever of its wakers comes first.
//! - A [`Waker`] may be used from any thread at any time, also too late.
//! - What a worker does for its own tasks takes no lock.
//!
//! What it demands: a stack for each task that has begun (layer 1), and a worker
//! that runs its queue, fires its timers and collects its inbox ([`Tasks`]).
//!
//! | file | idea |
//! |---|---|
//! | `table` | slots that are reused and never freed |
//! | `word` | the state of a wait: park and unpark |
//! | `waker` | who can end a wait |
//! | `inbox` | what other threads send to a worker |
//! | `home` | the address of a worker |
//! | `task` | the slot of a task, and its coroutine |
//! | `local` | what a worker keeps for its own tasks |
//! | `tasks` | what the machine does with them |
//! | `care` | giving memory back |
//! | `timers`, `clock` | deadlines |
//! | `wait` | park, for tasks and threads; the budget |
//! | `seat` | the place of a thread that waits |
//! | `token`, `identity` | `thread::park` and `unpark`; which task |
//! | `wait_list`, `lock`, `join` | what is built from waits |
//! | `locals` | values that each task has of its own |
//! | `lend` | a closure that borrows, run by another thread |
//! | `or_abort` | what must not unwind |

mod atomic;
mod care;
mod clock;
mod home;
mod identity;
mod inbox;
mod join;
mod lend;
mod local;
mod locals;
mod lock;
mod or_abort;
mod owner;
mod seat;
mod table;
#[expect(
    clippy::module_inception,
    reason = "the layer is named after its main idea"
)]
mod task;
mod tasks;
mod timers;
mod token;
mod wait;
mod wait_list;
mod waker;
mod word;

pub(crate) use clock::Time;
pub(crate) use home::{Home, Post};
pub(crate) use identity::{Id, current_name, park_until};
pub(crate) use join::Packet;
pub(crate) use lend::{Loan, lend};
pub(crate) use locals::{Found, end_locals, find_local, put_local};
pub(crate) use lock::Lock;
pub(crate) use or_abort::or_abort;
pub(crate) use table::{LargeTable, Slot, SmallTable};
use task::Task;
pub(crate) use task::{Report, Start};
pub(crate) use tasks::Tasks;
pub(crate) use wait::{
    Reason, Wait, before_next_park, check_not_forked, is_task, is_unwinding, name_for_report,
    no_park, parked_unwinding, spend, spend_more, yield_now,
};
pub(crate) use wait_list::WaitList;
pub(crate) use waker::Waker;
pub(crate) use word::Outcome;

/// Leaves a new task for a worker, or for whichever is idle first.
pub(crate) fn start(home: &'static Home, start: Start) -> Id {
    start_with(start, |task| home.leave_fresh(task))
}

/// Leaves a new task for a worker.
pub(crate) fn start_pinned(home: &'static Home, start: Start) -> Id {
    start_with(start, |task| home.leave_pinned(task))
}

fn start_with(start: Start, leave: impl FnOnce(&'static Task)) -> Id {
    let task = local::take_slot();
    // SAFETY: the slot was taken just now, and nobody else knows of it.
    unsafe { task.prepare(start) };
    let id = Id::of(task);
    leave(task);
    id
}
