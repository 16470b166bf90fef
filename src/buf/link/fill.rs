//! Filling from outside, and draining to the outside.
//!
//! Who fills gets spare bytes while the buffer is merely borrowed, so that slices which
//! were read before stay alive; and while it fills, nothing of the buffer is held: it may
//! be a call that parks the task. If it uses the buffer itself meanwhile, which only
//! makes sense by mistake, what it filled comes behind what it did.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use super::LinkBuffer;
use super::segment::Segment;

/// So many pieces are written at once.
const PIECES: usize = 64;

/// # Filling and draining
///
/// What came from outside can be read at once, unless something that was written before
/// waits to be flushed: then it waits behind that.
///
/// How much to read at once is learned from how much comes: a page at first, up to 16 as
/// long as that is filled, and less again when it is not.
impl LinkBuffer {
    /// Reads once from `reader`, at most `most` bytes, and returns how many came.
    ///
    /// It waits as `reader` does.
    ///
    /// # Errors
    ///
    /// Those of `reader`.
    ///
    /// # Panics
    ///
    /// If `reader` says that it read more than it was given room for.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = netpoll::buf::LinkBuffer::new();
    /// let mut file = &b"content"[..];
    /// assert_eq!(buffer.read_from(&mut file, usize::MAX)?, 7);
    /// assert_eq!(buffer.next(7)?, b"content");
    /// assert_eq!(buffer.read_from(&mut file, usize::MAX)?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn read_from<R: Read + ?Sized>(&self, reader: &mut R, most: usize) -> io::Result<usize> {
        self.fill(most, |room| reader.read(room))
    }

    /// Lets `read` fill room for at most `most` bytes; it returns how many it filled,
    /// and so does this.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    ///
    /// # Panics
    ///
    /// If `read` says that it filled more than there was room for.
    pub fn fill<E>(
        &self,
        most: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        if most == 0 {
            return Ok(0);
        }
        let mut loan = self.with(|chain| chain.lend(most, 1));
        let mut lent = match &mut loan.fresh {
            Some(fresh) => fresh.lend(loan.most),
            None => self.lend_last(|last| last.lend(loan.most)),
        };
        // SAFETY: what is lent is initialised, and this method's until it is settled.
        let result = read(unsafe { lent.as_mut() });
        let n = *result.as_ref().unwrap_or(&0);
        assert!(
            n <= lent.len(),
            "a reader said that it read more than it could"
        );
        let parts = [(lent.cast(), n), NOTHING];
        // SAFETY: all that was lent is initialised.
        unsafe { self.settle(loan.fresh, parts) };
        self.learn(result, lent.len())
    }

    /// Lets `receive` fill room for at most `most` bytes, which may hold anything; it
    /// returns the part at the beginning that it filled, and this the length of that.
    ///
    /// For system calls, which need no zeros to write over.
    ///
    /// # Errors
    ///
    /// Those of `receive`.
    ///
    /// # Panics
    ///
    /// If `receive` returns something else.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let buffer = LinkBuffer::new();
    /// let n = buffer.receive(100, |room| {
    ///     let (mine, _) = room.split_at_mut(3);
    ///     for (place, byte) in mine.iter_mut().zip(*b"abc") {
    ///         place.write(byte);
    ///     }
    ///     // SAFETY: these were written just now.
    ///     Ok::<_, std::io::Error>(unsafe { &mut *(mine as *mut [_] as *mut [u8]) })
    /// })?;
    /// assert_eq!(n, 3);
    /// assert_eq!(buffer.next(3)?, b"abc");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn receive<E>(
        &self,
        most: usize,
        receive: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<&mut [u8], E>,
    ) -> Result<usize, E> {
        if most == 0 {
            return Ok(0);
        }
        let mut loan = self.with(|chain| chain.lend(most, 1));
        let mut lent = match &mut loan.fresh {
            Some(fresh) => fresh.lend_uninit(loan.most),
            None => self.lend_last(|last| last.lend_uninit(loan.most)),
        };
        // SAFETY: what is lent is this method's until it is settled, and any memory is
        // `MaybeUninit`.
        let result = receive(unsafe { lent.as_mut() });
        let filled: &[u8] = result.as_deref().unwrap_or_default();
        let n = filled.len();
        // A slice of bytes at this place shows that they are initialised: there is no
        // other sound way to come by one.
        let at_the_beginning = std::ptr::addr_eq(filled.as_ptr(), lent.cast::<u8>().as_ptr());
        assert!(
            n == 0 || (at_the_beginning && n <= lent.len()),
            "not a part of what there was to write to"
        );
        let parts = [(lent.cast(), n), NOTHING];
        let result = result.map(|_| n);
        // SAFETY: so many bytes are initialised.
        unsafe { self.settle(loan.fresh, parts) };
        self.learn(result, lent.len())
    }

    /// Lets `read` fill room for at most `most` bytes, in one or two pieces, in order;
    /// it returns how many it filled, and so does this.
    ///
    /// The room is what is left in the last block, and a new one that is given back if
    /// it was not needed.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    ///
    /// # Panics
    ///
    /// If `read` says that it filled more than there was room for.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    /// use std::io::Read;
    ///
    /// let buffer = LinkBuffer::new();
    /// let mut file = &[7; 1000][..];
    /// assert_eq!(buffer.fill_vectored(usize::MAX, |room| file.read_vectored(room))?, 1000);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn fill_vectored<E>(
        &self,
        most: usize,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let receive = |[first, second]: [&mut [MaybeUninit<u8>]; 2]| {
            // SAFETY: what `Segment::lend` lends is initialised.
            let [first, second] = unsafe { [bytes_of(first), bytes_of(second)] };
            let mut room = [IoSliceMut::new(first), IoSliceMut::new(second)];
            // An empty piece in front would look like the end to a reader that fills
            // only the first.
            let skipped = usize::from(room[0].is_empty());
            read(&mut room[skipped..])
        };
        // SAFETY: as above: all of it is initialised, however much is filled.
        unsafe { self.lend_pieces(most, Segment::lend, receive) }
    }

    /// Lets `receive` fill room for at most `most` bytes, in one or two pieces, which may
    /// hold anything; it returns how many it filled, in order, and so does this.
    ///
    /// For system calls like `readv`, which need no zeros to write over.
    ///
    /// # Safety
    ///
    /// `receive` has initialised as many bytes as it returns, from the beginning of the
    /// first piece on, and those of the second when the first is full.
    ///
    /// # Errors
    ///
    /// Those of `receive`.
    ///
    /// # Panics
    ///
    /// If `receive` says that it filled more than there was room for.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::buf::LinkBuffer;
    ///
    /// let buffer = LinkBuffer::new();
    /// // SAFETY: one byte is written, and one is what it returns.
    /// let n = unsafe {
    ///     buffer.receive_vectored(100, |[first, second]| {
    ///         let room = if first.is_empty() { second } else { first };
    ///         room[0].write(b'x');
    ///         Ok::<_, std::io::Error>(1)
    ///     })
    /// }?;
    /// assert_eq!(n, 1);
    /// assert_eq!(buffer.as_bytes(), b"x");
    /// # std::io::Result::Ok(())
    /// ```
    pub unsafe fn receive_vectored<E>(
        &self,
        most: usize,
        receive: impl FnOnce([&mut [MaybeUninit<u8>]; 2]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        // SAFETY: as the caller promises.
        unsafe { self.lend_pieces(most, Segment::lend_uninit, receive) }
    }

    /// Lets `receive` fill one or two pieces that `lend` lends.
    ///
    /// # Safety
    ///
    /// As many bytes as `receive` returns are initialised, in order.
    unsafe fn lend_pieces<T, E>(
        &self,
        most: usize,
        lend: impl Fn(&mut Segment, usize) -> NonNull<[T]>,
        receive: impl FnOnce([&mut [MaybeUninit<u8>]; 2]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        if most == 0 {
            return Ok(0);
        }
        let mut loan = self.with(|chain| chain.lend(most, 2));
        let empty = NonNull::slice_from_raw_parts(NonNull::dangling(), 0);
        let first = match loan.tail {
            true => self.lend_last(|last| lend(last, loan.most)),
            false => empty,
        };
        let left = loan.most - first.len();
        let second = match &mut loan.fresh {
            Some(fresh) => lend(fresh, left),
            None => empty,
        };
        let pieces = [first, second].map(|piece| {
            // SAFETY: what is lent is this method's until it is settled, any memory is
            // `MaybeUninit`, and two segments do not lend the same.
            unsafe { slice::from_raw_parts_mut(piece.cast().as_ptr(), piece.len()) }
        });
        let result = receive(pieces);
        let n = *result.as_ref().unwrap_or(&0);
        let offered = first.len() + second.len();
        assert!(
            n <= offered,
            "a reader said that it read more than it could"
        );
        let to_first = n.min(first.len());
        let parts = [(first.cast(), to_first), (second.cast(), n - to_first)];
        // SAFETY: as the caller promises.
        unsafe { self.settle(loan.fresh, parts) };
        self.learn(result, offered)
    }

    fn lend_last<T>(&self, lend: impl FnOnce(&mut Segment) -> T) -> T {
        self.with(|chain| lend(chain.last_mut().expect("it has something to lend")))
    }

    /// Learns from how much came, if that is known.
    fn learn<E>(&self, came: Result<usize, E>, offered: usize) -> Result<usize, E> {
        if let Ok(n) = came {
            self.with(|chain| chain.learn(n, offered));
        }
        came
    }

    /// Ends a loan: of each part so many bytes were filled. If the last segment lent
    /// something, the first part is that.
    ///
    /// # Safety
    ///
    /// These bytes are initialised, and nobody else uses them any more.
    unsafe fn settle(&self, mut fresh: Option<Segment>, parts: [(NonNull<u8>, usize); 2]) {
        let mut to_last = 0;
        for (start, n) in parts {
            let lent = NonNull::slice_from_raw_parts(start, n);
            if let Some(fresh) = fresh.as_mut().filter(|fresh| fresh.has_lent(lent)) {
                // SAFETY: as the caller promises.
                unsafe { fresh.settle(n) };
                continue;
            }
            let settled = self.with(|chain| {
                let last = chain.last_mut().filter(|last| last.has_lent(lent));
                // SAFETY: as the caller promises.
                last.map(|last| unsafe { last.settle(n) }).is_some()
            });
            if settled {
                to_last += n;
            } else if n > 0 {
                // Something was written meanwhile, behind which this comes. Where it is
                // now stays as it is, since the buffer is borrowed.
                // SAFETY: as the caller promises.
                let bytes = unsafe { lent.as_ref() };
                let mut copy = Segment::with_room_for(n);
                copy.push(bytes);
                self.with(|chain| chain.came(0, Some(copy)));
            }
        }
        let fresh = fresh.filter(|fresh| fresh.pending() > 0);
        self.with(|chain| chain.came(to_last, fresh));
    }

    /// Writes all there is to read to `writer`, in as few calls as possible, and gives
    /// it back as it goes. Returns how many bytes that were.
    ///
    /// It waits as `writer` does, and does not flush it.
    ///
    /// # Errors
    ///
    /// Those of `writer`, except that a call that was interrupted is made again; and
    /// [`WriteZero`](io::ErrorKind::WriteZero) if it takes nothing. What was not written
    /// is still in the buffer, and the rest is not.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut buffer = netpoll::buf::LinkBuffer::from(b"content");
    /// let mut file = Vec::new();
    /// assert_eq!(buffer.write_to(&mut file)?, 7);
    /// assert_eq!(file, b"content");
    /// assert!(buffer.is_empty());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn write_to<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<usize> {
        let all = self.len();
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let n = self.io_slices(&mut slices);
            match writer.write_vectored(&slices[..n]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.skip(written)?;
                    self.release();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }
}

const NOTHING: (NonNull<u8>, usize) = (NonNull::dangling(), 0);

/// # Safety
///
/// They are initialised.
unsafe fn bytes_of(piece: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    // SAFETY: as the caller promises; the layout is the same.
    unsafe { &mut *(piece as *mut [MaybeUninit<u8>] as *mut [u8]) }
}
