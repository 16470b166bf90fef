//! What is in a queue, and who waits for room.
//!
//! ```text
//!   push ----+------------------------> pending ----> the flusher's batch ----> written
//!            |                             ^
//!            +--> line (waits for room) ---+  granted: its room is taken already
//!
//!        held = granted + pending + what is left of the batch   <=  bound
//! ```
//!
//! Room is granted to those in line from the front on, by taking them out of it: who wakes
//! and is not in line any more may append. So a whole line gets going at once, and nobody
//! who comes later overtakes it.

use std::collections::VecDeque;
use std::io;

use crate::buf::{COPIED, LinkBuffer};
use crate::fd::{Closed, again};
use crate::task::{Outcome, WaitList, Waker};

/// Figures of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// How many frames were accepted.
    pub frames: u64,
    /// How many bytes that were.
    pub bytes: u64,
    /// How many bytes have been written.
    pub written: u64,
    /// How many calls that took. On a socket each is one system call, unless it had to
    /// wait for room there.
    pub writes: u64,
}

/// See the [module](self).
pub(super) struct State<W> {
    /// Not there while the flusher has it, nor after the end.
    pub(super) writer: Option<W>,
    pub(super) stage: Stage,
    /// There is a flusher, or there is about to be one.
    is_flushing: bool,
    pub(super) metrics: Metrics,
    /// Those who wait until something has been written.
    pub(super) watchers: WaitList,
    /// How many bytes the flusher has taken and not written.
    pub(super) in_batch: usize,
    pending: LinkBuffer,
    held: usize,
    bound: usize,
    line: VecDeque<InLine>,
    next_ticket: u64,
}

#[derive(Debug)]
pub(super) enum Stage {
    Open,
    /// Nothing more is accepted; what was, is sent.
    Closing,
    /// Nothing more is sent.
    Ended(io::Error),
}

/// Who waits for room.
struct InLine {
    /// They rise from the front to the back.
    ticket: u64,
    len: usize,
    waker: Waker,
}

impl<W> State<W> {
    pub(super) fn new(writer: W, bound: usize) -> Self {
        Self {
            writer: Some(writer),
            stage: Stage::Open,
            is_flushing: false,
            metrics: Metrics::default(),
            watchers: WaitList::new(),
            in_batch: 0,
            pending: LinkBuffer::new(),
            held: 0,
            bound,
            line: VecDeque::new(),
            next_ticket: 0,
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing is left, and the writer is back.
    pub(super) fn is_idle(&self) -> bool {
        self.held == 0 && !self.is_flushing
    }

    /// The error of the end.
    pub(super) fn failure(&self) -> Option<io::Error> {
        match &self.stage {
            Stage::Ended(error) => Some(again(error)),
            Stage::Open | Stage::Closing => None,
        }
    }

    /// Why nobody may push.
    pub(super) fn refusal(&self) -> Option<io::Error> {
        match &self.stage {
            Stage::Open => None,
            Stage::Closing => Some(Closed::error()),
            Stage::Ended(error) => Some(again(error)),
        }
    }

    // Room.

    fn fits(&self, len: usize) -> bool {
        self.held == 0 || self.held + len <= self.bound
    }

    /// Takes room, if there is some and nobody waits for it.
    pub(super) fn reserve(&mut self, len: usize) -> bool {
        let may = self.line.is_empty() && self.fits(len);
        if may {
            self.held += len;
        }
        may
    }

    pub(super) fn enter_line(&mut self, len: usize, waker: Waker) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.line.push_back(InLine { ticket, len, waker });
        ticket
    }

    fn position(&self, ticket: u64) -> Option<usize> {
        (self.line)
            .binary_search_by_key(&ticket, |waiting| waiting.ticket)
            .ok()
    }

    /// Whether room was granted to who had this ticket.
    pub(super) fn is_granted(&self, ticket: u64) -> bool {
        self.position(ticket).is_none()
    }

    /// Waits on, by another wait.
    pub(super) fn stay_in_line(&mut self, ticket: u64, waker: Waker) {
        if let Some(position) = self.position(ticket) {
            self.line[position].waker = waker;
        }
    }

    /// Gives up. Those behind may be shorter.
    pub(super) fn leave_line(&mut self, ticket: u64) {
        if let Some(position) = self.position(ticket) {
            self.line.remove(position);
            self.grant();
        }
    }

    /// Gives room to those in line, as far as it goes.
    fn grant(&mut self) {
        while let Some(front) = self.line.front()
            && matches!(self.stage, Stage::Open)
            && self.fits(front.len)
        {
            self.held += front.len;
            front.waker.wake(Outcome::Woken);
            self.line.pop_front();
        }
    }

    /// Gives back room that was reserved and is not needed.
    pub(super) fn give_back(&mut self, len: usize) {
        self.held -= len;
        self.grant();
    }

    // Frames.

    /// Takes what is in a frame that was flushed and released, and for which room is
    /// reserved. What is left of it is for the caller to drop without the lock: the owners
    /// of its bytes may do anything then.
    pub(super) fn append(&mut self, frame: &mut LinkBuffer) {
        let len = frame.len();
        if len < COPIED {
            self.pending.write_binary(frame.as_bytes());
        } else {
            self.pending.append(std::mem::take(frame));
        }
        self.metrics.frames += 1;
        self.metrics.bytes += len as u64;
    }

    /// Exchanges what is to be written for an empty buffer; after the end, keeps it.
    pub(super) fn take_pending(&mut self, batch: &mut LinkBuffer) {
        if !matches!(self.stage, Stage::Ended(_)) {
            std::mem::swap(&mut self.pending, batch);
            batch.flush();
            self.in_batch = batch.len();
        }
    }

    /// Frames that were accepted and not begun, after the end.
    pub(super) fn take_unsent(&mut self) -> LinkBuffer {
        self.held -= self.pending.malloc_len();
        std::mem::take(&mut self.pending)
    }

    /// Whether who has appended has to start a flusher.
    pub(super) fn wants_flusher(&mut self) -> bool {
        !std::mem::replace(&mut self.is_flushing, true)
    }

    /// The flusher ends here; but if there is something to write again, or nobody may have
    /// the writer any more, it gets it back.
    pub(super) fn put_down(&mut self, writer: W) -> Option<W> {
        if self.pending.malloc_len() > 0 || matches!(self.stage, Stage::Ended(_)) {
            return Some(writer);
        }
        self.writer = Some(writer);
        self.is_flushing = false;
        self.watchers.wake_all(Outcome::Woken);
        None
    }

    /// So much was written, by one call.
    pub(super) fn wrote(&mut self, n: usize) {
        self.held -= n;
        self.in_batch -= n;
        self.metrics.written += n as u64;
        self.metrics.writes += 1;
        self.grant();
        self.watchers.wake_all(Outcome::Woken);
    }

    // The end.

    /// Accepts nothing more. Those in line are told.
    pub(super) fn close(&mut self) {
        if matches!(self.stage, Stage::Open) {
            self.stage = Stage::Closing;
            self.tell_line();
        }
    }

    /// Sends nothing more. Everybody is told.
    pub(super) fn end(&mut self, error: io::Error) {
        if !matches!(self.stage, Stage::Ended(_)) {
            self.stage = Stage::Ended(error);
            self.tell_line();
            self.watchers.wake_all(Outcome::Woken);
        }
    }

    fn tell_line(&self) {
        for waiting in &self.line {
            waiting.waker.wake(Outcome::Woken);
        }
    }
}
