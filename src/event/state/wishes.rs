//! What handles want of a connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::State;
use crate::buf::LinkBuffer;
use crate::event::handle::Shared;
use crate::event::remote::lock;
use crate::event::slot::{Key, Slot, flag};
use crate::sys::epoll::Flags;
use crate::task::Time;

/// What handles have asked for.
struct Wishes {
    output: LinkBuffer,
    close: bool,
    detach: bool,
    pause: Option<bool>,
    read_deadline: Option<Time>,
    moved: bool,
}

impl State {
    /// Does what the handles of a connection want. Returns whether it is here.
    pub(in crate::event) fn look(&mut self, shared: &Arc<Shared>, key: Key) -> bool {
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
                read_deadline: inbox.read_deadline.take(),
                moved: std::mem::take(&mut inbox.moved),
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
            let mut was_paused = false;
            match wishes.pause {
                Some(true) => slot.set(flag::PAUSED),
                Some(false) => {
                    was_paused = slot.has(flag::PAUSED);
                    slot.clear(flag::PAUSED);
                    if slot.has(flag::OPERATOR) {
                        // What it has left there will be no event for.
                        slot.need |= (Flags::IN | Flags::OUT).bits();
                    }
                }
                None => {}
            }
            if let Some(deadline) = wishes.read_deadline {
                slot.set_read_deadline(deadline);
            }
            if wishes.read_deadline.is_some() || wishes.moved {
                slot.wake_handler();
            }
            if was_paused {
                self.wait_again(key);
            } else if wishes.read_deadline.is_some() {
                self.arm(key);
            }
        }
        self.queue(key);
        true
    }
}
