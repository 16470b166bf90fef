//! What a loop knows, and what it does without calling anybody.
//!
//! Nothing here runs code of a user's, not even a destructor: what may have one is put into
//! the [`Trash`], which the driver empties when the state is not borrowed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Options;
use super::even::Look;
use super::handle::Shared;
use super::remote::{Adoption, Counted, Ending, Remote, lock};
use super::session::Session;
use super::slot::{Key, Slot, flag};
use crate::buf::LinkBuffer;
use crate::poll::{self, Watched};
use crate::sys::epoll::Flags;
use crate::sys::socket::{self, Errno, Fault};
use crate::task::{Outcome, Time};

/// What one call may receive. A phase may begin it where its budget is all but used.
const WINDOW: usize = 64 << 10;

/// A block for the input of a phase.
const ARENA: usize = 128 << 10;

/// So many pieces are sent at once.
const PIECES: usize = 16;

/// Something comes that will be thrown away.
const LINGERS: u32 = flag::LINGERING | flag::READABLE;

/// What a buffer keeps that is used for one connection after the other.
pub(super) const KEPT: usize = 4 << 10;

/// What handles have asked for.
struct Wishes {
    output: LinkBuffer,
    close: bool,
    detach: bool,
    pause: Option<bool>,
}

/// What was received for one connection, or that something else is to be done for it.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) key: Key,
    /// So much of the arena, behind what belongs to earlier parts.
    pub(super) len: usize,
}

/// What has a destructor of a user's, perhaps.
#[derive(Default)]
pub(super) struct Trash {
    slots: Vec<Slot>,
    buffers: Vec<LinkBuffer>,
    errors: Vec<io::Error>,
    /// Bytes that were sent.
    sent: LinkBuffer,
    is_full: bool,
}

impl Trash {
    pub(super) fn add(&mut self, buffer: LinkBuffer) {
        self.buffers.push(buffer);
        self.is_full = true;
    }

    pub(super) fn add_error(&mut self, error: io::Error) {
        self.errors.push(error);
        self.is_full = true;
    }

    pub(super) fn add_slot(&mut self, slot: Slot) {
        self.slots.push(slot);
        self.is_full = true;
    }

    /// Gives back what was read in a buffer.
    fn take_read(&mut self, from: &mut LinkBuffer) {
        from.release_to(&mut self.sent);
        self.is_full |= self.sent.held() > 0;
    }

    /// What is to be dropped, if there is something.
    pub(super) fn take(&mut self) -> Option<Self> {
        self.is_full.then(|| std::mem::take(self))
    }
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

    // Coming and going.

    /// A place that is free, which becomes taken when something is counted there.
    fn place(&mut self) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::empty());
            (self.slots.len() - 1) as u32
        });
        let generation = self.slots[index as usize].generation;
        Key(u64::from(generation) << 32 | u64::from(index))
    }

    /// Takes an operator, and watches its descriptor. That it cannot be watched is its end.
    pub(super) fn operate(
        &mut self,
        session: Box<dyn Session>,
        shared: Arc<Shared>,
        counted: Counted,
    ) -> Key {
        let key = self.place();
        let watched = match session.descriptor() {
            Some(fd) => poll::watch(fd, key.0),
            None => Ok(()),
        };
        let slot = &mut self.slots[key.index()];
        slot.flags = flag::OPERATOR | flag::STARTED;
        slot.need = 0;
        slot.session = Some(session);
        (slot.active_at, slot.timer) = (self.now, Time::NEVER);
        slot.counted = Some(counted);
        slot.extra().shared = Some(shared);
        if let Err(error) = watched {
            slot.set(flag::CLOSING);
            slot.extra().error = Some(error);
        }
        self.taken += 1;
        key
    }

    /// Takes a connection, and watches it. That it cannot be watched is its end.
    pub(super) fn adopt(&mut self, adoption: Adoption) -> Key {
        let key = self.place();
        let watched = poll::watch(adoption.fd.as_fd(), key.0);
        let slot = &mut self.slots[key.index()];
        slot.fd = Some(adoption.fd);
        slot.session = Some(adoption.session);
        slot.flags = 0;
        slot.need = 0;
        slot.active_at = self.now;
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
        slot.slim();
        self.taken += 1;
        self.arm(key);
        key
    }

    /// Frees the place of a connection, and gives back what was there.
    pub(super) fn free(&mut self, key: Key) -> Option<Slot> {
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
    pub(super) fn take_fd(&mut self, key: Key) -> Option<OwnedFd> {
        // Its place is freed as any other, which takes a descriptor to be there.
        let dead = socket::dead().ok()?;
        let fd = self.slot(key)?.fd.replace(dead)?;
        poll::unwatch(fd.as_fd());
        Some(fd)
    }

    /// Takes a connection away that does nothing, if it is of this event loop, for another
    /// worker.
    pub(super) fn give_away(
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
            sticky: slot.flags & flag::STICKY != 0,
            counted: Counted::new(to),
        })
    }

    pub(super) fn options(&mut self, key: Key) -> Option<Arc<Options>> {
        let counted = self.slot(key)?.counted.as_ref()?;
        Some(Arc::clone(&counted.remote().options))
    }

    // Receiving.

    /// Begins a phase: receives what its budget allows. Afterwards there are parts, or
    /// there was nothing.
    pub(super) fn gather(&mut self) {
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
    pub(super) fn note_events(&mut self) {
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

    /// Whether it is time to see how busy the other workers are.
    #[inline]
    pub(super) fn looks(&self) -> bool {
        self.now >= self.look.next && self.parts.is_empty()
    }

    /// Whether a phase has something to begin with.
    pub(super) fn has_work(&self) -> bool {
        !self.events.is_empty() || !self.ready.is_empty()
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
        let Some(slot) = self.slot(key) else {
            return;
        };
        if slot.flags & (flag::NOT_NOW | flag::READABLE) == flag::READABLE
            || slot.flags & LINGERS == LINGERS
        {
            return self.receive(key);
        }
        if !slot.has(flag::BUSY) {
            // What it is about is seen to when it is its turn.
            self.parts.push_back(Part { key, len: 0 });
        }
    }

    fn receive(&mut self, key: Key) {
        let now = self.now;
        let slot = &mut self.slots[key.index()];
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
                if n < WINDOW && !sticky {
                    slot.clear(flag::READABLE);
                }
                self.parts.push_back(Part { key, len: n });
                return;
            }
            Err(Fault::WouldBlock | Fault::Interrupted) => slot.clear(flag::READABLE),
            Err(Fault::Error(errno)) => {
                slot.clear(flag::READABLE);
                self.fail(key, errno);
            }
        }
        self.parts.push_back(Part { key, len: 0 });
    }

    /// Keeps the next bytes of the arena for a connection.
    pub(super) fn keep(&mut self, key: Key, len: usize) {
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

    /// A connection has failed: nothing more comes from it, or goes to it. The handler
    /// still sees what came before.
    pub(super) fn fail(&mut self, key: Key, errno: Errno) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        slot.set(flag::FINISHED | flag::BROKEN);
        let extra = slot.extra();
        extra.error.get_or_insert_with(|| errno.into());
        self.drop_output(key);
        self.room(key);
        self.queue(key);
    }

    /// What waits to be sent will not be.
    pub(super) fn drop_output(&mut self, key: Key) {
        let extra = self.slot(key).and_then(|slot| slot.extra.as_mut());
        if let Some(output) = extra.and_then(|extra| extra.output.take()) {
            self.trash.add(*output);
        }
    }

    // Sending.

    /// Has what was written sent at the end of the phase.
    #[inline]
    pub(super) fn put(&mut self, key: Key, output: &mut LinkBuffer) {
        let n = output.malloc_len() + output.len();
        if n == 0 {
            return;
        }
        let Some(slot) = self.slot(key) else {
            return;
        };
        if slot.has(flag::BROKEN) {
            return self.trash.add(std::mem::take(output));
        }
        self.output.take_all(output);
        self.dirty.push((key, n));
        output.recycle(KEPT);
    }

    /// How much waits for the end of the phase, of all connections.
    pub(super) fn put_bytes(&self) -> usize {
        self.output.len()
    }

    /// Sends what the handlers have written.
    pub(super) fn send_all(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for (key, n) in dirty.drain(..) {
            self.send_next(key, n);
        }
        self.dirty = dirty;
        self.trash.take_read(&mut self.output);
        self.output.recycle(WINDOW);
    }

    #[inline]
    fn send_next(&mut self, key: Key, n: usize) {
        let (now, index) = (self.now, key.index());
        let slot = match self.slots.get_mut(index) {
            Some(slot) if slot.generation == key.generation() && slot.counted.is_some() => slot,
            _ => return self.skip_output(n),
        };
        if slot.has(flag::BROKEN) {
            return self.skip_output(n);
        }
        let mut left = n;
        if slot.unsent() == 0 {
            match send_some(slot.fd(), &mut self.output, n) {
                Ok(0) => {
                    slot.active_at = now;
                    return;
                }
                Ok(unsent) => left = unsent,
                Err((errno, unsent)) => {
                    self.skip_output(unsent);
                    return self.fail(key, errno);
                }
            }
        }
        // What waits must not keep a block of many others.
        let waiting = slot.extra();
        let buffer = waiting.output.get_or_insert_default();
        if left < ARENA {
            self.output.copy(left, buffer);
        } else {
            self.output.give(left, buffer);
        }
        waiting.full_at.get_or_insert(now);
        let unsent = buffer.len();
        if let Some(shared) = &waiting.shared {
            shared.unsent.store(unsent, Ordering::SeqCst);
        }
        slot.set(flag::FULL);
        let counted = slot.counted.as_ref().expect("it counts while it is there");
        if unsent > counted.remote().options.high_mark {
            slot.set(flag::OVER);
        }
        self.arm(key);
    }

    fn skip_output(&mut self, n: usize) {
        let there = self.output.try_skip(n);
        debug_assert!(there.is_some());
        self.trash.take_read(&mut self.output);
    }

    /// There may be room for what waits to be sent.
    pub(super) fn drain(&mut self, key: Key) {
        let now = self.now;
        let Some(slot) = self.slot(key) else {
            return;
        };
        // Taken out meanwhile, because what is sent goes to the trash.
        let Some(mut output) = slot.extra.as_mut().and_then(|extra| extra.output.take()) else {
            return;
        };
        let before = output.len();
        let sent = send_some(slot.fd(), &mut output, before);
        self.trash.take_read(&mut output);
        match sent {
            Ok(left) => {
                let slot = &mut self.slots[key.index()];
                slot.active_at = now;
                let extra = slot.extra();
                if left == 0 {
                    extra.full_at = None;
                    slot.clear(flag::FULL);
                    self.trash.add(*output);
                } else {
                    if left < before {
                        extra.full_at = Some(now);
                    }
                    extra.output = Some(output);
                }
                self.room(key);
            }
            Err((errno, _)) => {
                self.trash.add(*output);
                self.fail(key, errno);
            }
        }
    }

    /// Less waits to be sent than before.
    fn room(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        let counted = slot.counted.as_ref().expect("it counts while it is there");
        let low = counted.remote().options.low_mark;
        let unsent = slot.unsent();
        let (shared, writer) = match &mut slot.extra {
            Some(extra) if unsent <= low => (extra.shared.clone(), extra.writer.take()),
            Some(extra) => (extra.shared.clone(), None),
            None => (None, None),
        };
        if unsent <= low {
            slot.clear(flag::OVER);
        }
        slot.slim();
        if let Some(writer) = writer {
            writer.wake(Outcome::Woken);
        }
        if let Some(shared) = shared {
            shared.unsent.store(unsent, Ordering::SeqCst);
            if unsent <= low {
                shared.wake_writers();
            }
        }
        if unsent <= low {
            self.queue(key);
        }
    }

    // What handles want.

    /// Does what the handles of a connection want. Returns whether it is here.
    pub(super) fn look(&mut self, shared: &Arc<Shared>, key: Key) -> bool {
        let mine = |slot: &&mut Slot| {
            let extra = slot.extra.as_ref();
            extra.is_some_and(|extra| {
                extra
                    .shared
                    .as_ref()
                    .is_some_and(|own| Arc::ptr_eq(own, shared))
            })
        };
        if self.slot(key).filter(mine).is_none() {
            return false;
        }
        let mut wishes = {
            let mut inbox = lock(&shared.inbox);
            inbox.noted = false;
            Wishes {
                output: std::mem::take(&mut inbox.output),
                close: inbox.close,
                detach: inbox.detach,
                pause: inbox.pause.take(),
            }
        };
        self.put(key, &mut wishes.output);
        self.send_all();
        // Those who wait compare with what is in both.
        shared.queued.store(0, Ordering::SeqCst);
        {
            // What came in between is still counted.
            let again = lock(&shared.inbox);
            let queued = again.output.malloc_len();
            shared.queued.store(queued, Ordering::SeqCst);
        }
        shared.wake_writers();
        if let Some(slot) = self.slot(key) {
            if wishes.detach && !slot.has(flag::CLOSING) {
                slot.set(flag::DETACHING);
            }
            if wishes.close || wishes.detach {
                slot.set(flag::CLOSING | flag::ABRUPT);
                slot.wake_handler();
                shared.end();
            }
            match wishes.pause {
                Some(true) => slot.set(flag::PAUSED),
                Some(false) => slot.clear(flag::PAUSED),
                None => {}
            }
        }
        self.queue(key);
        true
    }

    // Time.

    /// When something about a connection takes too long, and what.
    fn due(slot: &Slot) -> Option<(Time, &'static str)> {
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
        let mut at = |time: Time, what| {
            if due.is_none_or(|(first, _)| time < first) {
                due = Some((time, what));
            }
        };
        if let Some(extra) = &slot.extra {
            if let Some(close_at) = extra.close_at {
                return Some((close_at, "what was written could not be sent in time"));
            }
            if let (Some(timeout), Some(begun_at)) = (read, extra.begun_at) {
                at(
                    begun_at.after(timeout),
                    "the peer did not complete in time what it began to send",
                );
            }
            if let (Some(timeout), Some(full_at)) = (write, extra.full_at) {
                at(
                    full_at.after(timeout),
                    "the peer did not take in time what was sent",
                );
            }
        }
        if let Some(timeout) = idle {
            at(
                slot.active_at.after(timeout),
                "nothing happened for too long",
            );
        }
        due
    }

    /// Sees to it that the connection is looked at in time.
    pub(super) fn arm(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        if let Some((at, _)) = Self::due(slot)
            && at < slot.timer
        {
            slot.timer = at;
            self.timers.push(Reverse((at, key)));
        }
    }

    /// When the next timer fires.
    pub(super) fn next_timer(&self) -> Time {
        self.timers
            .peek()
            .map_or(Time::NEVER, |Reverse((at, _))| *at)
    }

    /// Looks at the connections whose time may have come. Mostly something has happened
    /// since, and all there is to do is to look again later.
    fn fire_timers(&mut self) {
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
            if slot.has(flag::BUSY) && !slot.has(flag::ENDED) {
                // A handler runs. Something is happening.
                slot.active_at = now;
            }
            match Self::due(slot) {
                Some((at, what)) if at <= now => self.time_out(key, what),
                Some(_) => self.arm(key),
                None => {}
            }
        }
    }

    fn time_out(&mut self, key: Key, what: &'static str) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        let is_full = slot.has(flag::FULL);
        slot.set(flag::CLOSING);
        let extra = slot.extra();
        let error = || io::Error::new(io::ErrorKind::TimedOut, what);
        extra.error.get_or_insert_with(error);
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

/// Sends the next `n` bytes of a buffer, until the socket is full. Returns how many are
/// left.
#[inline]
fn send_some(fd: BorrowedFd<'_>, from: &mut LinkBuffer, n: usize) -> Result<usize, (Errno, usize)> {
    let mut left = n;
    while left > 0 {
        let mut slices = [IoSlice::new(&[]); PIECES];
        let used = from.slices_of(left, &mut slices);
        let sent = match &slices[..used] {
            [only] => socket::send(fd, only),
            slices => socket::send_vectored(fd, slices),
        };
        match sent {
            Ok(sent) => {
                left -= sent;
                let there = from.try_skip(sent);
                debug_assert!(there.is_some());
            }
            Err(Fault::WouldBlock) => break,
            Err(Fault::Interrupted) => {}
            Err(Fault::Error(errno)) => return Err((errno, left)),
        }
    }
    Ok(left)
}
