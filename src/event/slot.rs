//! What a loop keeps of a connection.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::handle::Shared;
use super::session::Session;
use super::stash::Stash;
use super::tally::Counted;
use crate::buf::LinkBuffer;
use crate::task::{Outcome, Time, Waker};

/// Names a connection of a loop, also when its place belongs to another one.
///
/// ```text
///  63   62                    32 31                 0
/// +---+-------------------------+--------------------+
/// | 0 |       generation        |       index        |
/// +---+-------------------------+--------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u64);

/// Generations are smaller than this: the uppermost bit of a key is the poller's, and
/// the largest key its bell's.
const GENERATIONS: u32 = (1 << 31) - 1;

impl Key {
    pub(super) fn index(self) -> usize {
        self.0 as u32 as usize
    }

    pub(super) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// What is so of a connection.
pub(super) mod flag {
    /// A handler runs, or is parked.
    pub(crate) const BUSY: u32 = 1;
    /// There may be something to receive.
    pub(crate) const READABLE: u32 = 1 << 1;
    /// A short read does not prove that there is nothing.
    pub(crate) const STICKY: u32 = 1 << 2;
    /// It is on the list of those that something is to be done for.
    pub(crate) const QUEUED: u32 = 1 << 3;
    /// The peer has sent all it will.
    pub(crate) const FINISHED: u32 = 1 << 4;
    /// No handler will run any more but the one of the end.
    pub(crate) const CLOSING: u32 = 1 << 5;
    /// Nothing is received because somebody wants that.
    pub(crate) const PAUSED: u32 = 1 << 6;
    /// The socket did not take all that was to be sent.
    pub(crate) const FULL: u32 = 1 << 7;
    /// More waits to be sent than the high mark, and not less than the low one since.
    pub(crate) const OVER: u32 = 1 << 8;
    /// The handlers are done; the rest is being sent.
    pub(crate) const ENDED: u32 = 1 << 9;
    /// It ends as soon as what was received is answered.
    pub(crate) const LEAVING: u32 = 1 << 10;
    /// Nothing can be sent any more.
    pub(crate) const BROKEN: u32 = 1 << 11;
    /// It was prepared.
    pub(crate) const STARTED: u32 = 1 << 12;
    /// Something came while a handler was parked, or it shall run again.
    pub(crate) const AGAIN: u32 = 1 << 13;
    /// It has a context that must not be called: it was given away.
    pub(crate) const GONE: u32 = 1 << 14;
    /// It is no connection, but somebody's descriptor. What has happened to it is where
    /// connections have what they need.
    pub(crate) const OPERATOR: u32 = 1 << 15;
    /// This end closes it while the peer may be sending.
    pub(crate) const ABRUPT: u32 = 1 << 16;
    /// All was sent, and what still comes is thrown away.
    pub(crate) const LINGERING: u32 = 1 << 17;
    /// Its descriptor is given to somebody instead of closed.
    pub(crate) const DETACHING: u32 = 1 << 18;
    /// Both directions have ended, or it has failed.
    pub(crate) const HUNG_UP: u32 = 1 << 19;
    /// Too many handlers of its event loop are parked.
    pub(crate) const HELD: u32 = 1 << 20;
    /// The read deadline has passed, and what came before is handled.
    pub(crate) const LATE: u32 = 1 << 21;
    /// Something that was received for it in this phase is still to be handled.
    pub(crate) const IN_PHASE: u32 = 1 << 22;
    /// With any of these, nothing is received.
    pub(crate) const NOT_NOW: u32 =
        BUSY | FINISHED | CLOSING | PAUSED | OVER | ENDED | OPERATOR | HELD | LATE;
    /// With any of these, nothing is received for somebody else's sake than the peer's, or
    /// because of what it does not take: how late it is with what it sends is not known.
    pub(crate) const WITHHELD: u32 = HELD | PAUSED | OVER;
    /// With any of these, the read deadline means nothing: it is not what the peer sends
    /// that is waited for.
    pub(crate) const NO_DEADLINE: u32 = WITHHELD | BUSY | FINISHED | CLOSING | ENDED;
}

/// A place for a connection. It is small, because there are many that do nothing.
pub(super) struct Slot {
    pub(super) generation: u32,
    pub(super) flags: u32,
    /// How many bytes the handler wants to see; zero for any.
    pub(super) need: u32,
    /// Operators have theirs elsewhere.
    pub(super) fd: Option<OwnedFd>,
    /// There is none while it runs.
    pub(super) session: Option<Box<dyn Session>>,
    pub(super) extra: Option<Box<Extra>>,
    /// When something last happened.
    pub(super) active_at: Time,
    /// The earliest entry among the timers.
    pub(super) timer: Time,
    /// There is one while the place is taken.
    pub(super) counted: Option<Counted>,
}

impl Slot {
    pub(super) const fn empty() -> Self {
        Self {
            generation: 0,
            flags: 0,
            need: 0,
            fd: None,
            session: None,
            extra: None,
            active_at: Time::NEVER,
            timer: Time::NEVER,
            counted: None,
        }
    }

    /// Who takes the place next has another key.
    pub(super) fn next_generation(&mut self) {
        self.generation = (self.generation + 1) % GENERATIONS;
    }

    #[inline]
    pub(super) fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    #[inline]
    pub(super) fn set(&mut self, flags: u32) {
        self.flags |= flags;
    }

    #[inline]
    pub(super) fn clear(&mut self, flags: u32) {
        self.flags &= !flags;
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect("it is open").as_fd()
    }

    pub(super) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// How much was received and not consumed.
    pub(super) fn stashed(&self) -> usize {
        self.extra.as_ref().map_or(0, |extra| extra.stash.len())
    }

    /// How much waits to be sent.
    pub(super) fn unsent(&self) -> usize {
        self.extra.as_ref().map_or(0, |extra| extra.unsent())
    }

    /// Has a handler look again that waits to read or to write.
    pub(super) fn wake_handler(&mut self) {
        if let Some(extra) = &mut self.extra {
            for waker in [extra.reader.take(), extra.writer.take()]
                .into_iter()
                .flatten()
            {
                waker.wake(Outcome::Woken);
            }
        }
    }

    /// Nothing that is written from now on will be sent, however long its handler still runs.
    pub(super) fn tell_handles(&self) {
        if let Some(shared) = self.shared() {
            shared.end();
        }
    }

    /// There is nothing to receive now.
    pub(super) fn note_drained(&mut self) {
        self.clear(flag::READABLE);
        if self.has(flag::BROKEN) {
            // What may still come can have no answer.
            self.set(flag::FINISHED);
        }
    }

    /// What its handles have in common, if there were any.
    pub(super) fn shared(&self) -> Option<&Arc<Shared>> {
        self.extra.as_ref()?.shared.as_ref()
    }

    /// Puts what a handler left in front of what has come meanwhile.
    pub(super) fn put_back(&mut self, input: &mut LinkBuffer) {
        let extra = self.extra();
        if extra.stash.len() > 0 {
            extra.stash.move_to(input);
        }
        extra.stash.put(input);
    }

    /// Whether somebody will answer who is no handler.
    pub(super) fn awaits_answers(&self) -> bool {
        // In this order: what is written for the last answer is in the inbox before it ends.
        self.shared().is_some_and(|shared| {
            shared.owed.load(Ordering::Acquire) > 0 || shared.queued.load(Ordering::Relaxed) > 0
        })
    }

    /// Notes why it ends. Gives back what came after the first.
    pub(super) fn add_error(&mut self, error: io::Error) -> Option<io::Error> {
        let first = &mut self.extra().error;
        if first.is_some() {
            return Some(error);
        }
        *first = Some(error);
        None
    }

    /// Has receiving go on until then.
    pub(super) fn set_read_deadline(&mut self, deadline: Time) {
        self.clear(flag::LATE);
        self.extra().read_deadline = (deadline < Time::NEVER).then_some(deadline);
    }

    /// Gives memory back that an idle connection does not need.
    pub(super) fn slim(&mut self) {
        self.extra.take_if(|extra| extra.is_empty());
    }
}

/// What only some connections have.
#[derive(Default)]
pub(super) struct Extra {
    pub(super) stash: Stash,
    /// Since when a frame is incomplete.
    pub(super) begun_at: Option<Time>,
    /// What the socket did not take.
    pub(super) output: Option<Box<LinkBuffer>>,
    /// Since when it has taken nothing.
    pub(super) full_at: Option<Time>,
    pub(super) shared: Option<Arc<Shared>>,
    /// The handler that waits for something to read.
    pub(super) reader: Option<Waker>,
    /// The handler that waits for less to send.
    pub(super) writer: Option<Waker>,
    pub(super) error: Option<io::Error>,
    /// Called at the end, the last one first.
    pub(super) callbacks: Vec<Callback>,
    /// When the rest is given up.
    pub(super) close_at: Option<Time>,
    /// How much is received, and thrown away, before that.
    pub(super) still_taken: usize,
    /// Those of this connection, if it has others than its event loop.
    pub(super) timeouts: Option<Box<Timeouts>>,
    /// Receiving goes on until then.
    pub(super) read_deadline: Option<Time>,
}

pub(super) type Callback = Box<dyn FnOnce() + Send>;

/// How long what may take.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timeouts {
    pub(super) read: Option<Duration>,
    pub(super) write: Option<Duration>,
    pub(super) idle: Option<Duration>,
}

impl Extra {
    /// What a connection has from the beginning that somebody else had. It is copied: what
    /// is kept here must have no destructor of a user's.
    pub(super) fn of_adopted(shared: Arc<Shared>, mut received: LinkBuffer) -> Box<Self> {
        let mut extra = Box::<Self>::default();
        extra.shared = Some(shared);
        received.flush();
        let all = received.len();
        extra.stash.add(&mut received, all);
        extra
    }

    pub(super) fn unsent(&self) -> usize {
        self.output.as_ref().map_or(0, |output| output.len())
    }

    /// Whether nothing is here that somebody waits for on this worker.
    pub(super) fn may_move(&self) -> bool {
        self.reader.is_none() && self.writer.is_none() && self.error.is_none()
    }

    fn is_empty(&mut self) -> bool {
        // Where the loop has the only one, nobody can ask for anything any more, and what was
        // asked for has been done: the command to look at it holds one, too, and who adopts
        // a connection looks before.
        let is_unheld = |shared: &mut Arc<Shared>| {
            Arc::get_mut(shared).is_some_and(|shared| shared.write_deadline() == Time::NEVER)
        };
        self.stash.len() == 0
            && self.output.is_none()
            && self.shared.as_mut().is_none_or(is_unheld)
            && self.reader.is_none()
            && self.writer.is_none()
            && self.error.is_none()
            && self.callbacks.is_empty()
            && self.close_at.is_none()
            && self.timeouts.is_none()
            && self.read_deadline.is_none()
    }
}
