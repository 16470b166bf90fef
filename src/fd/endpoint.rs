//! Readers and writers of which we know the descriptor.
//!
//! `copy` takes any reader and any writer, as in std. If both are descriptors of our own
//! the kernel can move the bytes; and that a type is one of those is told as for
//! [sources](super::source): it [announces](announce_end) itself before there is a value
//! of it, and [`Ends::of`] looks whether the type is one of those, or a reference to one. A
//! reader that keeps bytes in a buffer does not announce itself: they would be passed over.

use std::any::TypeId;
use std::io;
use std::marker::PhantomData;
use std::sync::{PoisonError, RwLock};

use super::Fd;

/// What bytes come from, or go to.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// A socket for a stream of bytes.
    Socket(&'a Fd),
    /// What may be an end of a pipe.
    Pipe(&'a Fd),
    File(&'a dyn Sends),
}

/// A file, which knows whether its bytes can be sent from where they are.
pub(crate) trait Sends {
    /// Sends at most so many bytes to a socket. Zero if they had better be read and
    /// written.
    fn send_to(&self, socket: &Fd, most: usize) -> io::Result<usize>;
}

/// A reader or writer with a descriptor; see the [module](self).
///
/// Types that differ in lifetimes alone have the same `TypeId`. So a type with a lifetime
/// parameter implements this for `'static`, and makes no use of that.
pub(crate) trait Endpoint: Sized + 'static {
    /// Its descriptor, if there is one now.
    fn end(&self) -> Option<End<'_>>;
}

/// Finds the descriptor of a value of some type; takes a pointer to it.
type Find = for<'a> unsafe fn(*const (), PhantomData<&'a ()>) -> Option<End<'a>>;

/// By the types of readers and writers.
static FINDERS: RwLock<Vec<(TypeId, Find)>> = RwLock::new(Vec::new());

/// Makes a type of endpoint known, references to it, and what `copy` makes of those. Once
/// is enough.
pub(crate) fn announce_end<T: Endpoint>() {
    let mut finders = FINDERS.write().unwrap_or_else(PoisonError::into_inner);
    finders.extend([
        (TypeId::of::<T>(), of_value::<T> as Find),
        (TypeId::of::<&'static T>(), of_reference::<T>),
        (TypeId::of::<&'static mut T>(), of_reference::<T>),
        (TypeId::of::<&'static mut &'static T>(), of_second::<T>),
        (TypeId::of::<&'static mut &'static mut T>(), of_second::<T>),
    ]);
}

/// # Safety
///
/// `value` points to a `T` that is borrowed for `'a`.
unsafe fn of_value<'a, T: Endpoint>(value: *const (), _: PhantomData<&'a ()>) -> Option<End<'a>> {
    // SAFETY: as the caller promises.
    unsafe { &*value.cast::<T>() }.end()
}

/// # Safety
///
/// `value` points to a reference to a `T`, and is borrowed for `'a`.
unsafe fn of_reference<'a, T: Endpoint>(
    value: *const (),
    _: PhantomData<&'a ()>,
) -> Option<End<'a>> {
    // SAFETY: as the caller promises. Behind a shared borrow a `&mut T` may be read as
    // a `&T`: both are the same pointer, and the `T` is shared while the borrow lasts.
    unsafe { &**value.cast::<&'a T>() }.end()
}

/// # Safety
///
/// `value` points to a reference to a reference to a `T`, and is borrowed for `'a`.
unsafe fn of_second<'a, T: Endpoint>(value: *const (), _: PhantomData<&'a ()>) -> Option<End<'a>> {
    // SAFETY: as in `of_reference`, twice.
    unsafe { &***value.cast::<&'a &'a T>() }.end()
}

/// How to find the descriptor of a reader or writer of type `T`.
pub(crate) struct Ends<T>(Find, PhantomData<fn(&T)>);

impl<T> Ends<T> {
    /// `None` if it is of no type that we know.
    pub(crate) fn of() -> Option<Self> {
        let id = typeid::of::<T>();
        let finders = FINDERS.read().unwrap_or_else(PoisonError::into_inner);
        let (_, find) = finders.iter().find(|(of, _)| *of == id)?;
        Some(Self(*find, PhantomData))
    }

    pub(crate) fn end<'a>(&self, value: &'a T) -> Option<End<'a>> {
        let pointer: *const T = value;
        // SAFETY: this was found under the `TypeId` of `T`, so it is for that type, but
        // for lifetimes; and `value` is borrowed for `'a`, as is what it refers to.
        unsafe { (self.0)(pointer.cast(), PhantomData) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::sys::socket::unix;

    struct Known(Fd);

    impl Endpoint for Known {
        fn end(&self) -> Option<End<'_>> {
            Some(End::Socket(&self.0))
        }
    }

    /// The same memory, and no endpoint.
    struct Unknown(#[expect(dead_code, reason = "it is never read")] Fd);

    fn fd() -> Fd {
        Fd::new(unix::stream_pair().unwrap().0)
    }

    fn finds<T>(value: &T, expected: *const Fd) -> bool {
        match Ends::<T>::of().and_then(|ends| ends.end(value)) {
            Some(End::Socket(found)) => {
                assert!(std::ptr::eq(found, expected));
                true
            }
            _ => false,
        }
    }

    #[test]
    fn an_endpoint_is_known_by_value_and_by_reference() {
        announce_end::<Known>();
        let mut known = Known(fd());
        let expected: *const Fd = &known.0;
        assert!(finds(&known, expected));
        assert!(finds(&&known, expected));
        assert!(finds(&&mut known, expected));
        assert!(finds(&&mut &known, expected));
        assert!(finds(&&mut &mut known, expected));
        assert!(!finds(&Unknown(fd()), expected));
        assert!(!finds(&Box::new(Known(fd())), expected));
        assert!(Ends::<&mut dyn Read>::of().is_none());
        assert!(Ends::<&mut dyn Write>::of().is_none());
        assert!(Ends::<std::io::BufReader<Known>>::of().is_none());
    }
}
