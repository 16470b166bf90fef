//! What a loop is told, and does.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::handle::Place;
use super::looper::Loop;
use super::remote::{Adoption, Command, Ending, Remote, lock};
use super::slot::{Key, Slot, flag};
use super::state::State;
use super::tally::Counted;
use crate::task::Time;

impl Loop {
    pub(super) fn obey(&self) {
        let count = {
            let state = self.state.borrow();
            if !state.remotes.iter().any(|remote| remote.has_commands()) {
                return;
            }
            state.remotes.len()
        };
        // The driver may have waited for long since it looked at the clock.
        self.state.borrow_mut().now = Time::now();
        for index in (0..count).rev() {
            let remote = self.state.borrow().remotes.get(index).cloned();
            let Some(remote) = remote else {
                continue;
            };
            for command in remote.take() {
                self.obey_one(&remote, command);
            }
        }
    }

    fn obey_one(&self, remote: &Arc<Remote>, command: Command) {
        match command {
            Command::Adopt(adoption) => self.adopt(remote, adoption),
            Command::Watch {
                session,
                shared,
                counted,
            } => {
                let mut state = self.state.borrow_mut();
                let key = state.operate(session, Arc::clone(&shared), counted);
                *lock(&shared.place) = Place {
                    remote: Arc::clone(remote),
                    key,
                };
                state.look(&shared, key);
                state.queue(key);
            }
            Command::Look(shared) => {
                let place = lock(&shared.place).clone();
                if Arc::ptr_eq(&place.remote, remote) {
                    let mut state = self.state.borrow_mut();
                    if !state.look(&shared, place.key) {
                        // Perhaps it is the last one, and has what will never be sent.
                        return state.trash.add_handle(shared);
                    }
                    drop(shared);
                    if let Some(slot) = state.slot(place.key) {
                        slot.slim();
                    }
                } else {
                    // It has moved meanwhile.
                    place.remote.send(Command::Look(shared));
                }
            }
            Command::Drain if remote.ending() != Ending::NotYet => {}
            Command::Drain => self.each_of(remote, Ending::Drains, |state, key| {
                if let Some(slot) = state.slot(key) {
                    // What has come is received before it counts as idle.
                    slot.set(flag::LEAVING | flag::READABLE);
                    state.queue(key);
                }
            }),
            Command::CutOff(question) => {
                // Where a handler has parked, what the others of its phase have written.
                self.state.borrow_mut().send_all();
                let mut owing = 0;
                self.each_of(remote, Ending::CutOff, |state, key| {
                    owing += usize::from(state.owes(key));
                    if let Some(slot) = state.slot(key) {
                        slot.set(flag::CLOSING | flag::BROKEN | flag::LEAVING);
                        slot.wake_handler();
                        let shared = slot.extra.as_ref().and_then(|it| it.shared.clone());
                        state.drop_output(key);
                        state.room(key);
                        // Who writes by a handle waits for nothing any more.
                        if let Some(shared) = shared {
                            shared.end();
                        }
                        state.tell_the_end(key);
                        state.queue(key);
                    }
                });
                question.answer(owing);
            }
            Command::Share(most, to) => self.share(remote, most, &to),
            Command::Leave => {
                // Handles of connections that are left are still listened to.
                remote.has_left.store(true, Ordering::Relaxed);
                self.leaving.set(true);
            }
        }
    }

    fn each_of(&self, remote: &Arc<Remote>, ending: Ending, mut what: impl FnMut(&mut State, Key)) {
        remote.set_ending(ending);
        let mut state = self.state.borrow_mut();
        for key in state.keys() {
            let is_of = |slot: &mut Slot| {
                let counted = slot.counted.as_ref();
                counted.is_some_and(|counted| Arc::ptr_eq(counted.remote(), remote))
            };
            if state.slot(key).is_some_and(is_of) {
                what(&mut state, key);
            }
        }
    }

    fn adopt(&self, remote: &Arc<Remote>, adoption: Adoption) {
        let mut state = self.state.borrow_mut();
        let key = state.adopt(adoption);
        let extra = state.slot(key).and_then(|slot| slot.extra.as_ref());
        if let Some(shared) = extra.and_then(|extra| extra.shared.clone()) {
            *lock(&shared.place) = Place {
                remote: Arc::clone(remote),
                key,
            };
            state.look(&shared, key);
        }
        // Not before: what was asked for on the way here no command to look holds any more.
        if let Some(slot) = state.slot(key) {
            slot.slim();
        }
        state.queue(key);
    }

    /// Gives idle connections to another worker.
    fn share(&self, remote: &Arc<Remote>, most: usize, to: &Arc<Remote>) {
        let keys = self.state.borrow().keys();
        let mut left = most;
        for key in keys {
            if left == 0 {
                break;
            }
            if self.give(key, remote, to) {
                left -= 1;
            }
        }
    }

    /// Gives a connection to another worker, if nothing is going on there.
    pub(super) fn give(&self, key: Key, remote: &Arc<Remote>, to: &Arc<Remote>) -> bool {
        let adoption = self.state.borrow_mut().give_away(key, remote, to);
        let Some(adoption) = adoption else {
            return false;
        };
        if let Err(Command::Adopt(mut adoption)) = to.try_send(Command::Adopt(adoption)) {
            // Nobody is there any more who could take it.
            adoption.counted = Counted::new(remote);
            self.adopt(remote, adoption);
        }
        true
    }
}
