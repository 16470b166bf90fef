//! The chain of segments: where reading, flushing and writing stand.
//!
//! ```text
//!  segments   [ taken | taken,readable | readable | readable,pending | pending,spare ]
//!                       ^ read_at                   ^ flush_at         ^ the last one
//! ```
//!
//! - Before `read_at` everything is taken. It stays until it is released, because
//!   slices of it may be alive.
//! - Before `flush_at` nothing is pending, and behind it nothing is readable.
//! - Only the last segment is written to; but what is spare in others serves to join
//!   what lies across segments.
//!
//! Nothing here makes references of what it hands out. What it promises to who does:
//! **the methods that are named as shared below free nothing, and touch no byte that
//! they handed out before.** They are those of a buffer that is borrowed, so that
//! slices may be alive; the others are for a buffer that is borrowed exclusively.

mod phases;

use std::collections::VecDeque;
use std::io::BufRead;
use std::mem;
use std::ops::Range;

use bytes::Bytes;

use super::super::pool;
use super::hint::Hint;
use super::segment::{Region, Segment};
use super::{BLOCK_SIZE, COPIED, IN_PLACE};

/// What is spare in a block is carried over somebody else's bytes if it is as much as
/// this.
const WORTH_KEEPING: usize = 256;
/// Blocks of more than this do not come in sizes that double.
const LARGE: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Chain {
    segments: VecDeque<Segment>,
    /// Segments that were replaced by longer ones, until they are released.
    retired: Vec<Segment>,
    /// What was spare when somebody else's bytes came behind it.
    rest: Option<Segment>,
    read_at: usize,
    flush_at: usize,
    readable: usize,
    pending: usize,
    hint: Hint,
}

/// Room that is filled from outside: first what is spare, then a new segment.
#[derive(Debug)]
pub(super) struct Loan {
    /// Whether the last segment of the chain lends what it has.
    pub(super) tail: bool,
    pub(super) fresh: Option<Segment>,
    /// At most so many bytes are wanted.
    pub(super) most: usize,
}

// Shared: reading.
impl Chain {
    #[inline]
    pub(super) fn readable(&self) -> usize {
        self.readable
    }

    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// The segment that has the next bytes, so many of them in a row. They are joined
    /// for that if they lie across segments.
    #[inline]
    fn contiguous(&mut self, n: usize) -> Option<&mut Segment> {
        debug_assert!(n > 0);
        if n > self.readable {
            return None;
        }
        if self.segments[self.read_at].readable() < n {
            self.gather(n);
        }
        Some(&mut self.segments[self.read_at])
    }

    #[inline]
    pub(super) fn peek(&mut self, n: usize) -> Option<Region> {
        Some(self.contiguous(n)?.peek(n))
    }

    #[inline]
    pub(super) fn next(&mut self, n: usize) -> Option<Region> {
        let segment = self.contiguous(n)?;
        let region = segment.peek(n);
        segment.skip(n);
        self.readable -= n;
        Some(region)
    }

    /// The only segment, if there is just one.
    #[inline]
    fn only(&mut self) -> Option<&mut Segment> {
        match self.segments.len() {
            1 => self.segments.front_mut(),
            _ => None,
        }
    }

    /// Puts `read_at` where there is something to read; there must be something.
    #[inline]
    fn go_to_readable(&mut self) -> &mut Segment {
        while self.segments[self.read_at].readable() == 0 {
            self.read_at += 1;
        }
        &mut self.segments[self.read_at]
    }

    /// Joins the next bytes in the segment at `read_at`; there must be so many.
    #[cold]
    fn gather(&mut self, n: usize) {
        if self.go_to_readable().readable() >= n {
            return;
        }
        let at = self.read_at;
        let (had, spare) = (self.segments[at].readable(), self.segments[at].spare());
        let mut missing = n - had;
        // All that may panic comes before anything is moved: what leaves the chain by
        // unwinding would leave slices without memory.
        let longer = (spare < missing).then(|| {
            self.retired.reserve(1);
            // It was perhaps joined here before. Blocks double in size up to the
            // largest; beyond that this does it, so that what is copied and held stays
            // in proportion to what is read.
            let outgrown = self.segments[at].held() > LARGE;
            Segment::with_room_for(if outgrown { n.saturating_mul(2) } else { n })
        });
        let mut target = mem::replace(&mut self.segments[at], Segment::empty());
        if let Some(mut longer) = longer {
            longer.gather_from(&mut target, had);
            self.retired.push(mem::replace(&mut target, longer));
            pool::count_joined(had);
        }
        pool::count_joined(missing);
        for segment in self.segments.range_mut(at + 1..) {
            let part = missing.min(segment.readable());
            target.gather_from(segment, part);
            missing -= part;
            if missing == 0 {
                break;
            }
        }
        self.segments[at] = target;
    }

    /// Takes bytes without joining them: `take` gets each segment that has some, and
    /// how many to take. Returns whether there are so many; if not, takes none.
    #[inline]
    pub(super) fn take(&mut self, n: usize, mut take: impl FnMut(&mut Segment, usize)) -> bool {
        if n > self.readable {
            return false;
        }
        let mut left = n;
        while left > 0 {
            let segment = self.go_to_readable();
            let part = left.min(segment.readable());
            take(segment, part);
            left -= part;
            self.readable -= part;
        }
        true
    }

    /// Takes the next bytes, which there must be, as something that lives as long as it
    /// likes; `None` if they lie in several segments.
    pub(super) fn take_bytes(&mut self, n: usize) -> Option<Bytes> {
        debug_assert!(n > 0 && n <= self.readable);
        let segment = self.go_to_readable();
        if segment.readable() < n {
            return None;
        }
        // A small part would keep the whole from being used again.
        let bytes = if n >= COPIED && n >= segment.held() / 16 {
            segment.take_bytes(n)
        } else {
            let copy = Bytes::copy_from_slice(&segment.content()[..n]);
            segment.skip(n);
            copy
        };
        self.readable -= n;
        Some(bytes)
    }

    /// Takes bytes as a chain of their own.
    pub(super) fn split_to(&mut self, n: usize) -> Option<Self> {
        if n > self.readable {
            return None;
        }
        let mut parts = Self::default();
        if n > 0 {
            // They mostly lie in one.
            parts.segments.reserve_exact(1);
            self.take(n, |segment, part| {
                parts.segments.push_back(segment.split_to(part));
            });
            parts.readable = n;
            parts.flush_at = parts.segments.len() - 1;
        }
        Some(parts)
    }

    /// The readable bytes, in pieces.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Region> {
        let unread = self.segments.range(self.read_at.min(self.segments.len())..);
        let pieces = unread.map(|segment| segment.peek(segment.readable()));
        pieces.filter(|piece| !piece.is_empty())
    }

    /// How many bytes lie before the first one of this value, not looking at the first
    /// `from`.
    pub(super) fn position(&self, value: u8, from: usize) -> Option<usize> {
        let mut before = 0;
        for segment in self.segments.range(self.read_at.min(self.segments.len())..) {
            let content = segment.content();
            let skipped = from.saturating_sub(before).min(content.len());
            if let Some(found) = find(value, &content[skipped..]) {
                return Some(before + skipped + found);
            }
            before += content.len();
        }
        None
    }

    /// How many different blocks there are.
    #[cfg(test)]
    pub(super) fn blocks(&self) -> usize {
        let all = self.segments.iter().chain(&self.retired);
        let blocks = all.filter_map(Segment::block);
        blocks.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// All that is held, in bytes.
    pub(super) fn held(&self) -> usize {
        let mut last = None;
        let all = self.segments.iter().chain(&self.rest).chain(&self.retired);
        let held = all.map(|segment| {
            let block = segment.block();
            // Segments of one block come one after the other, somebody else's bytes
            // aside.
            let again = block.is_some() && block == last;
            last = block.or(last);
            if again { 0 } else { segment.held() }
        });
        held.sum()
    }
}

// Shared: writing.
impl Chain {
    /// The last segment, with at least so much that is spare.
    #[inline]
    fn with_spare(&mut self, n: usize) -> &mut Segment {
        let enough = self.segments.back().is_some_and(|last| last.spare() >= n);
        if !enough {
            self.grow(n);
        }
        self.segments.back_mut().expect("there is one now")
    }

    #[cold]
    fn grow(&mut self, n: usize) {
        let rest = self.rest.take_if(|rest| rest.spare() >= n);
        self.segments.push_back(rest.unwrap_or_else(|| {
            // What is long gets a block of its own.
            Segment::with_room_for(if n > IN_PLACE { n } else { BLOCK_SIZE })
        }));
    }

    #[inline]
    pub(super) fn malloc(&mut self, n: usize) -> Region {
        let region = self.with_spare(n).malloc(n);
        self.pending += n;
        region
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.with_spare(bytes.len()).push(bytes);
        self.pending += bytes.len();
    }

    /// Puts somebody else's bytes behind what is written.
    pub(super) fn push_bytes(&mut self, bytes: Bytes) {
        self.keep_rest();
        self.pending += bytes.len();
        self.segments.push_back(Segment::of(bytes));
    }

    /// Moves what another chain has behind what is written. What the other one still
    /// holds is for the caller to drop, where the owners of its bytes may do so.
    #[inline]
    pub(super) fn append(&mut self, other: &mut Self) {
        let len = other.readable + other.pending;
        if len < COPIED {
            for segment in &mut other.segments {
                if segment.readable() > 0 {
                    self.push(segment.content());
                }
                if segment.pending() > 0 {
                    self.push(segment.pending_content());
                }
            }
            return;
        }
        other.unflush();
        self.keep_rest();
        while let Some(segment) = other.segments.pop_front() {
            if segment.pending() > 0 {
                self.segments.push_back(segment);
            } else {
                other.retired.push(segment);
            }
        }
        self.pending += len;
    }

    fn keep_rest(&mut self) {
        if let Some(last) = self.segments.back_mut()
            && last.spare() >= WORTH_KEEPING
        {
            self.rest = Some(last.split_off_spare());
        }
    }

    /// Lends room to somebody who fills it from outside: about as much as is likely to
    /// come, in one piece if there may be only one.
    pub(super) fn lend(&mut self, most: usize, pieces: usize) -> Loan {
        let want = most.min(self.hint.size());
        let spare = self.segments.back().map_or(0, Segment::spare).min(want);
        let enough = if pieces > 1 { want } else { want.div_ceil(4) };
        let tail = spare > 0 && (pieces > 1 || spare >= enough);
        Loan {
            tail,
            fresh: (spare < enough).then(|| Segment::with_room_for(want)),
            most: if pieces > 1 && tail {
                spare + want
            } else {
                want
            }
            .min(most),
        }
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Segment> {
        self.segments.back_mut()
    }

    /// Counts bytes that were put to the spare part of the last segment, and a segment
    /// behind it that was filled. They can be read at once, unless something in front
    /// of them waits to be flushed.
    pub(super) fn came(&mut self, to_last: usize, fresh: Option<Segment>) {
        let at_once = self.pending == 0;
        self.pending += to_last;
        if let Some(fresh) = fresh {
            self.pending += fresh.pending();
            self.segments.push_back(fresh);
        }
        if at_once {
            self.flush();
        }
    }

    pub(super) fn learn(&mut self, came: usize, offered: usize) {
        self.hint.learn(came, offered);
    }
}

// Exclusive.
impl Chain {
    /// A chain that begins with room for so many bytes.
    pub(super) fn with_capacity(n: usize) -> Self {
        let mut chain = Self::default();
        chain.segments.push_back(Segment::with_room_for(n));
        chain
    }

    /// Makes readable what is pending. Among the shared methods only for
    /// [`came`](Self::came), which knows that nobody was given what is pending.
    #[inline]
    pub(super) fn flush(&mut self) {
        let Some(last) = self.segments.len().checked_sub(1) else {
            return;
        };
        for at in self.flush_at..=last {
            self.segments[at].flush();
        }
        self.flush_at = last;
        self.readable += self.pending;
        self.pending = 0;
    }

    /// Makes pending what is readable.
    fn unflush(&mut self) {
        self.segments.iter_mut().for_each(Segment::unflush);
        self.flush_at = self.read_at;
        self.pending += mem::take(&mut self.readable);
    }

    /// Forgets what is pending but the first so many bytes, which there must be.
    pub(super) fn truncate(&mut self, pending: usize) {
        let mut left = pending;
        for segment in self
            .segments
            .range_mut(self.flush_at.min(self.segments.len())..)
        {
            let part = left.min(segment.pending());
            segment.truncate(part);
            left -= part;
        }
        self.pending = pending;
        while self.segments.len() > self.flush_at + 1
            && self.segments.back().is_some_and(|last| last.pending() == 0)
        {
            self.segments.pop_back();
        }
    }

    /// Overwrites pending bytes, which must be there. `false`, and nothing is changed,
    /// if some of them may not be.
    pub(super) fn patch(&mut self, at: usize, bytes: &[u8]) -> bool {
        let mut may = true;
        self.visit_pending(at, bytes.len(), |segment, _| {
            may &= segment.pending_mut().is_some();
        });
        if may {
            let mut left = bytes;
            self.visit_pending(at, bytes.len(), |segment, part| {
                let (now, later) = left.split_at(part.len());
                if let Some(pending) = segment.pending_mut() {
                    pending[part].copy_from_slice(now);
                }
                left = later;
            });
        }
        may
    }

    /// Visits the segments that have these pending bytes, and says which of theirs.
    fn visit_pending(
        &mut self,
        mut at: usize,
        mut len: usize,
        mut visit: impl FnMut(&mut Segment, Range<usize>),
    ) {
        let first = self.flush_at.min(self.segments.len());
        for segment in self.segments.range_mut(first..) {
            let start = at.min(segment.pending());
            let part = len.min(segment.pending() - start);
            at -= start;
            if part > 0 {
                visit(segment, start..start + part);
                len -= part;
            }
        }
    }

    /// Drops what was taken.
    #[inline]
    pub(super) fn release(&mut self) {
        if self.readable == 0 && self.pending == 0 {
            return self.clear();
        }
        self.retired.clear();
        while self.read_at < self.flush_at && self.segments[self.read_at].readable() == 0 {
            self.read_at += 1;
        }
        let taken = mem::take(&mut self.read_at);
        self.flush_at -= taken;
        self.segments.drain(..taken);
    }

    /// Drops everything, and remembers how much to read at once.
    #[inline]
    pub(super) fn clear(&mut self) {
        // First, since what is dropped may panic.
        (self.read_at, self.flush_at) = (0, 0);
        (self.readable, self.pending) = (0, 0);
        self.rest = None;
        let retired = mem::take(&mut self.retired);
        self.segments.clear();
        drop(retired);
        // One or two segments come and go for every message: keep the place for them.
        if self.segments.capacity() > 8 {
            self.segments = VecDeque::new();
        }
    }

    /// Moves what is there to one block, if that is less than half of what is held.
    pub(super) fn shrink_to_fit(&mut self) {
        self.release();
        let (readable, pending) = (self.readable, self.pending);
        if readable + pending == 0 {
            return;
        }
        let mut whole = Segment::with_room_for(readable + pending);
        if self.held() <= 2 * whole.held() {
            return;
        }
        for segment in &mut self.segments {
            whole.push(segment.content());
        }
        whole.flush();
        for segment in &mut self.segments {
            whole.push(segment.pending_content());
        }
        let old = mem::take(self);
        self.hint = old.hint;
        self.segments.push_back(whole);
        (self.readable, self.pending) = (readable, pending);
    }

    /// What is spare in the last segment, which has some.
    pub(super) fn spare_mut(&mut self) -> &mut Segment {
        self.with_spare(1)
    }

    /// Counts bytes that were put to the spare part of the last segment.
    pub(super) fn advanced(&mut self, n: usize) {
        self.pending += n;
    }
}

/// Where the first byte of this value is.
fn find(value: u8, bytes: &[u8]) -> Option<usize> {
    // std searches quickly, but shows it only here.
    let mut left = bytes;
    let passed = left.skip_until(value).expect("a slice does not fail");
    (passed > 0 && bytes[passed - 1] == value).then(|| passed - 1)
}
