//! Coming and going: the places of connections.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::State;
use crate::event::handle::Shared;
use crate::event::remote::{Adoption, Ending, Remote};
use crate::event::session::Session;
use crate::event::slot::{Key, Slot, flag};
use crate::event::tally::Counted;
use crate::poll;
use crate::task::Time;

impl State {
    /// A place that is free, which becomes taken when something is counted there.
    fn place(&mut self) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::empty());
            (self.slots.len() - 1) as u32
        });
        let generation = self.slots[index as usize].generation;
        Key(u64::from(generation) << 32 | u64::from(index))
    }

    /// Takes an operator. It watches its descriptor itself when it is started.
    pub(in crate::event) fn operate(
        &mut self,
        session: Box<dyn Session>,
        shared: Arc<Shared>,
        counted: Counted,
    ) -> Key {
        let key = self.place();
        let slot = &mut self.slots[key.index()];
        slot.flags = flag::OPERATOR;
        slot.need = 0;
        slot.session = Some(session);
        (slot.active_at, slot.timer) = (self.now, Time::NEVER);
        slot.counted = Some(counted);
        slot.extra().shared = Some(shared);
        self.taken += 1;
        key
    }

    /// Takes a connection, and watches it. That it cannot be watched is its end.
    pub(in crate::event) fn adopt(&mut self, adoption: Adoption) -> Key {
        let key = self.place();
        let watched = poll::watch(adoption.fd.as_fd(), key.0);
        let slot = &mut self.slots[key.index()];
        slot.fd = Some(adoption.fd);
        slot.session = Some(adoption.session);
        slot.flags = 0;
        slot.need = adoption.need;
        slot.active_at = adoption.active_at.unwrap_or(self.now);
        slot.timer = Time::NEVER;
        slot.extra = adoption.extra;
        slot.set(match adoption.counted.remote().ending() {
            Ending::NotYet => 0,
            Ending::Drains => flag::LEAVING | flag::READABLE,
            Ending::CutOff => flag::CLOSING | flag::BROKEN,
        });
        slot.counted = Some(adoption.counted);
        if adoption.sticky {
            slot.set(flag::STICKY);
        }
        if adoption.started {
            slot.set(flag::STARTED | flag::READABLE);
        }
        if slot.stashed() > 0 {
            slot.set(flag::AGAIN);
        }
        if let Err(error) = watched {
            slot.set(flag::CLOSING | flag::BROKEN);
            slot.extra().error = Some(error);
        }
        self.taken += 1;
        self.arm(key);
        key
    }

    /// Frees the place of a connection, and gives back what was there.
    pub(in crate::event) fn free(&mut self, key: Key) -> Option<Slot> {
        let slot = self.slot(key)?;
        let mut empty = Slot::empty();
        empty.generation = slot.generation;
        empty.next_generation();
        let old = std::mem::replace(slot, empty);
        self.free.push(key.index() as u32);
        self.taken -= 1;
        Some(old)
    }

    /// Takes the descriptor of a connection that will not be used any more.
    pub(in crate::event) fn take_fd(&mut self, key: Key) -> Option<OwnedFd> {
        let fd = self.slot(key)?.fd.take()?;
        poll::unwatch(fd.as_fd());
        Some(fd)
    }

    /// Takes a connection away that does nothing, if it is of this event loop, for another
    /// worker.
    pub(in crate::event) fn give_away(
        &mut self,
        key: Key,
        from: &Arc<Remote>,
        to: &Arc<Remote>,
    ) -> Option<Adoption> {
        let slot = self.slot(key)?;
        let is_of = |counted: &Counted| Arc::ptr_eq(counted.remote(), from);
        let is_idle = slot.flags & !(flag::STARTED | flag::STICKY) == 0
            && slot.has(flag::STARTED)
            && slot.unsent() == 0
            && slot.stashed() == 0
            && slot.extra.as_ref().is_none_or(|extra| extra.may_move());
        let is_named = self.parts.iter().any(|part| part.key == key)
            || self.dirty.iter().any(|(dirty, _)| *dirty == key);
        let slot = self.slot(key)?;
        if !is_idle || is_named || !slot.counted.as_ref().is_some_and(is_of) {
            return None;
        }
        let slot = self.free(key)?;
        let fd = slot.fd?;
        poll::unwatch(fd.as_fd());
        to.tally.moved.fetch_add(1, Ordering::Relaxed);
        Some(Adoption {
            fd,
            session: slot.session?,
            extra: slot.extra,
            started: true,
            need: slot.need,
            active_at: Some(slot.active_at),
            sticky: slot.flags & flag::STICKY != 0,
            counted: Counted::new(to),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Options;
    use crate::event::state::tests::{adoption, on_a_worker};
    use std::time::Duration;

    #[test]
    fn who_moves_has_been_idle_before() {
        on_a_worker(|| {
            let mut state = State::new(1);
            let options = Options::new().idle_timeout(Duration::from_secs(3600));
            let key = state.adopt(adoption(&options));
            let slot = state.slot(key).unwrap();
            slot.set(flag::STARTED);
            let active_at = slot.active_at;
            let from = Arc::clone(slot.counted.as_ref().unwrap().remote());
            let to = Remote::new(&Arc::new(options), &Arc::default());
            // It comes to the other worker a minute later.
            let moved = state.give_away(key, &from, &to).unwrap();
            let mut other = State::new(1);
            other.now = state.now.after(Duration::from_secs(60));
            let key = other.adopt(moved);
            let slot = other.slot(key).unwrap();
            assert_eq!(slot.active_at, active_at);
            assert_eq!(slot.timer, active_at.after(Duration::from_secs(3600)));
        });
    }
}
