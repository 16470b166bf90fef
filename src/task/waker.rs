//! Who can end a wait: two numbers, from any thread, at any time.

use std::num::NonZeroU64;

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
pub(crate) struct Waker(NonZeroU64);

impl Waker {
    pub(super) fn new(task: &Task, epoch: u32) -> Self {
        let bits = (u64::from(task.index) + 1) << 32 | u64::from(epoch);
        Self(NonZeroU64::new(bits).expect("the number of a task is below the highest"))
    }

    /// The bits of a packed waker; the others are free.
    pub(crate) const BITS: u64 = (u32::MAX as u64) << 32 | EPOCH as u64;

    pub(crate) fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// The waker in these bits, if there is one.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        if bits >> 32 == 0 {
            return None;
        }
        NonZeroU64::new(bits & Self::BITS).map(Self)
    }

    /// Ends the wait with this outcome, if nothing has ended it yet. Returns
    /// whether it was this call that did. What was written before is visible to
    /// the woken task.
    pub(crate) fn wake(self, outcome: Outcome) -> bool {
        match self
            .task()
            .word
            .wake(self.to_bits() as u32 & EPOCH, outcome)
        {
            Found::Stale => false,
            Found::Armed => true,
            Found::Parked => {
                deliver(self.task());
                true
            }
        }
    }

    /// Asks for the memory that waking will touch.
    #[inline]
    pub(crate) fn prefetch(self) {
        self.task().prefetch();
    }

    #[inline]
    fn task(self) -> &'static Task {
        TASKS.get((self.to_bits() >> 32) as u32 - 1)
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
