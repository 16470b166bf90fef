//! What is to be called for a connection, if anything.

use super::connection::Connection;
use super::looper::Loop;
use super::session::Session;
use super::slot::{Key, flag};
use super::state::{Part, State};
use crate::buf::LinkBuffer;
use crate::sys::epoll::Flags;

/// What is to be called.
pub(super) enum Call {
    Start,
    Request,
    Operate(Flags),
    End,
}

impl Loop {
    /// Takes what is to be called out of the connection's place, and fills the working
    /// set.
    #[inline]
    pub(super) fn begin(
        &self,
        part: Part,
        connection: &mut Connection,
    ) -> Option<(Call, Box<dyn Session>)> {
        let Part { key, len } = part;
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let now = state.now;
        match state.slot(key) {
            Some(slot) if len > 0 => slot.clear(flag::IN_PHASE),
            Some(_) => {}
            None => {
                skip(&mut state.arena, len);
                return None;
            }
        }
        if state.holds(key) {
            state.keep(key, len);
            return None;
        }
        let slot = state.slot(key)?;
        if slot.has(flag::CLOSING | flag::ENDED | flag::BUSY) {
            return self.begin_otherwise(state, part, connection);
        }
        connection.enter(key);
        if !slot.has(flag::STARTED) {
            slot.set(flag::STARTED | flag::BUSY | flag::AGAIN);
            state.keep(key, len);
            return Some((Call::Start, state.slot(key)?.session.take()?));
        }
        if slot.has(flag::OPERATOR) {
            if slot.has(flag::PAUSED) {
                return None;
            }
            let flags = Flags::from_bits(std::mem::take(&mut slot.need));
            if flags.is_empty() {
                return None;
            }
            slot.set(flag::BUSY);
            return Some((Call::Operate(flags), slot.session.take()?));
        }
        let (need, flags) = (slot.need as usize, slot.flags);
        let stashed = slot.stashed();
        let there = stashed + len;
        let is_finished = flags & flag::FINISHED != 0;
        let is_leaving = flags & flag::LEAVING != 0;
        let is_paused = flags & flag::PAUSED != 0;
        let is_over = flags & flag::OVER != 0;
        if there == 0 {
            let is_idle = is_leaving && (is_paused || flags & flag::READABLE == 0);
            if (is_finished || is_idle) && state.has_settled(key) {
                return self.begin_end(state, key, connection);
            }
            return None;
        }
        let is_part = there < need && !is_finished;
        if is_over || is_part {
            if is_leaving && is_paused && !is_over {
                // Nobody reads the rest of it.
                skip(&mut state.arena, len);
                return match state.has_settled(key) {
                    true => self.begin_end(state, key, connection),
                    false => None,
                };
            }
            state.keep(key, len);
            if is_part && !is_over {
                state.slot(key)?.extra().begun_at.get_or_insert(now);
                state.arm(key);
            }
            if len > 0 && state.slot(key)?.has(flag::READABLE) {
                state.queue(key);
            }
            return None;
        }
        slot.set(flag::BUSY);
        slot.clear(flag::AGAIN);
        let session = slot.session.take()?;
        connection.begun_at = None;
        if stashed > 0 {
            let extra = slot.extra();
            // While it is handled, it is not the peer that is waited for.
            connection.begun_at = extra.begun_at.take();
            let mut stash = std::mem::take(&mut extra.stash);
            stash.move_to(&mut connection.input);
        }
        state.arena.give(len, &mut connection.input);
        connection.was_given(there);
        Some((Call::Request, session))
    }

    /// Begins with a connection whose handler runs, or will not run again.
    #[cold]
    fn begin_otherwise(
        &self,
        state: &mut State,
        part: Part,
        connection: &mut Connection,
    ) -> Option<(Call, Box<dyn Session>)> {
        let Part { key, len } = part;
        let slot = state.slot(key)?;
        let flags = slot.flags;
        if flags & flag::CLOSING == 0 {
            // It came while the handler was parked.
            slot.set(flag::AGAIN);
            state.keep(key, len);
            return None;
        }
        if flags & flag::DETACHING != 0 && flags & flag::ENDED == 0 {
            // Who gets the socket gets this, and what else there is in this phase.
            state.keep(key, len);
            if state.parts.iter().any(|part| part.key == key) {
                return None;
            }
        } else {
            skip(&mut state.arena, len);
        }
        if flags & flag::BUSY != 0 {
            return None;
        }
        if flags & flag::ENDED != 0 {
            state.throw_away(key, len);
            self.may_close(state, key);
            return None;
        }
        self.begin_end(state, key, connection)
    }

    /// The handler's last call.
    #[cold]
    fn begin_end(
        &self,
        state: &mut State,
        key: Key,
        connection: &mut Connection,
    ) -> Option<(Call, Box<dyn Session>)> {
        connection.enter(key);
        let slot = state.slot(key)?;
        let session = slot.session.take()?;
        slot.set(flag::CLOSING | flag::BUSY);
        slot.tell_handles();
        if let Some(extra) = &mut slot.extra {
            connection.error = extra.error.take();
        }
        Some((Call::End, session))
    }
}

fn skip(arena: &mut LinkBuffer, len: usize) {
    let there = arena.try_skip(len);
    debug_assert!(there.is_some());
}
