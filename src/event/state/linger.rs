//! Closing without destroying the last reply.
//!
//! Who closes a TCP socket that has unread input, or gets some afterwards, sends a reset,
//! and that destroys what is still on its way to the peer: the reply. So a connection that
//! this end closes first tells the peer that there will be no more, and goes on receiving
//! for a while, and throws it away, until the peer has finished, too.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;

use super::State;
use crate::event::handle::Detached;
use crate::event::slot::{Key, Slot, flag};
use crate::fd::Closed;
use crate::poll;
use crate::sys::socket;
use crate::task::Time;

impl State {
    /// Whether a connection stays, of which all was sent, for its peer's sake.
    pub(in crate::event) fn lingers(&mut self, key: Key) -> bool {
        let now = Time::now();
        let Some(slot) = self.slot(key) else {
            return false;
        };
        if slot.has(flag::FINISHED | flag::OPERATOR | flag::DETACHING) {
            return false;
        }
        if slot.has(flag::LINGERING) {
            let stays = slot.extra().still_taken > 0;
            if stays && slot.has(flag::READABLE) {
                self.queue(key);
            }
            return stays;
        }
        let Some(counted) = &slot.counted else {
            return false;
        };
        let options = &counted.remote().options;
        let (time, bytes) = (options.linger_time, options.linger_bytes);
        let fd = slot.fd();
        if time.is_zero() || bytes == 0 {
            return false;
        }
        // One that did nothing has nothing to lose, mostly.
        if !slot.has(flag::ABRUPT) && socket::unread(fd) == 0 && socket::unacknowledged(fd) == 0 {
            return false;
        }
        if socket::shutdown(fd, Shutdown::Write).is_err() {
            return false;
        }
        slot.set(flag::LINGERING | flag::READABLE);
        let extra = slot.extra();
        extra.close_at = Some(now.after(time));
        extra.still_taken = bytes;
        self.arm(key);
        self.queue(key);
        true
    }

    /// Counts what was received of a connection that lingers.
    pub(in crate::event) fn throw_away(&mut self, key: Key, len: usize) {
        if let Some(slot) = self.slot(key).filter(|slot| slot.has(flag::LINGERING)) {
            let extra = slot.extra();
            extra.still_taken = extra.still_taken.saturating_sub(len);
        }
    }

    /// Frees the place of a connection that has ended, which closes it, or gives it away.
    pub(in crate::event) fn close(&mut self, key: Key) {
        let Some(mut slot) = self.free(key) else {
            return;
        };
        if let Some(shared) = slot.extra.as_ref().and_then(|extra| extra.shared.clone()) {
            let refused = shared.finish(detached(&mut slot));
            if let Some((_closed, received)) = refused {
                self.trash.add(received);
            }
        }
        self.trash.add_slot(slot);
    }
}

/// What somebody gets who has asked for the socket.
fn detached(slot: &mut Slot) -> io::Result<Detached> {
    if !slot.has(flag::DETACHING) || slot.has(flag::BROKEN) {
        return Err(Closed::error());
    }
    if slot.unsent() > 0 {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "what was written could not be sent in time",
        ));
    }
    let fd = slot.fd.take().ok_or_else(Closed::error)?;
    poll::unwatch(fd.as_fd());
    let stash = slot
        .extra
        .as_mut()
        .map(|extra| std::mem::take(&mut extra.stash));
    Ok((fd, stash.unwrap_or_default().into_buffer()))
}
