//! What is to be dropped, when nothing is borrowed.

use std::io;

use crate::buf::LinkBuffer;
use crate::event::slot::Slot;

/// What has a destructor of a user's, perhaps.
#[derive(Default)]
pub(in crate::event) struct Trash {
    slots: Vec<Slot>,
    buffers: Vec<LinkBuffer>,
    errors: Vec<io::Error>,
    /// Bytes that were sent.
    sent: LinkBuffer,
    is_full: bool,
}

impl Trash {
    pub(in crate::event) fn add(&mut self, buffer: LinkBuffer) {
        self.buffers.push(buffer);
        self.is_full = true;
    }

    pub(in crate::event) fn add_error(&mut self, error: io::Error) {
        self.errors.push(error);
        self.is_full = true;
    }

    pub(in crate::event) fn add_slot(&mut self, slot: Slot) {
        self.slots.push(slot);
        self.is_full = true;
    }

    /// Gives back what was read in a buffer.
    pub(super) fn take_read(&mut self, from: &mut LinkBuffer) {
        from.release_to(&mut self.sent);
        self.is_full |= self.sent.held() > 0;
    }

    /// What is to be dropped, if there is something.
    pub(in crate::event) fn take(&mut self) -> Option<Self> {
        self.is_full.then(|| std::mem::take(self))
    }
}
