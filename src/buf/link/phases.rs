//! What an event loop does with buffers: it receives for many connections into one, and
//! sends for many from one.

use std::io::IoSlice;
use std::mem::MaybeUninit;

use super::LinkBuffer;

impl LinkBuffer {
    /// Lets `receive` fill a window of exactly so many bytes, in a block of `size` bytes
    /// that goes on being filled; it returns the part at the beginning that it filled.
    /// That can be read at once.
    ///
    /// # Panics
    ///
    /// If `receive` returns something else.
    pub(crate) fn receive_window<E>(
        &mut self,
        window: usize,
        size: usize,
        receive: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<&mut [u8], E>,
    ) -> Result<usize, E> {
        let chain = self.chain.get_mut();
        let segment = chain.window(window, size);
        let room = &mut segment.spare_mut()[..window];
        let start = room.as_ptr().cast::<u8>();
        let filled = receive(room)?;
        let n = filled.len();
        assert!(
            n == 0 || (filled.as_ptr() == start && n <= window),
            "not a part of what there was to write to"
        );
        // SAFETY: so many of the spare bytes are initialised: a slice of bytes at their
        // address shows it.
        unsafe { segment.advance(n) };
        chain.advanced(n);
        chain.flush();
        Ok(n)
    }

    /// Moves the next `n` bytes to the end of another buffer, where they can be read at
    /// once. What is short is copied; the rest shares memory with this one.
    #[inline]
    pub(crate) fn give(&mut self, n: usize, to: &mut Self) {
        self.chain.get_mut().give(n, to.chain.get_mut());
    }

    /// Moves the next `n` bytes, of which there must be so many, to another buffer, in which
    /// nothing is, without copying them. If there is nothing else, the two change places.
    #[inline]
    pub(crate) fn part_with(&mut self, n: usize, to: &mut Self) {
        debug_assert!(to.is_empty() && to.malloc_len() == 0);
        if n == self.len() {
            return std::mem::swap(self, to);
        }
        let enough = self.chain.get_mut().share(n, to.chain.get_mut());
        debug_assert!(enough);
    }

    /// Copies the next `n` bytes to the end of another buffer, and takes them.
    pub(crate) fn copy(&mut self, n: usize, to: &mut Self) {
        self.chain.get_mut().copy(n, to.chain.get_mut());
    }

    /// Moves all that was written to another buffer to the end of this one, where it can
    /// be read at once.
    #[inline]
    pub(crate) fn take_all(&mut self, other: &mut Self) {
        self.chain.get_mut().take_all(other.chain.get_mut());
    }

    /// Moves all that was written to another buffer to the end of this one, where it can be
    /// read at once, although slices of this one may be alive. Nothing may wait to be
    /// flushed here.
    pub(crate) fn append_flushed(&self, other: Self) {
        let mut other = other.chain.into_inner();
        self.with(|chain| chain.take_all(&mut other));
    }

    /// Gives back what has been read, but leaves somebody else's bytes, whose destructor
    /// may do anything, to another buffer.
    pub(crate) fn release_to(&mut self, trash: &mut Self) {
        self.chain.get_mut().release_to(trash.chain.get_mut());
    }

    /// Whether there are somebody else's bytes in it, read or not.
    #[inline]
    pub(crate) fn has_foreign(&self) -> bool {
        self.chain.borrow().has_foreign()
    }

    /// Drops a part of what is in it; says whether there was one. What is left is to be
    /// dropped, too.
    pub(crate) fn drop_next(&mut self) -> bool {
        self.chain.get_mut().drop_next()
    }

    /// As [`release`](Self::release), but if nothing is left, keeps one block of at most so
    /// many bytes for what comes next.
    #[inline]
    pub(crate) fn release_keeping(&mut self, most: usize) {
        self.chain.get_mut().release_keeping(most);
    }

    /// As [`recycle`](Self::recycle), unless there are somebody else's bytes in it: then does
    /// nothing, and says so.
    #[inline]
    pub(crate) fn recycle_own(&mut self, most: usize) -> bool {
        self.chain.get_mut().recycle_own(most)
    }

    /// Empties the buffer, and keeps one block of at most so many bytes.
    #[inline]
    pub(crate) fn recycle(&mut self, most: usize) {
        self.chain.get_mut().recycle(most);
    }

    /// The next `n` bytes, if they lie in one piece.
    #[inline]
    pub(crate) fn piece_of(&self, n: usize) -> Option<&[u8]> {
        let piece = self.chain.borrow().piece(n)?;
        // SAFETY: what is readable is initialised; it stays where it is, and is not
        // written to, as long as the buffer is borrowed. See the module.
        Some(unsafe { piece.as_ref() })
    }

    /// Fills `slices` with the next `n` bytes, as far as they go, and returns how many
    /// slices those are.
    #[inline]
    pub(crate) fn slices_of<'a>(&'a self, n: usize, slices: &mut [IoSlice<'a>]) -> usize {
        let chain = self.chain.borrow();
        let (mut left, mut used) = (n, 0);
        for (slice, piece) in slices.iter_mut().zip(chain.pieces()) {
            if left == 0 {
                break;
            }
            // SAFETY: what is readable is initialised; it stays where it is, and is not
            // written to, as long as the buffer is borrowed. See the module.
            let bytes: &[u8] = unsafe { piece.as_ref() };
            let part = bytes.len().min(left);
            *slice = IoSlice::new(&bytes[..part]);
            left -= part;
            used += 1;
        }
        used
    }
}
