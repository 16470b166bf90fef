//! One link of the chain: a run of bytes, and who may do what with each of them.

use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;

use super::memory::Memory;

/// Bytes that a segment hands out. Whoever makes a reference of it says why nobody
/// else has one that conflicts.
pub(super) type Region = NonNull<[u8]>;

/// A run of bytes.
///
/// ```text
///  0        read        flushed       written       initialised      room
///  +---------+------------+-------------+----------------+------------+
///  |  taken  |  readable  |   pending   |  spare, ours   |   spare    |
///  +---------+------------+-------------+----------------+------------+
/// ```
///
/// | part | who has it |
/// |---|---|
/// | taken | who took it: as a slice, while the buffer is not changed exclusively; as `Bytes` or another buffer, as long as they like |
/// | readable | this segment, to read; slices of it are handed out by peeking |
/// | pending | who got it to write to, until the buffer is flushed |
/// | spare | this segment: the only one that may write there. Up to `initialised` it holds zeros, or what was written to it since it was taken from the pool; behind that anything |
///
/// Segments may share memory. Then no byte is spare in two of them, and what is
/// readable in one of them is spare in none. This is what makes it sound for one
/// thread to read a slice of a block whose tail another one still extends: they
/// touch different bytes, and no reference spans both.
#[derive(Debug)]
pub(super) struct Segment {
    /// Keeps the bytes where they are.
    holder: Holder,
    start: NonNull<u8>,
    read: usize,
    flushed: usize,
    written: usize,
    /// At least `written`; or zero where nothing may be written.
    room: usize,
    /// Says nothing where nothing may be written.
    initialised: usize,
    /// What is spare is lent to somebody who fills it.
    lent: bool,
}

#[derive(Debug)]
enum Holder {
    /// Nobody else has this memory, which costs no count.
    Alone(Memory),
    Shared(Arc<Memory>),
    /// Somebody's bytes: only to be read.
    Foreign(Bytes),
}

// SAFETY: `start` points into what `holder` holds, which is `Send`; and which of these
// bytes may be used is not a matter of threads.
unsafe impl Send for Segment {}

impl Segment {
    /// A segment with room for at least this many bytes.
    #[inline]
    pub(super) fn with_room_for(least: usize) -> Self {
        let memory = Memory::with_room_for(least);
        Self {
            start: memory.start(),
            room: memory.size(),
            holder: Holder::Alone(memory),
            read: 0,
            flushed: 0,
            written: 0,
            initialised: 0,
            lent: false,
        }
    }

    /// A segment whose content is pending.
    pub(super) fn of(bytes: Bytes) -> Self {
        // The address of the content of `Bytes` stays as it is while they are moved.
        let start = NonNull::from(&*bytes).cast();
        let len = bytes.len();
        Self::to_read(Holder::Foreign(bytes), start, 0, len)
    }

    /// A segment that cannot be written to.
    fn to_read(holder: Holder, start: NonNull<u8>, flushed: usize, written: usize) -> Self {
        Self {
            holder,
            start,
            read: 0,
            flushed,
            written,
            room: 0,
            initialised: 0,
            lent: false,
        }
    }

    /// What stands where another one was taken from.
    pub(super) fn empty() -> Self {
        Self::of(Bytes::new())
    }

    #[inline]
    pub(super) fn readable(&self) -> usize {
        self.flushed - self.read
    }

    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.written - self.flushed
    }

    #[inline]
    pub(super) fn spare(&self) -> usize {
        if self.lent {
            return 0;
        }
        self.room.saturating_sub(self.written)
    }

    /// How many bytes this keeps from being used for anything else.
    pub(super) fn held(&self) -> usize {
        match &self.holder {
            Holder::Alone(memory) => memory.size(),
            Holder::Shared(memory) => memory.size(),
            Holder::Foreign(bytes) => bytes.len(),
        }
    }

    /// Which block it is in, unless that is somebody else's.
    pub(super) fn block(&self) -> Option<NonNull<u8>> {
        match &self.holder {
            Holder::Alone(memory) => Some(memory.start()),
            Holder::Shared(memory) => Some(memory.start()),
            Holder::Foreign(_) => None,
        }
    }

    /// The address of the byte at this offset.
    #[inline]
    fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.room.max(self.written));
        // SAFETY: no offset of a segment lies beyond the end of its memory.
        unsafe { self.start.add(offset) }
    }

    #[inline]
    fn region(&self, offset: usize, len: usize) -> Region {
        NonNull::slice_from_raw_parts(self.at(offset), len)
    }

    // Reading.

    /// The next bytes, of which there must be so many.
    #[inline]
    pub(super) fn peek(&self, n: usize) -> Region {
        debug_assert!(n <= self.readable());
        self.region(self.read, n)
    }

    /// All that is readable.
    #[inline]
    pub(super) fn content(&self) -> &[u8] {
        // SAFETY: what is readable is initialised, and nobody writes to it. It lives as
        // long as the segment.
        unsafe { self.peek(self.readable()).as_ref() }
    }

    #[inline]
    pub(super) fn skip(&mut self, n: usize) {
        debug_assert!(n <= self.readable());
        self.read += n;
    }

    /// Takes bytes as a segment of its own, over the same memory.
    pub(super) fn split_to(&mut self, n: usize) -> Self {
        let start = self.at(self.read);
        self.skip(n);
        Self::to_read(self.another_holder(), start, n, n)
    }

    /// Takes bytes, as something that lives as long as it likes.
    pub(super) fn take_bytes(&mut self, n: usize) -> Bytes {
        let taken = self.read..self.read + n;
        self.skip(n);
        match self.another_holder() {
            Holder::Foreign(bytes) => {
                let offset = self.start.addr().get() - bytes.as_ptr().addr();
                bytes.slice(offset + taken.start..offset + taken.end)
            }
            holder => Bytes::from_owner(Piece {
                _holder: holder,
                bytes: self.region(taken.start, n),
            }),
        }
    }

    /// Another one that keeps the same bytes where they are.
    fn another_holder(&mut self) -> Holder {
        let shared = match mem::replace(&mut self.holder, Holder::Foreign(Bytes::new())) {
            Holder::Alone(memory) => Arc::new(memory),
            Holder::Shared(memory) => memory,
            Holder::Foreign(bytes) => {
                self.holder = Holder::Foreign(bytes.clone());
                return Holder::Foreign(bytes);
            }
        };
        self.holder = Holder::Shared(Arc::clone(&shared));
        Holder::Shared(shared)
    }

    // Writing.

    /// Hands out spare bytes, of which there must be so many, as pending. They are
    /// zeros, or what was written there since this memory was taken.
    #[inline]
    pub(super) fn malloc(&mut self, n: usize) -> Region {
        debug_assert!(n <= self.spare());
        self.initialise(n);
        let region = self.region(self.written, n);
        self.written += n;
        region
    }

    /// Sees to it that the next spare bytes, of which there must be so many, can be read.
    #[inline]
    fn initialise(&mut self, n: usize) {
        let end = self.written + n;
        if self.initialised < end {
            let missing = end - self.initialised;
            // SAFETY: these bytes are spare, so they are within the memory, and nobody
            // else uses them.
            unsafe { self.at(self.initialised).write_bytes(0, missing) };
            self.initialised = end;
        }
    }

    /// Copies bytes, for which there must be room, behind what is written.
    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.spare());
        let end = self.at(self.written);
        // SAFETY: so many bytes are spare. Nobody has a reference to those, so they do
        // not overlap with `bytes`, even if these belong to the same block.
        unsafe { end.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        self.add(bytes.len());
    }

    /// Counts bytes that were written to the beginning of what is spare.
    #[inline]
    fn add(&mut self, n: usize) {
        self.written += n;
        self.initialised = self.initialised.max(self.written);
    }

    /// Copies readable bytes of another segment behind what is readable here. Nothing
    /// may be pending here.
    pub(super) fn gather_from(&mut self, other: &mut Self, n: usize) {
        debug_assert_eq!(self.pending(), 0);
        self.push(&other.content()[..n]);
        self.flush();
        other.skip(n);
    }

    /// Makes readable what is pending.
    #[inline]
    pub(super) fn flush(&mut self) {
        self.flushed = self.written;
    }

    /// Makes pending what is readable.
    pub(super) fn unflush(&mut self) {
        self.flushed = self.read;
    }

    /// Forgets what is pending, up to the first so many bytes.
    pub(super) fn truncate(&mut self, pending: usize) {
        self.written = self.written.min(self.flushed + pending);
    }

    /// What is pending.
    pub(super) fn pending_content(&mut self) -> &[u8] {
        // SAFETY: what is pending is initialised, and belongs to who may change the
        // segment.
        unsafe { self.region(self.flushed, self.pending()).as_ref() }
    }

    /// What is pending, if that may be changed. (Somebody else's bytes may not.)
    pub(super) fn pending_mut(&mut self) -> Option<&mut [u8]> {
        if self.room == 0 {
            return None;
        }
        let mut region = self.region(self.flushed, self.pending());
        // SAFETY: what is pending is initialised, and belongs to who may change the
        // segment; where something may be written, nobody shares that.
        Some(unsafe { region.as_mut() })
    }

    /// Whether it is as [`recycle`](Self::recycle) leaves it.
    #[inline]
    pub(super) fn is_fresh(&self) -> bool {
        let untouched = self.written == 0 && self.initialised == 0 && !self.lent;
        untouched && matches!(self.holder, Holder::Alone(_))
    }

    /// Makes all of the memory spare again, if nobody else has it; says whether it did.
    /// What was in it cannot be read any more.
    #[inline]
    pub(super) fn recycle(&mut self) -> bool {
        let memory = match &mut self.holder {
            Holder::Alone(memory) => memory,
            Holder::Shared(shared) => match Arc::get_mut(shared) {
                Some(memory) => memory,
                None => return false,
            },
            Holder::Foreign(_) => return false,
        };
        (self.start, self.room) = (memory.start(), memory.size());
        (self.read, self.flushed, self.written) = (0, 0, 0);
        (self.initialised, self.lent) = (0, false);
        true
    }

    /// Cuts off what is spare, as a segment of its own.
    pub(super) fn split_off_spare(&mut self) -> Self {
        let (start, spare) = (self.at(self.written), self.spare());
        let ours = self.initialised - self.written;
        let mut rest = Self::to_read(self.another_holder(), start, 0, 0);
        rest.room = spare;
        rest.initialised = ours;
        self.room = self.written;
        self.initialised = self.written;
        rest
    }

    // Being filled.

    /// Lends spare bytes, at most so many, which are initialised. Until
    /// [`settle`](Self::settle) nothing is spare.
    pub(super) fn lend(&mut self, most: usize) -> Region {
        let n = self.spare().min(most);
        self.initialise(n);
        self.lent = true;
        self.region(self.written, n)
    }

    /// The same, of bytes that may be anything, and may be made to be anything.
    pub(super) fn lend_uninit(&mut self, most: usize) -> NonNull<[MaybeUninit<u8>]> {
        let n = self.spare().min(most);
        self.lent = true;
        // From here on none of it counts as initialised.
        self.initialised = self.written;
        NonNull::slice_from_raw_parts(self.at(self.written).cast(), n)
    }

    /// Whether these bytes were lent by this segment.
    pub(super) fn has_lent<T>(&self, lent: NonNull<[T]>) -> bool {
        self.lent && lent.cast() == self.at(self.written)
    }

    /// Ends a loan.
    ///
    /// # Safety
    ///
    /// The first `n` of the bytes that were lent are initialised, and nobody uses what
    /// was lent any more.
    pub(super) unsafe fn settle(&mut self, n: usize) {
        debug_assert!(self.lent);
        self.lent = false;
        self.add(n);
    }

    /// Spare bytes, to be written to from the beginning.
    pub(super) fn spare_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        // As in `lend_uninit`.
        self.initialised = self.written;
        let spare = self.spare();
        // SAFETY: what is spare belongs to this segment, and any memory is
        // `MaybeUninit`.
        unsafe { slice::from_raw_parts_mut(self.at(self.written).cast().as_ptr(), spare) }
    }

    /// Makes pending what was written to spare bytes.
    ///
    /// # Safety
    ///
    /// The first `n` spare bytes are there, and initialised.
    pub(super) unsafe fn advance(&mut self, n: usize) {
        debug_assert!(n <= self.spare());
        self.add(n);
    }
}

/// What `Bytes` own that were taken from a segment.
struct Piece {
    _holder: Holder,
    /// Within what is held.
    bytes: Region,
}

// SAFETY: `bytes` points into what `_holder` holds, which is `Send`, and is only read.
unsafe impl Send for Piece {}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: these bytes were readable in a segment, and were taken from it: they
        // are initialised, stay where they are as long as they are held, and nobody
        // writes to them.
        unsafe { self.bytes.as_ref() }
    }
}
