//! Event loops as many of whose handlers are parked as may be.
//!
//! Each event loop has a bound of its own, and one that has come to it holds up no others of
//! the worker. Its connections for which a handler would be called wait here instead, in order,
//! and nothing is received from them, until a handler has come back. Those that are closed
//! wait for nobody.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::State;
use crate::event::remote::Remote;
use crate::event::slot::{Key, flag};

/// An event loop that has come to its bound, and those who wait.
pub(super) struct Full {
    remote: Arc<Remote>,
    held: VecDeque<Key>,
}

impl Full {
    /// For how many more handlers there is room.
    fn room(&self) -> usize {
        let parked = self.remote.parked.load(Ordering::Relaxed);
        self.remote.options.most_parked.saturating_sub(parked)
    }
}

impl State {
    /// A handler of a connection is about to park. Returns whose that is.
    pub(in crate::event) fn park(&mut self, key: Key) -> Option<Arc<Remote>> {
        let remote = Arc::clone(self.slot(key)?.counted.as_ref()?.remote());
        let parked = remote.parked.fetch_add(1, Ordering::Relaxed) + 1;
        let is_known = |full: &Full| Arc::ptr_eq(&full.remote, &remote);
        if parked >= remote.options.most_parked && !self.full.iter().any(is_known) {
            self.full.push(Full {
                remote: Arc::clone(&remote),
                held: VecDeque::new(),
            });
        }
        Some(remote)
    }

    /// One of an event loop's handlers has come back.
    pub(in crate::event) fn unpark(&mut self, remote: &Arc<Remote>) {
        remote.parked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a connection waits for the handlers of others. It is seen to that it goes on.
    #[inline]
    pub(in crate::event) fn holds(&mut self, key: Key) -> bool {
        !self.full.is_empty() && self.hold(key)
    }

    #[cold]
    fn hold(&mut self, key: Key) -> bool {
        let mut lists = std::mem::take(&mut self.full);
        let is_held = self.slot(key).is_some_and(|slot| {
            // Nobody is called for these, or only to be told of the end.
            if slot.has(flag::BUSY | flag::ENDED | flag::CLOSING) {
                slot.clear(flag::HELD);
                return false;
            }
            if slot.has(flag::HELD) {
                return true;
            }
            let counted = slot.counted.as_ref();
            let is_its = |full: &&mut Full| {
                counted.is_some_and(|counted| Arc::ptr_eq(counted.remote(), &full.remote))
            };
            let Some(full) = lists.iter_mut().find(is_its).filter(|it| it.room() == 0) else {
                return false;
            };
            full.held.push_back(key);
            slot.set(flag::HELD);
            true
        });
        self.full = lists;
        is_held
    }

    /// Has as many go on as there is room for.
    pub(super) fn let_go(&mut self) {
        let mut lists = std::mem::take(&mut self.full);
        for full in &mut lists {
            let many = full.room().min(full.held.len());
            for key in full.held.drain(..many) {
                if let Some(slot) = self.slot(key) {
                    slot.clear(flag::HELD);
                    self.wait_again(key);
                    self.queue(key);
                }
            }
        }
        lists.retain(|full| full.room() == 0 || !full.held.is_empty());
        self.full = lists;
    }

    /// Whether there is somebody to go on.
    pub(super) fn may_let_go(&self) -> bool {
        (self.full.iter()).any(|full| full.room() > 0 && !full.held.is_empty())
    }

    /// Nobody waits any more: all of them end.
    pub(in crate::event) fn let_all_go(&mut self) {
        self.full.clear();
    }
}
