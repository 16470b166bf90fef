//! What a loop knows, and what it does without calling anybody.
//!
//! Nothing here runs code of a user's, not even a destructor: what may have one is put into
//! the [`Trash`], which the driver empties when the state is not borrowed.
//!
//! | file | idea |
//! |---|---|
//! | `places` | connections come and go |
//! | `receive`, `send` | what a phase begins and ends with |
//! | `wishes` | what handles want |
//! | `timers` | what takes too long |
//! | `full` | who waits while too many handlers are parked |
//! | `linger` | closing without a reset |
//! | `owing` | what a shutdown asks |
//! | `trash` | what is to be dropped |

mod full;
mod linger;
mod owing;
mod places;
mod receive;
mod send;
mod timers;
mod trash;
mod wishes;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use full::Full;
use trash::Trash;

use super::Options;
use super::even::Look;
use super::remote::Remote;
use super::slot::{Key, Slot, flag};
use crate::buf::LinkBuffer;
use crate::poll::Watched;
use crate::task::Time;

/// What one call may receive. A phase may begin it where its budget is all but used.
const WINDOW: usize = 64 << 10;

/// A block for the input of a phase.
const ARENA: usize = 128 << 10;

/// What a buffer keeps that is used for one connection after the other.
pub(super) const KEPT: usize = 4 << 10;

/// What was received for one connection, or that something else is to be done for it.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) key: Key,
    /// So much of the arena, behind what belongs to earlier parts.
    pub(super) len: usize,
}

pub(super) struct State {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// How many places are taken.
    pub(super) taken: usize,
    /// What a phase has received.
    pub(super) arena: LinkBuffer,
    /// Whose that is, in order.
    pub(super) parts: VecDeque<Part>,
    /// What is to be sent, and to whom, in order.
    output: LinkBuffer,
    dirty: Vec<(Key, usize)>,
    /// Those for which something is to be done: what the flags say.
    pub(super) ready: VecDeque<Key>,
    full: Vec<Full>,
    events: VecDeque<Watched>,
    incoming: Vec<Watched>,
    pub(super) trash: Trash,
    timers: BinaryHeap<Reverse<(Time, Key)>>,
    /// As of the beginning of the turn.
    pub(super) now: Time,
    pub(super) remotes: Vec<Arc<Remote>>,
    pub(super) look: Look,
    pub(super) phase_bytes: usize,
}

impl State {
    pub(super) fn new(phase_bytes: usize) -> Self {
        let now = Time::now();
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            taken: 0,
            arena: LinkBuffer::new(),
            parts: VecDeque::new(),
            output: LinkBuffer::new(),
            dirty: Vec::new(),
            ready: VecDeque::new(),
            full: Vec::new(),
            events: VecDeque::new(),
            incoming: Vec::new(),
            trash: Trash::default(),
            timers: BinaryHeap::new(),
            now,
            look: Look::new(now),
            remotes: Vec::new(),
            phase_bytes,
        }
    }

    #[inline]
    pub(super) fn slot(&mut self, key: Key) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(key.index())?;
        (slot.generation == key.generation() && slot.counted.is_some()).then_some(slot)
    }

    /// The names of all connections.
    pub(super) fn keys(&self) -> Vec<Key> {
        let taken = self.slots.iter().enumerate();
        let taken = taken.filter(|(_, slot)| slot.counted.is_some());
        taken
            .map(|(index, slot)| Key(u64::from(slot.generation) << 32 | index as u64))
            .collect()
    }

    /// Has something done for a connection, in the turn that comes.
    pub(super) fn queue(&mut self, key: Key) {
        if let Some(slot) = self.slot(key)
            && !slot.has(flag::QUEUED)
        {
            slot.set(flag::QUEUED);
            self.ready.push_back(key);
        }
    }

    /// Whether it is time to see how busy the other workers are.
    #[inline]
    pub(super) fn looks(&self) -> bool {
        self.now >= self.look.next && self.parts.is_empty()
    }

    /// Whether a phase has something to begin with.
    pub(super) fn has_work(&self) -> bool {
        !self.events.is_empty() || !self.ready.is_empty() || self.may_let_go()
    }

    pub(super) fn options(&mut self, key: Key) -> Option<Arc<Options>> {
        let counted = self.slot(key)?.counted.as_ref()?;
        Some(Arc::clone(&counted.remote().options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::remote::Adoption;
    use crate::event::session::Served;
    use crate::event::tally::Counted;
    use crate::event::{Connection, Next};
    use std::os::unix::net::UnixStream;

    /// Runs a test as a task, because a state watches what it adopts.
    pub(super) fn on_a_worker(test: impl FnOnce() + Send + 'static) {
        let runtime = crate::sched::Builder::new().workers(1).build().unwrap();
        if let Err(panic) = runtime.spawn(test).join() {
            std::panic::resume_unwind(panic);
        }
    }

    /// A new connection.
    pub(super) fn adoption(options: &Options) -> Adoption {
        let handler = Arc::new(|_: &mut Connection| Ok(Next::Again));
        let remote = Remote::new(&Arc::new(options.clone()), &Arc::default());
        Adoption {
            fd: UnixStream::pair().unwrap().0.into(),
            session: Served::boxed(&handler),
            extra: None,
            started: false,
            need: 0,
            active_at: None,
            sticky: true,
            counted: Counted::new(&remote),
        }
    }
}
