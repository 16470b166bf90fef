//! Running the handlers of one connection.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Next;
use super::connection::Connection;
use super::looper::Loop;
use super::session::Session;
use super::slot::{Callback, Key, flag};
use super::state::{KEPT, Part, State};
use crate::sched;
use crate::sys::epoll::Flags;
use crate::task::Time;

/// So often in a row a handler runs for one connection. Then the others have their turn.
const RUNS: usize = 32;

/// What is to be called.
enum Call {
    Start,
    Request,
    Operate(Flags),
    End,
}

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
        let is_end = matches!(call, Call::End);
        let verdict = match call {
            Call::Request => self.request(&mut *session, connection),
            Call::Start => match guarded(|| session.start(connection)) {
                Ok(()) => Verdict::Goes(0),
                Err(error) => Verdict::Closes(error),
            },
            Call::Operate(flags) => match guarded(|| session.operate(flags)) {
                Ok(Some(left)) => {
                    self.note_left(key, left);
                    Verdict::Goes(0)
                }
                Ok(None) => Verdict::Closes(None),
                Err(error) => Verdict::Closes(error),
            },
            Call::End => {
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
                Verdict::Goes(0)
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
        if is_end {
            // Its context is gone; what is left of it are references.
            drop(session);
            self.finish_end(key, connection);
        } else {
            self.finish(key, verdict, session, connection);
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

    /// Takes what is to be called out of the connection's place, and fills the working
    /// set.
    #[inline]
    fn begin(&self, part: Part, connection: &mut Connection) -> Option<(Call, Box<dyn Session>)> {
        let Part { key, len } = part;
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let now = state.now;
        if state.slot(key).is_none() {
            skip(&mut state.arena, len);
            return None;
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
        if there == 0 {
            if is_finished || (is_leaving && (is_paused || flags & flag::READABLE == 0)) {
                return self.begin_end(state, key, connection);
            }
            return None;
        }
        if !is_finished && (flags & flag::OVER != 0 || there < need) {
            if is_leaving && is_paused && flags & flag::OVER == 0 {
                // Nobody reads the rest of it.
                skip(&mut state.arena, len);
                return self.begin_end(state, key, connection);
            }
            if len > 0 {
                state.keep(key, len);
                let extra = state.slot(key)?.extra();
                extra.begun_at.get_or_insert(now);
                state.arm(key);
                if state.slot(key)?.has(flag::READABLE) {
                    state.queue(key);
                }
            }
            return None;
        }
        slot.set(flag::BUSY);
        slot.clear(flag::AGAIN);
        let session = slot.session.take()?;
        if stashed > 0 {
            let mut stash = std::mem::take(&mut slot.extra().stash);
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
            // Who gets the socket gets this.
            state.keep(key, len);
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
        if let Some(extra) = &mut slot.extra {
            connection.error = extra.error.take();
            if let Some(shared) = &extra.shared {
                shared.end();
            }
        }
        Some((Call::End, session))
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
            let next = match guarded(|| session.request(connection)) {
                Ok(next) => next,
                Err(error) => return Verdict::Closes(error),
            };
            let left = connection.input.len();
            let has_consumed = connection.consumed() > before;
            connection.input.release_keeping(KEPT);
            match next {
                Next::Close => return Verdict::Closes(None),
                Next::Again if left == 0 => return Verdict::Goes(0),
                Next::Need(n) if n > left => match u32::try_from(n) {
                    Ok(need) => return Verdict::Goes(need),
                    Err(_) => return Verdict::Closes(Some(too_long(n))),
                },
                Next::Again | Next::Need(_) if has_consumed => {}
                // It has seen all of this, and wants none of it.
                Next::Again | Next::Need(_) => {
                    self.count_stalled(connection.key());
                    return Verdict::Goes(left as u32 + 1);
                }
            }
            if connection.is_closing() {
                return Verdict::Closes(None);
            }
        }
        Verdict::Again
    }

    fn count_stalled(&self, key: Key) {
        let mut state = self.state.borrow_mut();
        if let Some(counted) = state.slot(key).and_then(|slot| slot.counted.as_ref()) {
            let tally = &counted.remote().tally;
            tally.stalled.fetch_add(1, Ordering::Relaxed);
        }
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
        let (mut limit, mut surplus) = (None, None);
        match verdict {
            Verdict::Goes(need) => {
                if need > 0 {
                    slot.need = need;
                    let counted = slot.counted.as_ref().expect("it counts while it is there");
                    let most = counted.remote().options.frame_limit;
                    limit = (need as usize > most).then_some(need as usize);
                    if slot.has(flag::FINISHED) {
                        // It will not come.
                        slot.set(flag::CLOSING);
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
        if let Some(need) = limit {
            slot.set(flag::CLOSING | flag::ABRUPT);
            slot.extra().error.get_or_insert_with(|| too_long(need));
        }
        let is_closing = slot.has(flag::CLOSING);
        if left > 0 && (!is_closing || slot.has(flag::DETACHING)) {
            slot.put_back(&mut connection.input);
            slot.extra().begun_at = Some(now);
            state.arm(key);
        } else if let Some(extra) = &mut slot.extra {
            extra.begun_at = None;
            slot.slim();
        }
        empty(&mut connection.input, state);
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
        empty(&mut connection.input, state);
        drop(error);
    }

    /// Closes a connection, if all has been sent, or never will be.
    fn may_close(&self, state: &mut State, key: Key) {
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

fn skip(arena: &mut crate::buf::LinkBuffer, len: usize) {
    let there = arena.try_skip(len);
    debug_assert!(there.is_some());
}

/// Makes the working set's input ready for the next connection.
#[inline]
fn empty(input: &mut crate::buf::LinkBuffer, state: &mut State) {
    if input.is_empty() {
        // It has kept a block for what comes next, unless the handler has not run.
        input.release_keeping(KEPT);
    } else {
        state.trash.add(std::mem::take(input));
    }
}

fn too_long(need: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{need} bytes are needed at once, which is more than the limit"),
    )
}

/// Calls what is a user's. The error is `None` if it panicked.
#[inline]
fn guarded<T>(call: impl FnOnce() -> io::Result<T>) -> Result<T, Option<io::Error>> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Some(error)),
        Err(payload) => {
            sched::task_panicked(&*payload);
            // Its destructor may panic, too.
            let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
            Err(Some(io::Error::other(Panicked)))
        }
    }
}

/// The cause of the error that a connection ends with whose handler has panicked.
#[derive(Debug)]
struct Panicked;

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the handler panicked")
    }
}

impl std::error::Error for Panicked {}
