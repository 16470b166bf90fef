//! Running the handlers of one connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Next;
use super::begin::Call;
use super::connection::Connection;
use super::guarded::{drop_guarded, guarded};
use super::looper::Loop;
use super::session::Session;
use super::slot::{Callback, Key, flag};
use super::state::{KEPT, Part, State};
use crate::task::Time;

/// So often in a row a handler runs for one connection. Then the others have their turn.
const RUNS: usize = 32;

/// How a call ended.
enum Verdict {
    Goes(u32),
    /// Again, at once, after the others.
    Again,
    Closes(Option<io::Error>),
}

impl Loop {
    /// Does what there is to do for one connection.
    #[inline]
    pub(super) fn handle(&self, part: Part, connection: &mut Connection) {
        let Some((call, session)) = self.begin(part, connection) else {
            return;
        };
        self.call(part.key, call, session, connection);
    }

    fn call(
        &self,
        key: Key,
        call: Call,
        mut session: Box<dyn Session>,
        connection: &mut Connection,
    ) {
        let is_driver = self.driver() == connection.driver();
        self.called.set(Some(key));
        let ended = match call {
            Call::Request => Some((self.request(&mut *session, connection), session)),
            Call::Start => {
                let verdict = match guarded(|| session.start(connection)) {
                    Ok(()) => Verdict::Goes(0),
                    Err(error) => Verdict::Closes(error),
                };
                Some((verdict, session))
            }
            Call::Operate(flags) => {
                let verdict = match guarded(|| session.operate(flags)) {
                    Ok(Some(left)) => {
                        self.note_left(key, left);
                        Verdict::Goes(0)
                    }
                    Ok(None) => Verdict::Closes(None),
                    Err(error) => Verdict::Closes(error),
                };
                Some((verdict, session))
            }
            Call::End => {
                self.end_session(key, session, connection);
                None
            }
        };
        let has_parked = is_driver && self.driver() != connection.driver();
        if has_parked {
            // Something happened until now, also if the driver has waited meanwhile.
            let mut state = self.state.borrow_mut();
            let now = Time::now();
            state.now = now;
            if let Some(slot) = state.slot(key) {
                slot.active_at = now;
            }
        }
        match ended {
            Some((verdict, session)) => self.finish(key, verdict, session, connection),
            None => self.finish_end(key, connection),
        }
        if has_parked {
            // The driver may be busy for long.
            self.state.borrow_mut().send_all();
            self.came_back(connection.driver());
            if self.is_stopping() {
                self.handle(Part { key, len: 0 }, connection);
            }
        }
    }

    /// The handler's last call, and those who asked to be told.
    #[cold]
    fn end_session(&self, key: Key, mut session: Box<dyn Session>, connection: &mut Connection) {
        let _ = guarded(|| {
            session.disconnect(connection);
            Ok(())
        });
        // Also those that it has added.
        while let Some(callback) = self.last_callback(key) {
            let _ = guarded(|| {
                callback();
                Ok(())
            });
        }
        // Its context is gone; what is left of it are references, perhaps the last ones.
        drop_guarded(session);
    }

    /// What is to be called when a connection has ended, the last one first.
    fn last_callback(&self, key: Key) -> Option<Callback> {
        let mut state = self.state.borrow_mut();
        let extra = state.slot(key)?.extra.as_mut()?;
        extra.callbacks.pop()
    }

    /// Runs the handler as long as it consumes something.
    fn request(&self, session: &mut dyn Session, connection: &mut Connection) -> Verdict {
        for _ in 0..RUNS {
            let before = connection.consumed();
            let run = guarded(|| {
                let next = session.request(connection)?;
                let (left, consumed) = (connection.input.len(), connection.consumed() - before);
                // What was received may be somebody's, whose destructor may do anything.
                connection.input.release_keeping(KEPT);
                Ok((next, left, consumed > 0))
            });
            let (next, left, has_consumed) = match run {
                Ok(run) => run,
                Err(error) => return Verdict::Closes(error),
            };
            match next {
                Next::Close => return Verdict::Closes(None),
                Next::Again if left == 0 => return Verdict::Goes(0),
                Next::Need(n) if n > left => match u32::try_from(n) {
                    Ok(need) => return Verdict::Goes(need),
                    Err(_) => {
                        let most = connection.frame_limit();
                        return Verdict::Closes(Some(too_long(n, most)));
                    }
                },
                Next::Again | Next::Need(_) if has_consumed => {}
                // It has seen all of this, and wants none of it.
                Next::Again | Next::Need(_) => return self.stalled(left, connection),
            }
            if connection.is_closing() {
                return Verdict::Closes(None);
            }
            if connection.has_written_much() {
                break;
            }
        }
        Verdict::Again
    }

    /// The handler waits for more, and does not say for how much.
    #[cold]
    fn stalled(&self, left: usize, connection: &Connection) -> Verdict {
        let mut state = self.state.borrow_mut();
        let Some(slot) = state.slot(connection.key()) else {
            return Verdict::Closes(None);
        };
        let counted = slot.counted.as_ref().expect("it counts while it is there");
        let remote = counted.remote();
        remote.tally.stalled.fetch_add(1, Ordering::Relaxed);
        if left >= remote.options.input_mark && !slot.has(flag::FINISHED) {
            return Verdict::Closes(Some(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the handler consumed none of {left} bytes, and more are not received"),
            )));
        }
        Verdict::Goes(left as u32 + 1)
    }

    /// Puts the connection back to its place, and sees what is next.
    #[inline]
    fn finish(
        &self,
        key: Key,
        verdict: Verdict,
        session: Box<dyn Session>,
        connection: &mut Connection,
    ) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.put(key, &mut connection.output);
        let now = state.now;
        let Some(slot) = state.slot(key) else {
            // It was cut off meanwhile, which does not happen while it is busy.
            debug_assert!(false, "a connection's place was freed under its handler");
            return;
        };
        slot.session = Some(session);
        slot.clear(flag::BUSY);
        if slot.has(flag::OPERATOR) {
            // What has happened meanwhile.
            if slot.need != 0 {
                slot.set(flag::AGAIN);
            }
        } else {
            slot.need = 0;
        }
        let left = connection.input.len();
        // What trickles in is as old as its first byte.
        let begun_at = connection.begun_at.filter(|_| !connection.has_consumed());
        let begun_at = begun_at.unwrap_or(now);
        let (mut waits_for_more, mut is_useless) = (false, false);
        let (mut limit, mut surplus) = (None, None);
        match verdict {
            Verdict::Goes(need) => {
                if need > 0 {
                    waits_for_more = true;
                    slot.need = need;
                    let counted = slot.counted.as_ref().expect("it counts while it is there");
                    let most = counted.remote().options.frame_limit;
                    limit = (need as usize > most).then_some((need as usize, most));
                    if slot.has(flag::FINISHED) {
                        // It will not come, but for what has come meanwhile. Without, what
                        // is left is of no use, and when all is answered it ends.
                        (slot.need, waits_for_more) = (0, false);
                        is_useless = slot.stashed() == 0;
                        slot.set(flag::AGAIN);
                    }
                }
            }
            Verdict::Again => slot.set(flag::AGAIN),
            Verdict::Closes(error) => {
                slot.set(flag::CLOSING | flag::ABRUPT);
                if let Some(error) = error
                    && let Some(later) = slot.add_error(error)
                {
                    surplus = Some(later);
                }
            }
        }
        if let Some((need, most)) = limit {
            slot.set(flag::CLOSING | flag::ABRUPT);
            (slot.extra().error).get_or_insert_with(|| too_long(need, most));
        }
        let is_closing = slot.has(flag::CLOSING);
        if left > 0 && !is_useless && (!is_closing || slot.has(flag::DETACHING)) {
            slot.put_back(&mut connection.input);
            if waits_for_more {
                slot.extra().begun_at = Some(begun_at);
            }
            state.arm(key);
        } else {
            slot.slim();
            if slot.extra.is_some() {
                state.arm(key);
            }
        }
        state.trash.empty(&mut connection.input);
        if let Some(error) = surplus {
            state.trash.add_error(error);
        }
        connection.leave();
        let Some(slot) = state.slot(key) else {
            return;
        };
        if slot.has(flag::LEAVING) {
            // What has come meanwhile is received before it counts as idle.
            slot.set(flag::READABLE);
        }
        if slot.has(flag::AGAIN | flag::READABLE | flag::CLOSING | flag::FINISHED | flag::LEAVING) {
            slot.clear(flag::AGAIN);
            state.queue(key);
        }
    }

    /// The handler has been called for the last time.
    #[cold]
    fn finish_end(&self, key: Key, connection: &mut Connection) {
        let error = connection.error.take();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.put(key, &mut connection.output);
        state.send_all();
        connection.leave();
        let now = Time::now();
        if let Some(slot) = state.slot(key) {
            slot.clear(flag::BUSY);
            slot.set(flag::ENDED);
            let counted = slot.counted.as_ref().expect("it counts while it is there");
            let options = Arc::clone(&counted.remote().options);
            slot.extra().close_at = Some(now.after(options.close_timeout));
            if slot.has(flag::DETACHING) {
                slot.put_back(&mut connection.input);
            } else {
                slot.extra().stash = Default::default();
            }
            state.arm(key);
            self.may_close(state, key);
        }
        state.trash.empty(&mut connection.input);
        if let Some(error) = error {
            state.trash.add_error(error);
        }
    }

    /// Closes a connection, if all has been sent, or never will be.
    pub(super) fn may_close(&self, state: &mut State, key: Key) {
        let now = state.now;
        let Some(slot) = state.slot(key) else {
            return;
        };
        let close_at = slot.extra.as_ref().and_then(|extra| extra.close_at);
        let is_late = close_at.is_some_and(|at| at <= now);
        let at_once = self.is_stopping() || is_late || slot.has(flag::BROKEN);
        if at_once || (slot.unsent() == 0 && !state.lingers(key)) {
            state.close(key);
        }
    }
}

/// More is needed at once than [`Options::frame_limit`](super::Options::frame_limit).
pub(super) fn too_long(need: usize, most: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{need} bytes are needed at once, and the frame limit is {most}"),
    )
}
