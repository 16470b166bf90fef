//! What is to be dropped, when nothing is borrowed.

use std::io;
use std::sync::Arc;

use super::KEPT;
use crate::buf::LinkBuffer;
use crate::event::guarded::{drop_guarded, guarded};
use crate::event::handle::Shared;
use crate::event::slot::Slot;

/// What has a destructor of a user's, perhaps.
#[derive(Default)]
pub(in crate::event) struct Trash {
    slots: Vec<Slot>,
    buffers: Vec<LinkBuffer>,
    errors: Vec<io::Error>,
    handles: Vec<Arc<Shared>>,
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

    /// What may be the last one that has what was written by a handle.
    pub(in crate::event) fn add_handle(&mut self, shared: Arc<Shared>) {
        self.handles.push(shared);
        self.is_full = true;
    }

    /// Makes a buffer ready to be used for another connection.
    #[inline]
    pub(in crate::event) fn empty(&mut self, buffer: &mut LinkBuffer) {
        if !buffer.recycle_own(KEPT) {
            self.add(std::mem::take(buffer));
        }
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

    /// Drops one thing after the other: where one panics, the others are dropped, too.
    pub(in crate::event) fn burn(self) {
        let Self {
            slots,
            buffers,
            errors,
            handles,
            sent,
            is_full: _,
        } = self;
        slots.into_iter().for_each(drop_guarded);
        errors.into_iter().for_each(drop_guarded);
        handles.into_iter().for_each(drop_guarded);
        for mut buffer in buffers.into_iter().chain([sent]) {
            while guarded(|| Ok(buffer.drop_next())).unwrap_or(true) {}
        }
    }
}
