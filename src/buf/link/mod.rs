//! [`LinkBuffer`]: a chain of blocks.
//!
//! | file | idea |
//! |---|---|
//! | `memory` | memory from the pool, which several may hold |
//! | `segment` | a run of bytes in it, and who may do what with which of them |
//! | `chain` | the segments in order: where reading, flushing and writing stand |
//! | `hint` | how much to read at once |
//! | `read`, `write`, `fill` | the methods: references are made here, and nowhere else |
//! | `traits` | those of std and of `bytes` |
//!
//! # Why references may be made of what the chain hands out
//!
//! 1. *It stays.* Memory leaves the chain only by methods that take the buffer
//!    exclusively, or with the buffer itself. A slice borrows the buffer, so neither
//!    happens while it lives. (Segments may move; their memory does not.)
//! 2. *What is readable is not written to.* Only spare bytes are written to by who has
//!    a shared buffer, and a byte is spare in one segment at most, of all that share
//!    memory; see [`Segment`](segment::Segment).
//! 3. *What is handed out to be written to is handed out once*, as pending, and is not
//!    readable before the buffer is flushed, which takes it exclusively.
//! 4. *No reference spans bytes of two kinds.* References are made of exactly the bytes
//!    that were asked for, from an address that came from the allocator, so none of them
//!    disturbs another, whatever model of aliasing one believes in.
//!
//! The state of the chain itself is in a `RefCell`, which is borrowed for as long as one
//! method of the chain runs: no code of a user's runs meanwhile, and nothing parks.

mod chain;
mod fill;
mod hint;
mod memory;
mod phases;
mod read;
mod segment;
mod traits;
mod write;

use std::cell::RefCell;
use std::fmt;

use chain::Chain;

/// How large the blocks are that a [`LinkBuffer`] takes to be written to, unless a
/// larger one is needed: 4 KiB.
pub const BLOCK_SIZE: usize = 4 << 10;

/// What is longer than this, 4 KiB, gets a block of its own when a [`LinkBuffer`]
/// copies it and has no room for it.
pub const IN_PLACE: usize = 4 << 10;

/// What is shorter than this, 512 bytes, is copied rather than shared, so that it does
/// not keep a block from being used again.
pub const COPIED: usize = 512;

/// A buffer that is a chain of pooled blocks: written at one end, read at the other,
/// without moving what is in it.
///
/// The [module](super) says how it works, and by which rules.
///
/// A buffer may be sent to another thread, but not be shared between threads. Nothing
/// here parks the task or blocks the thread.
///
/// # Examples
///
/// ```
/// use netpoll::buf::LinkBuffer;
///
/// let mut buffer = LinkBuffer::new();
/// buffer.write_string("key=");
/// buffer.write_binary(b"value");
/// assert_eq!(buffer.len(), 0, "not yet flushed");
/// buffer.flush();
///
/// // Both are in the buffer's memory, and alive side by side.
/// let key = buffer.until(b'=', 100)?;
/// let value = buffer.next(5)?;
/// assert_eq!((key, value), (&b"key="[..], &b"value"[..]));
///
/// buffer.release();
/// # std::io::Result::Ok(())
/// ```
///
/// What was released cannot be used any more, and the compiler sees to it:
///
/// ```compile_fail,E0502
/// # let mut buffer = netpoll::buf::LinkBuffer::from(b"value");
/// let value = buffer.next(5).unwrap();
/// buffer.release();
/// assert_eq!(value, b"value");
/// ```
///
/// Nor what was flushed be written to:
///
/// ```compile_fail,E0502
/// # let mut buffer = netpoll::buf::LinkBuffer::new();
/// let header = buffer.malloc(4);
/// buffer.flush();
/// header[0] = 1;
/// ```
///
/// Nor what is gone be read:
///
/// ```compile_fail,E0505
/// # let mut buffer = netpoll::buf::LinkBuffer::from(b"value");
/// # let other = netpoll::buf::LinkBuffer::new();
/// let value = buffer.peek(5).unwrap();
/// other.append(buffer);
/// assert_eq!(value, b"value");
/// ```
///
/// ```compile_fail,E0597
/// let value = {
///     let buffer = netpoll::buf::LinkBuffer::from(b"value");
///     buffer.next(5).unwrap()
/// };
/// ```
///
/// And a buffer is one thread's at a time:
///
/// ```compile_fail,E0277
/// let buffer = netpoll::buf::LinkBuffer::from(b"value");
/// std::thread::scope(|scope| {
///     scope.spawn(|| buffer.len());
/// });
/// ```
#[derive(Default)]
pub struct LinkBuffer {
    chain: RefCell<Chain>,
}

impl LinkBuffer {
    /// An empty buffer. It takes its first block when there is something to put in.
    #[doc(alias = "NewLinkBuffer")]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer whose first block has room for this many bytes.
    ///
    /// It is given back as any other, when all that was in it has been read and
    /// released.
    ///
    /// # Panics
    ///
    /// If `capacity` is more than an allocation can have.
    #[doc(alias = "NewLinkBuffer")]
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::of(Chain::with_capacity(capacity))
    }

    fn of(chain: Chain) -> Self {
        Self {
            chain: RefCell::new(chain),
        }
    }

    /// Runs a method of the chain. It may not run code of a user's.
    #[inline]
    fn with<T>(&self, f: impl FnOnce(&mut Chain) -> T) -> T {
        f(&mut self.chain.borrow_mut())
    }

    /// How many bytes there are to read.
    #[doc(alias = "Len")]
    #[inline]
    pub fn len(&self) -> usize {
        self.chain.borrow().readable()
    }

    /// Whether there is nothing to read.
    #[doc(alias = "IsEmpty")]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes were written and not flushed yet.
    #[doc(alias = "MallocLen")]
    #[inline]
    pub fn malloc_len(&self) -> usize {
        self.chain.borrow().pending()
    }

    /// How many bytes of memory the buffer holds: blocks with something to read or
    /// room to write, and those with nothing but what was read and not released yet.
    ///
    /// Memory that other buffers or `Bytes` hold, too, counts in each of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let mut buffer = LinkBuffer::from(&[7; 10_000]);
    /// let before = buffer.held();
    /// assert!(before >= 10_000);
    /// buffer.skip(10_000)?;
    /// assert_eq!(buffer.held(), before);
    /// buffer.release();
    /// assert_eq!(buffer.held(), 0);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn held(&self) -> usize {
        self.chain.borrow().held()
    }

    /// Gives back what has been read: blocks with nothing else in them go back to the
    /// pool. A buffer in which nothing is left, read or written, then holds none.
    ///
    /// Slices that were read end here.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut buffer = netpoll::buf::LinkBuffer::from(b"first second");
    /// let first = buffer.next(5)?.to_vec();
    /// buffer.release();
    /// assert_eq!(first, b"first");
    /// assert_eq!(buffer.as_bytes(), b" second");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Release")]
    #[inline]
    pub fn release(&mut self) {
        self.chain.get_mut().release();
    }

    /// Gives back everything, read or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut buffer = netpoll::buf::LinkBuffer::from(b"never read");
    /// buffer.clear();
    /// assert!(buffer.is_empty());
    /// ```
    #[doc(alias = "Close")]
    pub fn clear(&mut self) {
        self.chain.get_mut().clear();
    }

    /// Copies what is in the buffer to one block that is no larger than it has to be,
    /// if it holds more than twice that now, and gives back the others.
    ///
    /// For a buffer that will wait for long: a few bytes at the end of a large block
    /// keep all of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let mut buffer = LinkBuffer::from(&[7; 100_000]);
    /// buffer.skip(99_990)?;
    /// buffer.shrink_to_fit();
    /// assert_eq!(buffer.as_bytes(), [7; 10]);
    /// assert!(buffer.held() < 10_000);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn shrink_to_fit(&mut self) {
        self.chain.get_mut().shrink_to_fit();
    }
}

impl fmt::Debug for LinkBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkBuffer")
            .field("len", &self.len())
            .field("malloc_len", &self.malloc_len())
            .field("held", &self.held())
            .finish()
    }
}

#[cfg(test)]
mod tests;
