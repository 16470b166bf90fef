//! Who can end a wait: two numbers, from any thread, at any time.

use super::home::HOMES;
use super::local;
use super::task::{TASKS, Task};
use super::word::{EPOCH, Found, Outcome};

/// Ends one wait of one task or thread. It is two numbers: which task, and which
/// of its waits. It owns nothing and may come late; then it does nothing.
///
/// ```text
///  63                 32 31                 4 3  0
/// +---------------------+--------------------+----+
/// | number of task + 1  | epoch of the wait  |  0 |
/// +---------------------+--------------------+----+
/// ```
///
/// The low four bits are free for whoever keeps a waker in a word of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waker(u64);

impl Waker {
    pub(super) fn new(task: &Task, epoch: u32) -> Self {
        Self((u64::from(task.index) + 1) << 32 | u64::from(epoch))
    }

    /// The bits of a packed waker; the others are free.
    pub(crate) const BITS: u64 = (u32::MAX as u64) << 32 | EPOCH as u64;

    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    /// The waker in these bits, if there is one.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        (bits >> 32 != 0).then_some(Self(bits & Self::BITS))
    }

    /// Ends the wait with this outcome, if nothing has ended it yet. Returns
    /// whether it was this call that did. What was written before is visible to
    /// the woken task.
    pub(crate) fn wake(self, outcome: Outcome) -> bool {
        let task = TASKS.get((self.0 >> 32) as u32 - 1);
        match task.word.wake(self.0 as u32 & EPOCH, outcome) {
            Found::Stale => false,
            Found::Armed => true,
            Found::Parked => {
                deliver(task);
                true
            }
        }
    }
}

/// Hands a task that shall run to the worker that it belongs to (or rings for
/// the thread that it stands for).
pub(super) fn deliver(task: &'static Task) {
    let home = task.home();
    if !local::push_if_here(home, task) {
        HOMES.get(home).send(task);
    }
}
