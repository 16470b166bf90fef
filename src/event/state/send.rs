//! Sending: what the handlers of a phase have written, and what the sockets did not take.
//!
//! What is written in a phase lies in one buffer, in the order of those who wrote it. What
//! a socket does not take moves to a buffer of its connection, until there is room.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;

use super::{ARENA, State, WINDOW};
use crate::buf::LinkBuffer;
use crate::event::slot::{Key, flag};
use crate::sys::socket::{self, Errno, Fault};
use crate::task::Outcome;

/// So many pieces are sent at once.
const PIECES: usize = 64;

impl State {
    /// Has what was written sent at the end of the phase.
    #[inline]
    pub(in crate::event) fn put(&mut self, key: Key, output: &mut LinkBuffer) {
        let n = output.malloc_len() + output.len();
        if n == 0 {
            return;
        }
        // Who lingers has said that there will be no more: to try would be its end.
        let is_over = flag::BROKEN | flag::LINGERING;
        if self.slot(key).is_none_or(|slot| slot.has(is_over)) {
            return self.trash.add(std::mem::take(output));
        }
        self.output.take_all(output);
        self.dirty.push((key, n));
        self.trash.empty(output);
        if self.output.len() > self.phase_bytes {
            // Large replies to many small requests.
            self.send_all();
        }
    }

    /// How much waits for the end of the phase, of all connections.
    pub(in crate::event) fn put_bytes(&self) -> usize {
        self.output.len()
    }

    /// Sends what the handlers have written.
    pub(in crate::event) fn send_all(&mut self) {
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
                    return self.fail_to_send(key, errno);
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
    pub(in crate::event) fn drain(&mut self, key: Key) {
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
                self.fail_to_send(key, errno);
            }
        }
    }

    /// Less waits to be sent than before.
    pub(in crate::event) fn room(&mut self, key: Key) {
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
        let was_over = unsent <= low && slot.has(flag::OVER);
        if was_over {
            slot.clear(flag::OVER);
        }
        if let Some(writer) = writer {
            writer.wake(Outcome::Woken);
        }
        if let Some(shared) = shared {
            shared.unsent.store(unsent, Ordering::SeqCst);
            if unsent <= low {
                shared.wake_writers();
            }
        }
        if let Some(slot) = self.slot(key) {
            slot.slim();
        }
        if was_over {
            self.wait_again(key);
        }
        if unsent <= low {
            self.queue(key);
        }
    }

    /// Nothing can be sent any more. What the peer sent before it went is received, and
    /// handled.
    #[cold]
    fn fail_to_send(&mut self, key: Key, error: Errno) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        if slot.has(flag::PAUSED) {
            return self.fail(key, error);
        }
        // It is read until it says that there is nothing more.
        slot.set(flag::BROKEN | flag::READABLE | flag::STICKY);
        slot.tell_handles();
        let extra = slot.extra();
        extra.error.get_or_insert_with(|| error.into());
        if let Some(reader) = extra.reader.take() {
            // For a handler that waits there will be no event.
            reader.wake(Outcome::Woken);
        }
        self.drop_output(key);
        self.room(key);
        self.queue(key);
    }

    /// A connection has failed: nothing more comes from it, or goes to it. The handler
    /// still sees what came before.
    pub(in crate::event) fn fail(&mut self, key: Key, error: impl Into<io::Error>) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        slot.set(flag::FINISHED | flag::BROKEN);
        slot.tell_handles();
        let extra = slot.extra();
        extra.error.get_or_insert_with(|| error.into());
        self.drop_output(key);
        self.room(key);
        self.queue(key);
    }

    /// Has the peer learn at once that a connection ends whose handler is parked, for
    /// however long: it is closed only when that has come back.
    pub(in crate::event) fn tell_the_end(&mut self, key: Key) {
        if let Some(slot) = self.slot(key)
            && slot.has(flag::BUSY)
            && !slot.has(flag::OPERATOR)
            && let Some(fd) = &slot.fd
        {
            // It fails if the peer has gone, and knows.
            let _ = socket::shutdown(fd.as_fd(), Shutdown::Both);
        }
    }

    /// What waits to be sent will not be.
    pub(in crate::event) fn drop_output(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else {
            return;
        };
        slot.clear(flag::FULL);
        if let Some(extra) = &mut slot.extra {
            // Nobody is late with taking it, either.
            extra.full_at = None;
            if let Some(output) = extra.output.take() {
                self.trash.add(*output);
            }
        }
    }
}

/// Sends the next `n` bytes of a buffer, until the socket is full. Returns how many are
/// left.
#[inline]
fn send_some(fd: BorrowedFd<'_>, from: &mut LinkBuffer, n: usize) -> Result<usize, (Errno, usize)> {
    let mut left = n;
    while left > 0 {
        let sent = match from.piece_of(left) {
            Some(all) => socket::send(fd, all),
            None => {
                let mut slices = [IoSlice::new(&[]); PIECES];
                let used = from.slices_of(left, &mut slices);
                socket::send_vectored(fd, &slices[..used])
            }
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
