//! A lock that many may share, or one may have alone, without data.
//!
//! ```text
//!  31                           2       1         0
//! +------------------------------+----------+-----------+
//! | how many share it            |  QUEUED  |  WRITTEN  |
//! +------------------------------+----------+-----------+
//! ```
//!
//! `WRITTEN`: one has it alone; then nobody shares it. `QUEUED`: somebody is in the
//! queue; it changes under the queue's lock only, and says there exactly whether
//! the queue is empty.
//!
//! # Who gets it
//!
//! - A reader gets it at once if nobody writes and nobody is queued. So a writer that
//!   waits keeps new readers out, and does not starve.
//! - A writer gets it at once if it is free, also past others that are queued.
//! - Who stops writing *grants* the lock to all readers in the queue: from then on they
//!   have it, before they even run. So readers do not starve either. Without readers
//!   in the queue, it *rouses* the first writer.
//! - The last who stops reading rouses the first writer.
//!
//! A writer that is roused keeps its place in the queue until it has the lock. It
//! may find that another one was faster, and stays then; that one will rouse it anew.
//!
//! A wait may end without a reason. A reader knows by the number of the round
//! whether the lock was granted to it: it counts on with each grant, and a grant
//! takes all readers out of the queue. A writer tries.
//!
//! Orderings: taking acquires, and letting go releases, so that what the last holders
//! did is seen. Who is granted the lock sees it through the lock of the queue.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::atomic::{AtomicU32, Mutex, Ordering, constant};
use crate::task::{Outcome, Reason, Time, Wait, WaitList, Waker};

const WRITTEN: u32 = 0b01;
const QUEUED: u32 = 0b10;
const READER: u32 = 0b100;
const READERS: u32 = !(WRITTEN | QUEUED);

const STAYS: &str = "a writer stays in the queue until it has the lock";

/// See the [module](self).
pub(crate) struct RwLock {
    word: AtomicU32,
    queue: Mutex<Queue>,
}

struct Queue {
    readers: WaitList,
    /// How often readers were granted the lock.
    round: u64,
    writers: VecDeque<Waker>,
}

impl RwLock {
    constant! {
        pub(crate) fn new() -> Self {
            Self {
                word: AtomicU32::new(0),
                queue: Mutex::new(Queue {
                    readers: WaitList::new(),
                    round: 0,
                    writers: VecDeque::new(),
                }),
            }
        }
    }

    fn queue(&self) -> impl std::ops::DerefMut<Target = Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shares the lock, if nobody has it alone or is queued for it.
    #[inline]
    pub(crate) fn try_read(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & (WRITTEN | QUEUED) == 0 {
            match self.word.compare_exchange_weak(
                word,
                one_more(word),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Shares the lock, however long it takes.
    #[inline]
    pub(crate) fn read(&self) {
        if !self.try_read() {
            self.read_slow();
        }
    }

    #[cold]
    fn read_slow(&self) {
        let mut listed: Option<(Waker, u64)> = None;
        loop {
            let wait = Wait::begin(Reason::Lock);
            {
                let mut queue = self.queue();
                match listed {
                    Some((_, round)) if round != queue.round => return,
                    Some((waker, _)) => queue.readers.remove(waker),
                    None => loop {
                        if self.try_read() {
                            return;
                        }
                        if self.note_queued(WRITTEN) {
                            break;
                        }
                    },
                }
                queue.readers.push(wait.waker());
                listed = Some((wait.waker(), queue.round));
            }
            wait.park(Time::NEVER);
        }
    }

    /// Says that the queue is not empty, under its lock, if somebody has the lock in
    /// one of these ways, or is queued already: then there is who will wake one.
    fn note_queued(&self, held: u32) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word & QUEUED != 0
            || word & held != 0
                && self
                    .word
                    .compare_exchange(word, word | QUEUED, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
    }

    /// Stops sharing the lock.
    #[inline]
    pub(crate) fn unlock_read(&self) {
        let word = self.word.fetch_sub(READER, Ordering::Release) - READER;
        if word & READERS == 0 && word & QUEUED != 0 {
            self.rouse();
        }
    }

    /// Lets the first writer look. If another one has taken the lock meanwhile, that
    /// one will do so again.
    #[cold]
    fn rouse(&self) {
        let writer = self.queue().writers.front().copied();
        if let Some(writer) = writer {
            writer.wake(Outcome::Woken);
        }
    }

    /// Takes the lock alone, if it is free.
    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        let mut word = 0;
        while word & !QUEUED == 0 {
            match self.word.compare_exchange(
                word,
                word | WRITTEN,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Takes the lock alone, however long it takes.
    #[inline]
    pub(crate) fn write(&self) {
        if !self.try_write() {
            self.write_slow();
        }
    }

    #[cold]
    fn write_slow(&self) {
        let mut listed: Option<Waker> = None;
        loop {
            let wait = Wait::begin(Reason::Lock);
            {
                let mut queue = self.queue();
                loop {
                    if self.try_write() {
                        self.leave_queue(&mut queue, listed);
                        return;
                    }
                    if self.note_queued(WRITTEN | READERS) {
                        break;
                    }
                }
                match listed {
                    Some(before) => *queue.place_of(before) = wait.waker(),
                    None => queue.writers.push_back(wait.waker()),
                }
                listed = Some(wait.waker());
            }
            wait.park(Time::NEVER);
        }
    }

    /// A writer that has got the lock leaves the queue, if it was there.
    fn leave_queue(&self, queue: &mut Queue, listed: Option<Waker>) {
        let Some(waker) = listed else {
            return;
        };
        let place = queue.writers.iter().position(|other| *other == waker);
        queue.writers.remove(place.expect(STAYS));
        if queue.writers.is_empty() && queue.readers.len() == 0 {
            // Nobody else touches the word while it is written and the queue locked.
            self.word.store(WRITTEN, Ordering::Relaxed);
        }
    }

    /// Stops writing.
    #[inline]
    pub(crate) fn unlock_write(&self) {
        if self
            .word
            .compare_exchange(WRITTEN, 0, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            self.grant(0);
        }
    }

    /// Shares the lock that one had alone.
    pub(crate) fn downgrade(&self) {
        if self
            .word
            .compare_exchange(WRITTEN, READER, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            self.grant(READER);
        }
    }

    /// Shares the lock that one had alone with all readers in the queue, besides
    /// those that are given, or lets the first writer look.
    #[cold]
    fn grant(&self, readers: u32) {
        let mut granted = {
            let mut queue = self.queue();
            let granted = std::mem::take(&mut queue.readers);
            queue.round += 1;
            let queued = if queue.writers.is_empty() { 0 } else { QUEUED };
            let readers = readers + granted.len() as u32 * READER;
            // Nobody else touches the word while it is written and the queue locked.
            self.word.store(readers | queued, Ordering::Release);
            if readers == 0 && queued != 0 {
                drop(queue);
                return self.rouse();
            }
            granted
        };
        granted.wake_all(Outcome::Woken);
    }
}

impl Queue {
    /// The place of a writer, which has it until it has the lock.
    fn place_of(&mut self, writer: Waker) -> &mut Waker {
        let mut places = self.writers.iter_mut();
        places.find(|place| **place == writer).expect(STAYS)
    }
}

/// # Panics
///
/// If more would share the lock than can be counted: guards were forgotten.
fn one_more(word: u32) -> u32 {
    word.checked_add(READER)
        .expect("too many read guards of one RwLock")
}
