//! Moving connections from busy workers to idle ones.
//!
//! Ten thousand connections that do nothing are less work than one that does much, so what
//! counts is how busy a worker is: which part of its time it was on a processor or waited
//! for one, whatever it did there. Each looks now and then, while it has turns, says how
//! busy it was, and gives some of the connections on which something happened to the one
//! that is least busy, if that is much less busy. One that has no turns says nothing, and
//! is taken for idle, so that nobody wakes up for all this.
//!
//! Only connections move on which nothing is going on: all that was received is handled,
//! and all that was written is sent. What comes on the way waits in the socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::looper::Loop;
use super::remote::Remote;
use super::slot::Key;
use super::state::State;
use crate::sys::busy_time::BusyTime;
use crate::task::Time;

/// So often a worker that has turns looks.
const EVERY: Duration = Duration::from_millis(100);

/// What a worker said that long ago is not so any more: it has had no turns since.
const LATELY: Duration = EVERY.saturating_mul(3);

/// Who is less busy than this, in thousandths, need not give anything away.
const BUSY: u32 = 100;

/// After it has given, a worker looks so often before it does so again: what it gave has
/// to show first.
const RESTS: u32 = 2;

/// How busy a worker is, for the others.
#[derive(Default)]
pub(super) struct Busyness {
    /// In thousandths of its time.
    thousandths: AtomicU32,
    said_at: AtomicU64,
}

impl Busyness {
    fn say(&self, thousandths: u32, now: Time) {
        self.thousandths.store(thousandths, Ordering::Relaxed);
        self.said_at.store(now.to_bits(), Ordering::Relaxed);
    }

    /// In thousandths, as far as it is known.
    pub(super) fn lately(&self, now: Time) -> u32 {
        let said_at = Time::from_bits(self.said_at.load(Ordering::Relaxed));
        if now.since(said_at) > LATELY {
            return 0;
        }
        self.thousandths.load(Ordering::Relaxed)
    }
}

/// When a loop looks, and what it saw the last time.
pub(super) struct Look {
    pub(super) next: Time,
    last: Time,
    busy_time: BusyTime,
    /// What it was then.
    spent: Duration,
    rests: u32,
}

impl Look {
    pub(super) fn new(now: Time) -> Self {
        let mut busy_time = BusyTime::default();
        Self {
            next: now.after(EVERY),
            last: now,
            spent: busy_time.of_thread(),
            busy_time,
            rests: 0,
        }
    }

    /// How busy the worker was since the last time, in thousandths; and since when.
    fn look(&mut self, now: Time) -> (u32, Time) {
        let spent = self.busy_time.of_thread();
        let (used, passed) = (spent.saturating_sub(self.spent), now.since(self.last));
        let since = self.last;
        (self.spent, self.last, self.next) = (spent, now, now.after(EVERY));
        let thousandths = used.as_nanos() * 1000 / passed.as_nanos().max(1);
        (thousandths.min(1000) as u32, since)
    }
}

/// How many of so many connections make two workers equally busy, if one moves them to the
/// other; none where they are not different enough.
fn share(connections: usize, mine: u32, theirs: u32) -> usize {
    if mine < BUSY || mine < theirs + theirs / 2 + BUSY / 2 {
        return 0;
    }
    connections * (mine - theirs) as usize / (2 * mine as usize)
}

impl Loop {
    /// Looks whether others are less busy, and gives them something to do.
    #[cold]
    pub(super) fn look_around(&self) {
        let (remotes, mine, since, now, rests) = {
            let mut state = self.state.borrow_mut();
            let now = state.now;
            let (mine, since) = state.look.look(now);
            let rests = state.look.rests;
            state.look.rests = rests.saturating_sub(1);
            (state.remotes.clone(), mine, since, now, rests > 0)
        };
        for remote in &remotes {
            remote.busyness.say(mine, now);
        }
        if rests {
            return;
        }
        for remote in &remotes {
            let Some((to, must)) = remote.least_busy_other(now) else {
                continue;
            };
            if !must && !remote.moves_by_itself() {
                continue;
            }
            let active = self.state.borrow_mut().active_since(since, remote);
            let many = match must {
                true => active.len(),
                false => share(active.len(), mine, to.busyness.lately(now)),
            };
            for key in active.into_iter().take(many) {
                if self.give(key, remote, &to) {
                    self.state.borrow_mut().look.rests = RESTS;
                }
            }
        }
    }
}

impl Remote {
    /// Whether its connections move without having been told to.
    pub(super) fn moves_by_itself(&self) -> bool {
        self.options.rebalance && !self.tally.stays.load(Ordering::Relaxed)
    }

    /// Which of the other workers that serve is the least busy; and whether this one does
    /// not serve any more.
    fn least_busy_other(self: &Arc<Self>, now: Time) -> Option<(Arc<Self>, bool)> {
        let parts = self.tally.parts()?;
        let serving = self.tally.serving(&parts);
        let must = !serving.iter().any(|other| Arc::ptr_eq(other, self));
        let others = serving.iter().filter(|other| !Arc::ptr_eq(other, self));
        let to = others.min_by_key(|other| other.busyness.lately(now))?;
        Some((Arc::clone(to), must))
    }
}

impl State {
    /// The connections of an event loop on which something has happened.
    fn active_since(&mut self, since: Time, remote: &Arc<Remote>) -> Vec<Key> {
        let mut keys = self.keys();
        keys.retain(|key| {
            self.slot(*key).is_some_and(|slot| {
                let counted = slot.counted.as_ref();
                let is_of = counted.is_some_and(|it| Arc::ptr_eq(it.remote(), remote));
                is_of && slot.active_at >= since
            })
        });
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_makes_both_equally_busy() {
        assert_eq!(share(100, 1000, 0), 50);
        assert_eq!(share(100, 800, 400), 25);
        assert_eq!(share(2, 900, 0), 1);
        assert_eq!(share(1, 1000, 0), 0, "it would be busy elsewhere");
        assert_eq!(share(100, 90, 0), 0, "it is not busy");
        assert_eq!(share(100, 1000, 700), 0, "they are not different enough");
    }

    #[test]
    fn what_was_said_long_ago_is_not_so_any_more() {
        let (busyness, now) = (Busyness::default(), Time::now());
        busyness.say(700, now);
        assert_eq!(busyness.lately(now.after(EVERY)), 700);
        assert_eq!(busyness.lately(now.after(LATELY * 2)), 0);
    }
}
