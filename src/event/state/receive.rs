//! Receiving: from events to what a phase has to handle.
//!
//! Events are edges, so what they say is noted in the flags of a connection, and it is
//! read until a short read. What a connection cannot receive now, because it is paused,
//! full or its handler runs, is not forgotten: the flags say so.

use super::{ARENA, Part, State, WINDOW};
use crate::event::slot::{Key, flag};
use crate::poll::{self, Watched};
use crate::sys::epoll::Flags;
use crate::sys::socket::{self, Fault, options};
use crate::task::{Outcome, Time};

/// Something comes that will be thrown away.
const LINGERS: u32 = flag::LINGERING | flag::READABLE;

/// Nothing can be sent.
const NO_PEER: u32 = flag::HUNG_UP | flag::BROKEN;

impl State {
    /// Begins a phase: receives what its budget allows. Afterwards there are parts, or
    /// there was nothing.
    pub(in crate::event) fn gather(&mut self) {
        if self.events.is_empty() {
            poll::take_watched(&mut self.incoming);
            self.events.extend(self.incoming.drain(..));
        }
        self.now = Time::now();
        self.fire_timers();
        while self.arena.len() < self.phase_bytes {
            let Some(event) = self.events.pop_front() else {
                break;
            };
            self.on_event(event);
        }
        self.let_go();
        for _ in 0..self.ready.len() {
            if self.arena.len() >= self.phase_bytes {
                break;
            }
            let Some(key) = self.ready.pop_front() else {
                break;
            };
            if let Some(slot) = self.slot(key) {
                slot.clear(flag::QUEUED);
                self.attend(key);
            }
        }
    }

    /// Notes what has happened, without receiving anything.
    pub(in crate::event) fn note_events(&mut self) {
        poll::take_watched(&mut self.incoming);
        self.events.extend(self.incoming.drain(..));
        self.now = Time::now();
        self.fire_timers();
        while let Some(event) = self.events.pop_front() {
            let key = Key(event.key);
            if self.note_event(event) {
                self.queue(key);
            }
        }
    }

    #[inline]
    fn on_event(&mut self, event: Watched) {
        if self.note_event(event) {
            self.attend(Key(event.key));
        }
    }

    /// Returns whether something may be done about it.
    #[inline]
    fn note_event(&mut self, event: Watched) -> bool {
        let key = Key(event.key);
        let Some(slot) = self.slot(key) else {
            return false;
        };
        let ends = Flags::RDHUP | Flags::HUP | Flags::ERR;
        if event.flags.intersects(Flags::PRI | ends) {
            slot.set(flag::STICKY);
        }
        let room = Flags::OUT | Flags::HUP | Flags::ERR;
        if slot.has(flag::OPERATOR) {
            slot.need |= event.flags.bits();
            return true;
        }
        if event.flags.intersects(Flags::HUP | Flags::ERR) {
            slot.set(flag::HUNG_UP);
        }
        let is_full = slot.has(flag::FULL);
        if event.flags.intersects(Flags::IN | Flags::PRI | ends) {
            slot.set(flag::READABLE);
            if let Some(reader) = slot.extra.as_mut().and_then(|extra| extra.reader.take()) {
                reader.wake(Outcome::Woken);
            }
        }
        if is_full && event.flags.intersects(room) {
            self.drain(key);
        }
        true
    }

    /// Does for a connection what its flags say.
    #[inline]
    fn attend(&mut self, key: Key) {
        if self.holds(key) {
            return;
        }
        let Some(slot) = self.slot(key) else {
            return;
        };
        if slot.flags & (flag::NOT_NOW | flag::READABLE) == flag::READABLE
            || slot.flags & LINGERS == LINGERS
        {
            return self.receive(key);
        }
        if !slot.has(flag::BUSY) {
            if slot.has(flag::PAUSED) && slot.has(NO_PEER) {
                self.notice_the_end(key);
            }
            // What it is about is seen to when it is its turn.
            self.parts.push_back(Part { key, len: 0 });
        }
    }

    /// The peer of a connection that is paused has gone. That is its end, without anybody
    /// receiving the news; but what a peer has sent that left in order is for whoever
    /// resumes.
    #[cold]
    fn notice_the_end(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        if slot.has(flag::FINISHED | flag::CLOSING | flag::ENDED) {
            return;
        }
        if slot.has(flag::BROKEN) {
            // It was noticed in sending, before it was paused.
            slot.set(flag::FINISHED);
            return;
        }
        match options::take_error(slot.fd()) {
            Ok(Some(error)) | Err(error) => self.fail(key, error),
            Ok(None) if socket::unread(slot.fd()) > 0 => {}
            Ok(None) => slot.set(flag::FINISHED),
        }
    }

    fn receive(&mut self, key: Key) {
        let now = self.now;
        let slot = &mut self.slots[key.index()];
        if slot.has(flag::IN_PHASE) {
            // Whoever detaches it gets what there is, and that is all of it.
            return self.queue(key);
        }
        let sticky = slot.has(flag::STICKY);
        // What is buffered already counts: more than the mark only for who needs it.
        if let Some(extra) = &slot.extra {
            let counted = slot.counted.as_ref().expect("it counts while it is there");
            let most = (slot.need as usize).max(counted.remote().options.input_mark);
            if extra.stash.len() >= most {
                self.parts.push_back(Part { key, len: 0 });
                return;
            }
        }
        let fd = slot.fd();
        let received = loop {
            let received = self
                .arena
                .receive_window(WINDOW, ARENA, |room| socket::receive_into(fd, room));
            if received != Err(Fault::Interrupted) {
                break received;
            }
        };
        match received {
            Ok(0) => {
                slot.clear(flag::READABLE);
                slot.set(flag::FINISHED);
            }
            Ok(n) => {
                slot.active_at = now;
                slot.set(flag::IN_PHASE);
                if n < WINDOW && !sticky {
                    slot.clear(flag::READABLE);
                }
                self.parts.push_back(Part { key, len: n });
                return;
            }
            Err(Fault::WouldBlock | Fault::Interrupted) => slot.note_drained(),
            Err(Fault::Error(errno)) => {
                slot.clear(flag::READABLE);
                self.fail(key, errno);
            }
        }
        self.parts.push_back(Part { key, len: 0 });
    }

    /// Keeps the next bytes of the arena for a connection.
    pub(in crate::event) fn keep(&mut self, key: Key, len: usize) {
        if len == 0 {
            return;
        }
        // Taken out meanwhile, because both are in here.
        let mut stash = match self.slot(key) {
            Some(slot) => std::mem::take(&mut slot.extra().stash),
            None => return,
        };
        stash.add(&mut self.arena, len);
        if let Some(slot) = self.slot(key) {
            slot.extra().stash = stash;
        }
    }
}
