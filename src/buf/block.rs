//! A block of bytes.

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;

use super::class::Class;
use super::pool;

/// A block of bytes from the pool, to which it goes back when it is dropped.
///
/// ```text
///  0           len          initialised         capacity
///  +------------+------------------+------------------+
///  |  written   |      ours        |     anything     |
///  +------------+------------------+------------------+
/// ```
///
/// | part | holds | who sees it |
/// |---|---|---|
/// | written | what was put there, in order | everybody, as the block's content |
/// | ours | zeros, or what was put there since the block was taken | a reader that fills the block |
/// | anything | what an earlier owner left, or nothing at all | nobody |
///
/// There are three ways to add to what is written. [`push`](Self::push) copies.
/// [`receive`](Self::receive) is for our own system calls: they get memory that
/// cannot be read, and hand back the part that they wrote. [`fill`](Self::fill) is for
/// a [`Read`](std::io::Read) of somebody else's, which gets a plain slice and might
/// look at what is in it, or say that it wrote more than it did; so what it gets is
/// set to zero first. That happens once while a block is held, not at each read.
pub(crate) struct Block {
    memory: NonNull<u8>,
    capacity: usize,
    /// At most `capacity`.
    len: usize,
    /// At least `len`, at most `capacity`.
    initialised: usize,
}

// SAFETY: a block is the only owner of its memory, which belongs to no thread: the
// pool takes it back on any. Bytes are `Send` and `Sync`.
unsafe impl Send for Block {}
// SAFETY: as above; a shared block is only read.
unsafe impl Sync for Block {}

impl Block {
    /// A block with room for at least this many bytes, and nothing written.
    ///
    /// # Panics
    ///
    /// If `least` is more than an allocation can have.
    #[inline]
    pub(crate) fn with_room_for(least: usize) -> Self {
        let capacity = Class::with_room_for(least).map_or(least, Class::size);
        Self {
            memory: pool::take(capacity),
            capacity,
            len: 0,
            initialised: 0,
        }
    }

    /// How many bytes have room in all.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets what was written.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Forgets the first `n` bytes of what was written; the others move to the front.
    ///
    /// # Panics
    ///
    /// If fewer are written.
    pub(crate) fn discard(&mut self, n: usize) {
        let left = self.len.checked_sub(n).expect("no more than was written");
        // SAFETY: both ranges lie in the written part, which may overlap.
        unsafe { std::ptr::copy(self.memory.add(n).as_ptr(), self.memory.as_ptr(), left) };
        self.len = left;
    }

    /// Copies as many of the bytes as there is room for behind what is written, and
    /// returns how many.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.capacity - self.len);
        // SAFETY: there is room for `n` bytes behind `len`, in memory that only this
        // block has, so `bytes` does not overlap with it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.end().as_ptr(), n) };
        self.written(n);
        n
    }

    /// Lets `read` write behind what is written, at most `most` bytes and as far as
    /// there is room, into memory that holds nothing of an earlier owner's; it says
    /// how many it wrote. Returns that number.
    ///
    /// # Panics
    ///
    /// If `read` says that it wrote more than it was given room for.
    pub(crate) fn fill<E>(
        &mut self,
        most: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let most = most.min(self.capacity - self.len);
        let ours = self.initialised - self.len;
        if ours < most {
            // SAFETY: the memory is valid for `most` bytes behind `len`, and only this
            // block has it.
            unsafe { self.end().add(ours).write_bytes(0, most - ours) };
            self.initialised = self.len + most;
        }
        // SAFETY: as above, and these bytes are initialised. The borrow of `self` is
        // exclusive and outlasts the slice.
        let slice = unsafe { std::slice::from_raw_parts_mut(self.end().as_ptr(), most) };
        let n = read(slice)?;
        assert!(n <= most, "a reader said that it read more than it could");
        self.len += n;
        Ok(n)
    }

    /// Lets `receive` write behind what is written, at most `most` bytes and as far as
    /// there is room. It gets memory that may hold anything, and returns the part at
    /// the beginning that it wrote. Returns the length of that.
    ///
    /// # Panics
    ///
    /// If `receive` returns something else.
    pub(crate) fn receive<E>(
        &mut self,
        most: usize,
        receive: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<&mut [u8], E>,
    ) -> Result<usize, E> {
        let start = self.end();
        let most = most.min(self.capacity - self.len);
        // Memory that may hold anything may also be made to hold nothing: from here
        // on none of it counts as initialised.
        self.initialised = self.len;
        // SAFETY: the memory is valid for `most` bytes behind `len`, the borrow of
        // `self` is exclusive and outlasts the slice, and any memory is `MaybeUninit`.
        let spare = unsafe { std::slice::from_raw_parts_mut(start.as_ptr().cast(), most) };
        let written = receive(spare)?;
        let n = written.len();
        // A slice of bytes at this place shows that they are initialised: there is no
        // other sound way to come by one.
        assert!(
            n == 0 || (written.as_ptr() == start.as_ptr() && n <= most),
            "not a part of what there was to write to"
        );
        self.written(n);
        Ok(n)
    }

    /// Where the written part ends.
    #[inline]
    fn end(&self) -> NonNull<u8> {
        // SAFETY: `len` is not beyond the end of the memory.
        unsafe { self.memory.add(self.len) }
    }

    #[inline]
    fn written(&mut self, n: usize) {
        self.len += n;
        self.initialised = self.initialised.max(self.len);
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the memory is valid, and initialised up to `len`; who can change it
        // needs the block exclusively.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.len) }
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the memory came from the pool with this size, and belongs to the
        // block, which ends.
        unsafe { pool::give_back(self.memory, self.capacity) };
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({}/{})", self.len, self.capacity)
    }
}

#[cfg(test)]
mod tests;
