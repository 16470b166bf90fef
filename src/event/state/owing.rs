//! Whether a connection is owed something.

use super::State;
use crate::event::slot::{Key, Slot, flag};
use crate::sys::socket;

impl State {
    /// Whether something was received that is not answered, or written that is not sent. What
    /// nobody receives any more is not waited for, and does not count.
    pub(in crate::event) fn owes(&mut self, key: Key) -> bool {
        let parts = self.parts.iter().filter(|part| part.key == key);
        let in_phase: usize = parts.map(|part| part.len).sum();
        let Some(slot) = self.slot(key) else {
            return false;
        };
        if slot.has(flag::LINGERING) {
            return false;
        }
        if slot.has(flag::BUSY) || slot.unsent() > 0 || slot.awaits_answers() {
            return true;
        }
        if slot.has(flag::CLOSING | flag::ENDED) {
            return false;
        }
        let there = in_phase + slot.stashed();
        if slot.has(flag::PAUSED) {
            return there > 0 && there >= slot.need as usize;
        }
        there > 0 || (!slot.has(flag::FINISHED) && socket::unread(slot.fd()) > 0)
    }

    /// Whether a connection of which nothing is left to handle may end: its answers have
    /// come, and were sent.
    pub(in crate::event) fn has_settled(&mut self, key: Key) -> bool {
        // What was written in this phase counts, too.
        self.send_all();
        let settled = |slot: &mut Slot| slot.unsent() == 0 && !slot.awaits_answers();
        self.slot(key)
            .is_none_or(|slot| slot.has(flag::BROKEN) || settled(slot))
    }
}
