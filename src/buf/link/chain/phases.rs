//! What an event loop does with chains: many messages in one block, one behind the other.

use super::{COPIED, Chain, Region, Segment};

impl Chain {
    /// The last segment, with at least this much room; otherwise a new one of `size`
    /// bytes. Nothing may be pending.
    pub(in crate::buf::link) fn window(&mut self, window: usize, size: usize) -> &mut Segment {
        debug_assert_eq!(self.pending, 0);
        if (self.segments.back()).is_none_or(|last| last.spare() < window) {
            self.segments.push_back(Segment::with_room_for(size));
        }
        self.segments.back_mut().expect("there is one now")
    }

    /// Moves the next `n` bytes, of which there must be so many, behind what is readable
    /// in `to`, where nothing may be pending. What is short is copied.
    pub(in crate::buf::link) fn give(&mut self, n: usize, to: &mut Self) {
        debug_assert_eq!(to.pending, 0);
        if n == 0 {
            return;
        }
        // What is handled may be held for as long as a handler is parked: it is no small
        // part of a block of many others.
        let held = self.segments.get(self.read_at).map_or(0, Segment::held);
        let enough = if n < COPIED.max(held / 16) {
            self.take(n, |segment, part| {
                to.push(&segment.content()[..part]);
                segment.skip(part);
            })
        } else {
            self.share(n, to)
        };
        debug_assert!(enough);
        to.flush();
    }

    /// Moves the next `n` bytes behind what is readable in `to`, where nothing may be
    /// pending, without copying them. Returns whether there were so many.
    pub(in crate::buf::link) fn share(&mut self, n: usize, to: &mut Self) -> bool {
        debug_assert_eq!(to.pending, 0);
        self.take(n, |segment, part| {
            to.segments.push_back(segment.split_to(part));
            to.readable += part;
            to.flush_at = to.segments.len() - 1;
        })
    }

    /// Copies the next `n` bytes, of which there must be so many, behind what is readable
    /// in `to`, where nothing may be pending.
    pub(in crate::buf::link) fn copy(&mut self, n: usize, to: &mut Self) {
        let enough = self.take(n, |segment, part| {
            to.push(&segment.content()[..part]);
            segment.skip(part);
        });
        debug_assert!(enough);
        to.flush();
    }

    /// Moves everything that was written to `other` behind what is readable here, where
    /// nothing may be pending.
    pub(in crate::buf::link) fn take_all(&mut self, other: &mut Self) {
        debug_assert_eq!(self.pending, 0);
        self.append(other);
        self.flush();
    }

    /// Gives back what has been read; somebody else's bytes, whose destructor may do
    /// anything, are left to another chain, which drops them when it is dropped.
    pub(in crate::buf::link) fn release_to(&mut self, trash: &mut Self) {
        if !self.has_foreign() {
            return self.release();
        }
        trash.retired.append(&mut self.retired);
        if self.readable == 0 && self.pending == 0 {
            trash.retired.extend(self.segments.drain(..));
            return self.clear();
        }
        while self.read_at < self.flush_at && self.segments[self.read_at].readable() == 0 {
            self.read_at += 1;
        }
        let taken = std::mem::take(&mut self.read_at);
        self.flush_at -= taken;
        trash.retired.extend(self.segments.drain(..taken));
    }

    /// Whether there are somebody else's bytes in it, read or not.
    #[inline]
    pub(in crate::buf::link) fn has_foreign(&self) -> bool {
        let mut all = self.segments.iter().chain(&self.retired);
        all.any(|segment| segment.block().is_none())
    }

    /// Drops one segment; says whether there was one. Afterwards only this is of use.
    pub(in crate::buf::link) fn drop_next(&mut self) -> bool {
        let next = self.retired.pop().or_else(|| self.segments.pop_front());
        next.is_some()
    }

    /// Drops what was taken, but keeps one block, as [`recycle`](Self::recycle) does, if
    /// nothing else is there.
    #[inline]
    pub(in crate::buf::link) fn release_keeping(&mut self, most: usize) {
        if self.readable == 0 && self.pending == 0 {
            self.recycle(most);
        } else {
            self.release();
        }
    }

    /// The next bytes, if they lie in one piece.
    #[inline]
    pub(in crate::buf::link) fn piece(&self, n: usize) -> Option<Region> {
        let mut unread = self.segments.range(self.read_at.min(self.segments.len())..);
        let first = unread.find(|segment| segment.readable() > 0)?;
        (first.readable() >= n).then(|| first.peek(n))
    }

    /// Empties the chain, and keeps one block, if it is no larger than so many bytes
    /// and nobody else has it.
    #[inline]
    pub(in crate::buf::link) fn recycle(&mut self, most: usize) {
        if !self.recycle_only(most) {
            self.clear();
        }
    }

    /// The same, unless there are somebody else's bytes in it: then does nothing, and says
    /// so.
    #[inline]
    pub(in crate::buf::link) fn recycle_own(&mut self, most: usize) -> bool {
        self.recycle_only(most) || {
            let is_own = !self.has_foreign();
            if is_own {
                self.clear();
            }
            is_own
        }
    }

    /// Empties the chain, if it is one block that may be kept. Else does nothing, and says
    /// so.
    #[inline]
    fn recycle_only(&mut self, most: usize) -> bool {
        if !self.retired.is_empty() || self.rest.is_some() {
            return false;
        }
        let keeps = self
            .only()
            .is_some_and(|only| only.held() <= most && (only.is_fresh() || only.recycle()));
        if keeps {
            (self.read_at, self.flush_at) = (0, 0);
            (self.readable, self.pending) = (0, 0);
        }
        keeps
    }
}
