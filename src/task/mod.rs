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
//! | `timers`, `clock` | deadlines |
//! | `wait` | park, for tasks and threads; the budget |
//! | `wait_list`, `lock`, `join` | what is built from waits |

mod atomic;
mod clock;
mod home;
mod inbox;
mod join;
mod local;
mod lock;
mod owner;
mod prefetch;
mod table;
#[expect(
    clippy::module_inception,
    reason = "the layer is named after its main idea"
)]
mod task;
mod timers;
mod wait;
mod wait_list;
mod waker;
mod word;

pub(crate) use clock::Time;
pub(crate) use home::{Home, Post};
pub(crate) use join::Packet;
pub(crate) use local::Tasks;
pub(crate) use lock::Lock;
pub(crate) use table::{Slot, Table};
pub(crate) use task::Start;
pub(crate) use wait::{Reason, Wait, current_name, is_task, no_park, spend, yield_now};
pub(crate) use wait_list::WaitList;
pub(crate) use waker::Waker;
pub(crate) use word::Outcome;

/// Starts a task on a worker.
pub(crate) fn start(home: &'static Home, start: Start) {
    let task = local::take_slot();
    // SAFETY: the slot was taken just now, and is not delivered yet.
    unsafe { task.prepare(start) };
    task.set_home(home);
    home.task_came();
    waker::deliver(task);
}
