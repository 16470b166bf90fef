//! Readers that can bring a block of their own.
//!
//! A buffer over any [`Read`](std::io::Read) has to offer memory before anybody knows
//! whether there is something to put there, and holds it while it waits. A reader of
//! our own can do better: it waits with empty hands, then takes a block, and reads
//! straight into it. That is a [`Source`].
//!
//! `BufReader::new` and `copy` take any `Read`, as in std, and there is no way to ask
//! the compiler whether a type happens to be a `Source` as well. So the sources are
//! told apart by their `TypeId`s: a type [`announce`]s itself before there is a value
//! of it, and [`Known::new`] looks whether the reader's type is one of those, or a
//! reference to one. A type that nobody announced is read like any other.

use std::any::TypeId;
use std::io;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::buf::Block;

/// A reader of our own; see the [module](self).
///
/// Types that differ in lifetimes alone have the same `TypeId`. So a type with a lifetime
/// parameter implements this for `'static`, and makes no use of that. And
/// [`receive`](Self::receive) through a shared reference reads the same bytes as `read`
/// would through `&mut`.
pub(crate) trait Source: Sized + 'static {
    /// Reads what is there, but not more than so many bytes, which are not zero; waits
    /// if there is nothing. An empty block is the end.
    fn receive(&self, most: usize) -> io::Result<Block>;
}

/// Receives from a reader of some type; takes a pointer to it.
type Receive = unsafe fn(*const (), usize) -> io::Result<Block>;

/// By the types of readers. Written a few times in a process; read for each buffer and
/// each copy, which must not wait for each other.
static RECEIVERS: RwLock<Vec<(TypeId, Receive)>> = RwLock::new(Vec::new());

fn receivers() -> RwLockReadGuard<'static, Vec<(TypeId, Receive)>> {
    RECEIVERS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a type of source known, references to it, and what `copy` makes of those.
/// Once is enough.
pub(crate) fn announce<T: Source>() {
    let mut receivers = RECEIVERS.write().unwrap_or_else(PoisonError::into_inner);
    receivers.extend([
        (TypeId::of::<T>(), from_value::<T> as Receive),
        (TypeId::of::<&'static T>(), from_reference::<T>),
        (TypeId::of::<&'static mut T>(), from_reference::<T>),
        (TypeId::of::<&'static mut &'static T>(), from_second::<T>),
        (
            TypeId::of::<&'static mut &'static mut T>(),
            from_second::<T>,
        ),
    ]);
}

/// # Safety
///
/// `reader` points to a `T` that is borrowed for the call.
unsafe fn from_value<T: Source>(reader: *const (), most: usize) -> io::Result<Block> {
    // SAFETY: as the caller promises.
    unsafe { &*reader.cast::<T>() }.receive(most)
}

/// # Safety
///
/// `reader` points to a reference to a `T`, and is borrowed for the call.
unsafe fn from_reference<T: Source>(reader: *const (), most: usize) -> io::Result<Block> {
    // SAFETY: as the caller promises. Behind a shared borrow a `&mut T` may be read as
    // a `&T`: both are the same pointer, and the `T` is shared while the borrow lasts.
    unsafe { &**reader.cast::<&T>() }.receive(most)
}

/// # Safety
///
/// `reader` points to a reference to a reference to a `T`, and is borrowed for the call.
unsafe fn from_second<T: Source>(reader: *const (), most: usize) -> io::Result<Block> {
    // SAFETY: as in `from_reference`, twice.
    unsafe { &***reader.cast::<&&T>() }.receive(most)
}

/// A reader, and how it receives blocks, if it does.
pub(crate) struct Known<R: ?Sized> {
    /// For the type that `reader` had when this was made: `R`, or what `R` was before it
    /// became a trait object.
    receive: Option<Receive>,
    reader: R,
}

impl<R> Known<R> {
    pub(crate) fn new(reader: R) -> Self {
        let id = typeid::of::<R>();
        let receivers = receivers();
        let found = receivers.iter().find(|(of, _)| *of == id);
        Self {
            receive: found.map(|(_, receive)| *receive),
            reader,
        }
    }

    pub(crate) fn into_reader(self) -> R {
        self.reader
    }
}

impl<R: ?Sized> Known<R> {
    pub(crate) fn reader(&self) -> &R {
        &self.reader
    }

    pub(crate) fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// See [`Source::receive`]. `None` if it is no source.
    #[inline]
    pub(crate) fn receive(&self, most: usize) -> Option<io::Result<Block>> {
        let receive = self.receive?;
        let reader = (&raw const self.reader).cast();
        // SAFETY: `receive` was found under the `TypeId` of the reader's type, so it is
        // for that type, but for lifetimes. (The type is still that: a value behind
        // `reader_mut` is replaced only by one of its type, and a trait object by
        // none.) It is `T`, which makes nothing of its lifetimes, or references to a `T`, which are
        // valid as the reader is; the reader is borrowed for the call, and no borrow is
        // made of it that is longer. No `T` is unsized, so the cast loses what belongs to
        // a trait object alone.
        Some(unsafe { receive(reader, most) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    struct Letters(u8);

    impl Source for Letters {
        fn receive(&self, most: usize) -> io::Result<Block> {
            let mut block = Block::with_room_for(most);
            block.push(&vec![self.0; most]);
            Ok(block)
        }
    }

    impl Read for Letters {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("it receives");
        }
    }

    /// The same size, and no source.
    struct Others(#[expect(dead_code, reason = "it is never read")] u8);

    fn received<R>(reader: R) -> Option<Vec<u8>> {
        let known = Known::new(reader);
        Some(known.receive(3)?.unwrap().to_vec())
    }

    #[test]
    fn a_source_is_known_by_value_and_by_reference() {
        assert_eq!(received(Letters(b'a')), None, "nobody announced it");
        announce::<Letters>();
        let mut letters = Letters(b'b');
        let expected = Some(b"bbb".to_vec());
        assert_eq!(received(&letters), expected);
        assert_eq!(received(&mut letters), expected);
        assert_eq!(received(&mut &letters), expected);
        assert_eq!(received(&mut &mut letters), expected);
        assert_eq!(received(letters), expected);

        assert_eq!(received(Others(b'b')), None);
        assert_eq!(received(Box::new(Letters(b'b'))), None);
        assert_eq!(received(&b"bytes"[..]), None);
        let mut letters = Letters(b'b');
        assert_eq!(received::<&mut dyn Read>(&mut letters), None);

        // What it was stays known when it becomes a trait object.
        let known: Box<Known<dyn Read>> = Box::new(Known::new(letters));
        assert_eq!(&**known.receive(2).unwrap().as_ref().unwrap(), b"bb");
    }
}
