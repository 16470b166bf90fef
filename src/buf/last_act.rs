//! A value that does something when it is dropped, and can be taken out without that.
//!
//! A writer with a buffer flushes when it is dropped; yet what it writes to can be had
//! back. A type with a `Drop` of its own cannot be taken apart in safe code.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// What is done before a value is dropped.
pub(crate) trait Last {
    fn last(&mut self);
}

/// See the [module](self).
pub(crate) struct LastAct<T: ?Sized + Last>(T);

impl<T: Last> LastAct<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, which has no last act any more.
    pub(crate) fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the value is valid, and nobody uses it at its old place any more: it is
        // not dropped there, nor is `self`.
        unsafe { std::ptr::read(&this.0) }
    }
}

impl<T: ?Sized + Last> Deref for LastAct<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized + Last> DerefMut for LastAct<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: ?Sized + Last> Drop for LastAct<T> {
    fn drop(&mut self) {
        self.0.last();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    struct Counted(Rc<Cell<u32>>);

    impl Last for Counted {
        fn last(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn the_last_act_happens_once_or_not_at_all() {
        let count = Rc::new(Cell::new(0));
        drop(LastAct::new(Counted(Rc::clone(&count))));
        assert_eq!(count.get(), 1);

        let inner = LastAct::new(Counted(Rc::clone(&count))).into_inner();
        assert_eq!(
            Rc::strong_count(&count),
            2,
            "it is neither lost nor there twice"
        );
        drop(inner);
        assert_eq!(count.get(), 1);
        assert_eq!(Rc::strong_count(&count), 1);
    }
}
