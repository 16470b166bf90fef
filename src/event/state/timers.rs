//! What takes too long.
//!
//! Activity only writes down when it was. A connection has one entry among the timers, and
//! when that fires, it is found out whether something is due, or when to look again.
//!
//! Entries of connections that are gone stay, until there are more of them than
//! connections: then all of them are swept out at once.

use std::cmp::Reverse;
use std::io;
use std::time::Duration;

use super::State;
use crate::event::deadlines::read_too_late;
use crate::event::slot::{Key, Slot, flag};
use crate::sys::socket;
use crate::task::{Outcome, Time};

/// When it is looked again whether what has come was all that was missing.
const AGAIN: Duration = Duration::from_millis(1);
/// Fewer entries than this are not worth a sweep.
const SWEEP: usize = 64;

/// What takes too long.
#[derive(Clone, Copy)]
enum Late {
    Closing,
    Frame,
    Output,
    Idle,
    Deadline,
}

impl Late {
    fn error(self) -> io::Error {
        let what = match self {
            Self::Deadline => return read_too_late(),
            Self::Closing => "what was written could not be sent in time",
            Self::Frame => "the peer did not complete in time what it began to send",
            Self::Output => "the peer did not take in time what was sent",
            Self::Idle => "nothing happened for too long",
        };
        io::Error::new(io::ErrorKind::TimedOut, what)
    }
}

impl State {
    /// When something about a connection takes too long, and what.
    fn due(slot: &Slot) -> Option<(Time, Late)> {
        let options = &slot.counted.as_ref()?.remote().options;
        let own = (slot.extra.as_ref()).and_then(|extra| extra.timeouts.as_deref());
        let (read, write, idle) = match own {
            Some(own) => (own.read, own.write, own.idle),
            None => (
                options.read_timeout,
                options.write_timeout,
                options.idle_timeout,
            ),
        };
        let mut due = None;
        let mut at = |time: Time, late| {
            if due.is_none_or(|(first, _)| time < first) {
                due = Some((time, late));
            }
        };
        if let Some(extra) = &slot.extra {
            if let Some(close_at) = extra.close_at {
                return Some((close_at, Late::Closing));
            }
            if let (Some(timeout), Some(begun_at)) = (read, extra.begun_at)
                && !slot.has(flag::WITHHELD)
            {
                at(begun_at.after(timeout), Late::Frame);
            }
            if let (Some(timeout), Some(full_at)) = (write, extra.full_at) {
                at(full_at.after(timeout), Late::Output);
            }
            if let Some(deadline) = extra.read_deadline
                && !slot.has(flag::NO_DEADLINE)
            {
                at(deadline, Late::Deadline);
            }
        }
        if let Some(timeout) = idle {
            at(slot.active_at.after(timeout), Late::Idle);
        }
        due
    }

    /// Sees to it that the connection is looked at in time.
    pub(in crate::event) fn arm(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        if let Some((at, _)) = Self::due(slot)
            && at < slot.timer
        {
            slot.timer = at;
            self.timers.push(Reverse((at, key)));
            if self.timers.len() > SWEEP + 2 * self.taken {
                self.sweep();
            }
        }
    }

    /// What the peer sends is waited for again, and it has its time for that.
    pub(super) fn wait_again(&mut self, key: Key) {
        let now = self.now;
        if let Some(slot) = self.slot(key) {
            if let Some(begun_at) = slot.extra.as_mut().and_then(|it| it.begun_at.as_mut()) {
                *begun_at = now;
            }
            self.arm(key);
        }
    }

    /// Drops the entries that mean nothing any more. One at most is left of each
    /// connection, so there are as many new ones before the next time.
    #[cold]
    fn sweep(&mut self) {
        let mut timers = std::mem::take(&mut self.timers);
        timers.retain(|Reverse((at, key))| self.slot(*key).is_some_and(|slot| slot.timer == *at));
        self.timers = timers;
    }

    /// When the next timer fires.
    pub(in crate::event) fn next_timer(&self) -> Time {
        self.timers
            .peek()
            .map_or(Time::NEVER, |Reverse((at, _))| *at)
    }

    /// Looks at the connections whose time may have come. Mostly something has happened
    /// since, and all there is to do is to look again later.
    pub(super) fn fire_timers(&mut self) {
        while let Some(Reverse((at, key))) = self.timers.peek().copied() {
            if at > self.now {
                return;
            }
            self.timers.pop();
            let now = self.now;
            let Some(slot) = self.slot(key).filter(|slot| slot.timer == at) else {
                continue;
            };
            slot.timer = Time::NEVER;
            if (slot.has(flag::BUSY) || slot.awaits_answers()) && !slot.has(flag::ENDED) {
                // A handler runs, or somebody else who answers. Something is happening.
                slot.active_at = now;
            }
            if slot.has(flag::HELD) {
                // It is not the peer that is waited for, but others of this worker.
                slot.active_at = now;
            }
            match Self::due(slot) {
                Some((at, Late::Deadline)) if at <= now => self.pass_deadline(key),
                Some((at, _)) if at <= now && self.is_behind(key) => {}
                Some((at, late)) if at <= now => self.time_out(key, late),
                Some(_) => self.arm(key),
                None => {}
            }
        }
    }

    /// Whether it is this worker that has not received what came in time. Then it is
    /// received first.
    fn is_behind(&mut self, key: Key) -> bool {
        let now = self.now;
        let Some(slot) = self.slot(key) else {
            return false;
        };
        let is_unseen = slot.has(flag::IN_PHASE)
            || !slot.has(flag::NOT_NOW | flag::FULL) && socket::unread(slot.fd()) > 0;
        if !is_unseen {
            return false;
        }
        slot.active_at = now;
        slot.set(flag::READABLE);
        // What comes does not make it younger, only what completes it.
        slot.timer = now.after(AGAIN);
        let again = (slot.timer, key);
        self.timers.push(Reverse(again));
        self.queue(key);
        true
    }

    /// Nothing is received any more. What was is handled first, whichever worker is behind.
    fn pass_deadline(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        let waits_for_its_turn = slot.has(flag::IN_PHASE)
            || slot.has(flag::QUEUED) && slot.stashed() >= (slot.need as usize).max(1);
        if waits_for_its_turn {
            slot.set(flag::LATE);
        } else {
            self.time_out(key, Late::Deadline);
        }
    }

    fn time_out(&mut self, key: Key, late: Late) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        // Who is late with what it sends may take what is sent.
        let takes_nothing = !matches!(late, Late::Frame | Late::Deadline);
        let is_full = slot.has(flag::FULL) && takes_nothing;
        slot.set(flag::CLOSING);
        slot.tell_handles();
        let extra = slot.extra();
        extra.error.get_or_insert_with(|| late.error());
        if let Some(reader) = extra.reader.take() {
            reader.wake(Outcome::Woken);
        }
        if is_full {
            // It would not be sent now either.
            slot.set(flag::BROKEN);
            self.drop_output(key);
            self.room(key);
        }
        self.queue(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Options;
    use crate::event::state::tests::{adoption, on_a_worker};
    use std::time::Duration;

    #[test]
    fn connections_that_are_gone_leave_no_timers() {
        on_a_worker(|| {
            let mut state = State::new(1);
            let options = Options::new().idle_timeout(Duration::from_secs(3600));
            let stays = state.adopt(adoption(&options));
            for _ in 0..1000 {
                let key = state.adopt(adoption(&options));
                state.free(key);
            }
            let left = state.timers.len();
            assert!(left <= SWEEP + 2 * 2, "{left} entries for one connection");
            let stays = |entry: &Reverse<(Time, Key)>| entry.0.1 == stays;
            assert_eq!(state.timers.iter().filter(|entry| stays(entry)).count(), 1);
        });
    }
}
