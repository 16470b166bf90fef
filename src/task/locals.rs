//! Task-locals: values that each task, and each plain thread, has of its own.
//!
//! A value is found by the address of its key, which is a static. It lies in a box
//! of its own, shared between the list and whoever looks at it at the moment, so a
//! reference stays good whatever becomes of the list meanwhile. The list is there
//! from the first value on; a task without one pays for an empty pointer.
//!
//! # The end
//!
//! When the task has run, its values are destroyed, the youngest first. Their
//! destructors are the user's code: they may wait, and use other task-locals. A
//! value that one of them brings about is destroyed in its turn; one that has been
//! destroyed does not come back. So each key has one value at most, and the end
//! comes. What needs no destructor can be read to the last.
//!
//! ```text
//!  (no entry) ---- put ----> alive ---- its turn ----> destroyed --+
//!      ^                                                           |
//!      +---------------- all have had their turn ------------------+
//! ```
//!
//! What a task leaves to its join handle may have a destructor too, which runs on
//! the task, after all that, if the handle is dropped just then. It finds no entries,
//! and new ones are destroyed when the task leaves its stack.

use std::any::Any;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use super::local;
use super::or_abort::or_abort;

/// The values of one task or thread; see the [module](self).
///
/// The list is out of the cell while it is looked at, which never runs code of the
/// user.
pub(crate) struct Locals(Cell<Option<Box<List>>>);

#[derive(Default)]
struct List {
    entries: Vec<Entry>,
}

struct Entry {
    key: usize,
    needs_drop: bool,
    /// Gone once it was destroyed.
    value: Option<Rc<dyn Any>>,
}

/// What there is for a key.
pub(crate) enum Found {
    Nothing,
    Value(Rc<dyn Any>),
    /// It was destroyed, and will not come back.
    Destroyed,
}

impl Locals {
    pub(super) const fn new() -> Self {
        Self(Cell::new(None))
    }

    fn with_list<R>(&self, f: impl FnOnce(&mut List) -> R) -> R {
        let mut list = self.0.take().unwrap_or_default();
        let result = f(&mut list);
        self.0.set(Some(list));
        result
    }

    fn find(&self, key: usize) -> Found {
        let Some(list) = self.0.take() else {
            return Found::Nothing;
        };
        let entry = list.entries.iter().find(|entry| entry.key == key);
        let found = match entry.map(|entry| &entry.value) {
            None => Found::Nothing,
            Some(Some(value)) => Found::Value(Rc::clone(value)),
            Some(None) => Found::Destroyed,
        };
        self.0.set(Some(list));
        found
    }

    /// Puts a value in; returns the one that it replaces.
    fn put(&self, key: usize, value: Rc<dyn Any>, needs_drop: bool) -> Option<Rc<dyn Any>> {
        self.with_list(|list| {
            if let Some(entry) = list.entries.iter_mut().find(|entry| entry.key == key) {
                return entry.value.replace(value);
            }
            list.entries.push(Entry {
                key,
                needs_drop,
                value: Some(value),
            });
            None
        })
    }

    /// Destroys the values; see the [module](self).
    pub(super) fn end(&self) {
        let Some(list) = self.0.take() else {
            return;
        };
        self.0.set(Some(list));
        while let Some(value) = self.take_youngest() {
            // As in std, where the thread has nobody left to unwind to.
            or_abort("the destructor of a task-local panicked", || drop(value));
        }
        self.0.set(None);
    }

    fn take_youngest(&self) -> Option<Rc<dyn Any>> {
        self.with_list(|list| {
            let mut entries = list.entries.iter_mut().rev();
            entries.find_map(|entry| {
                if entry.needs_drop {
                    entry.value.take()
                } else {
                    None
                }
            })
        })
    }
}

/// How far a plain thread is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its end is not known of yet.
    Unwatched,
    Watched,
    Ended,
}

/// A plain thread's values. What the thread-local itself holds needs no destructor,
/// so that it can be used while another thread-local's destructor destroys the values.
struct OfThread {
    locals: ManuallyDrop<Locals>,
    stage: Cell<Stage>,
}

/// Destroys the values of a plain thread when the thread ends.
struct Watch;

impl Drop for Watch {
    fn drop(&mut self) {
        OF_THREAD.with(|thread| {
            thread.locals.end();
            thread.stage.set(Stage::Ended);
        });
    }
}

thread_local! {
    static OF_THREAD: OfThread = const {
        OfThread {
            locals: ManuallyDrop::new(Locals::new()),
            stage: Cell::new(Stage::Unwatched),
        }
    };
    static WATCH: Watch = const { Watch };
}

/// Looks for the calling task's value, or the calling thread's.
pub(crate) fn find_local(key: usize) -> Found {
    match local::current() {
        // SAFETY: it is the current task.
        Some((_, task)) => unsafe { task.own() }.locals.find(key),
        None => OF_THREAD.with(|thread| match thread.stage.get() {
            Stage::Ended => Found::Destroyed,
            _ => thread.locals.find(key),
        }),
    }
}

/// Gives the calling task, or thread, a value. Returns the one that it replaces,
/// which the caller drops.
pub(crate) fn put_local(key: usize, value: Rc<dyn Any>, needs_drop: bool) -> Option<Rc<dyn Any>> {
    match local::current() {
        // SAFETY: it is the current task.
        Some((_, task)) => unsafe { task.own() }.locals.put(key, value, needs_drop),
        None => OF_THREAD.with(|thread| {
            if thread.stage.get() == Stage::Unwatched {
                thread.stage.set(Stage::Watched);
                WATCH.with(|_| ());
            }
            thread.locals.put(key, value, needs_drop)
        }),
    }
}

/// Destroys the values of the calling task, which has run.
pub(crate) fn end_locals() {
    if let Some((_, task)) = local::current() {
        // SAFETY: it is the current task.
        unsafe { task.own() }.locals.end();
    }
}
