//! Task-locals, in the shape of std's thread-locals.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use crate::task::{Found, find_local, put_local};

/// Declares statics of which each task has a value of its own, in the syntax of
/// [`std::thread_local!`].
///
/// A thread that runs no task has a value of its own too. See
/// [`LocalKey`](crate::thread::LocalKey) for how they begin and end.
///
/// With std's macro, the tasks of one worker share one value.
///
/// # Syntax
///
/// Any number of statics, with attributes and visibility; their initial values are
/// expressions, or constants: `const { .. }`.
///
/// # Examples
///
/// ```
/// use netpoll::thread;
/// use std::cell::{Cell, RefCell};
///
/// netpoll::thread_local! {
///     /// How many requests this task has served.
///     pub static SERVED: Cell<u32> = const { Cell::new(0) };
///
///     static LOG: RefCell<Vec<String>> = RefCell::new(Vec::new());
/// }
///
/// SERVED.set(1);
/// let task = thread::spawn(|| {
///     LOG.with_borrow_mut(|log| log.push("began".to_owned()));
///     thread::yield_now();
///     (SERVED.get(), LOG.take().len())
/// });
/// assert_eq!(task.join().unwrap(), (0, 1));
/// assert_eq!(SERVED.get(), 1);
/// ```
#[doc(alias = "task_local")]
#[macro_export]
macro_rules! thread_local {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr);* $(;)?) => {
        $(
            $(#[$attribute])*
            $visibility static $name: $crate::thread::LocalKey<$type> =
                $crate::thread::LocalKey::new(|| $init);
        )*
    };
}

/// The key of a task-local, in the shape of [`std::thread::LocalKey`];
/// [`thread_local!`](crate::thread_local) makes them.
///
/// # How a value begins and ends
///
/// A task's value is made when the task first uses it. When the task has run, or has
/// panicked, its values are destroyed, before anybody who joins it goes on. (What the
/// task returns is dropped before them if nobody can join it any more.) A plain
/// thread's values are destroyed when the thread ends, as std's are.
///
/// A destructor may wait, and may use other task-locals. Those that it is the first to
/// use are destroyed in their turn; one that has been destroyed, or is just being, is
/// not made again: [`with`](Self::with) panics and [`try_with`](Self::try_with) returns
/// an error, unless it is of a type that needs no destructor. A destructor that panics
/// ends the process. All of that is as in std.
///
/// The initial value must not depend on the key itself.
///
/// # What it costs
///
/// A task that uses none pays nothing. A value is a box of its own, found by looking
/// through those that the task has: nanoseconds while they are a few dozen.
///
/// # Examples
///
/// See [`thread_local!`](crate::thread_local).
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
}

/// The value has been destroyed; see [`LocalKey::try_with`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        Self { init }
    }

    /// Runs `f` with the task's value, which is made if there is none yet.
    ///
    /// The closure may wait, and use this or any other task-local.
    ///
    /// # Panics
    ///
    /// If the value has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// ```
    /// netpoll::thread_local!(static NAME: String = "nobody".to_owned());
    /// assert_eq!(NAME.with(|name| name.len()), 6);
    /// ```
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        or_panic(self.try_with(f))
    }

    /// Runs `f` with the task's value, which is made if there is none yet.
    ///
    /// # Errors
    ///
    /// If the value has been destroyed; see [`LocalKey`].
    ///
    /// # Panics
    ///
    /// If `f` does, or the expression of the initial value.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// netpoll::thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });
    ///
    /// struct Caller;
    /// impl Drop for Caller {
    ///     fn drop(&mut self) {
    ///         // Perhaps in the destructor of another task-local.
    ///         let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
    ///     }
    /// }
    /// drop(Caller);
    /// assert_eq!(CALLS.get(), 1);
    /// ```
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        Ok(f(&*self.value(self.init)?))
    }

    /// The task's value, or else the one that `init` makes.
    fn value(&'static self, init: impl FnOnce() -> T) -> Result<Rc<T>, AccessError> {
        // A key that is borrowed for ever has its address for itself.
        let key = std::ptr::from_ref(self).addr();
        let value = match find_local(key) {
            Found::Value(value) => value.downcast(),
            Found::Destroyed => return Err(AccessError),
            Found::Nothing => {
                let value = Rc::new(init());
                let other = put_local(key, value.clone(), std::mem::needs_drop::<T>());
                // `init` used the key itself. In std, too, the later value stays.
                drop(other);
                return Ok(value);
            }
        };
        Ok(value.unwrap_or_else(|_| unreachable!("a key's values are of its type")))
    }

    /// Sets the value by `set`; if there is none yet, by making it of what is set.
    fn set_with<V>(&'static self, value: V, make: fn(V) -> T, set: fn(&T, V)) {
        let mut value = Some(value);
        let local = or_panic(self.value(|| make(value.take().expect("used once"))));
        if let Some(value) = value {
            set(&local, value);
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the task's value. If there is none yet, this is its first; the expression
    /// of the initial value is not evaluated.
    ///
    /// # Panics
    ///
    /// If the value has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// netpoll::thread_local!(static ID: Cell<u32> = panic!("not set"));
    /// ID.set(7);
    /// assert_eq!(ID.get(), 7);
    /// ```
    pub fn set(&'static self, value: T) {
        self.set_with(value, Cell::new, Cell::set);
    }

    /// A copy of the task's value.
    ///
    /// # Panics
    ///
    /// If the value has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// See [`set`](Self::set).
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the task's value and leaves the default one.
    ///
    /// # Panics
    ///
    /// If the value has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// netpoll::thread_local!(static FIRST: Cell<Option<u32>> = const { Cell::new(Some(1)) });
    /// assert_eq!(FIRST.take(), Some(1));
    /// assert_eq!(FIRST.take(), None);
    /// ```
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Sets the task's value and returns the one before.
    ///
    /// # Panics
    ///
    /// If the value has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// netpoll::thread_local!(static LEVEL: Cell<u32> = const { Cell::new(1) });
    /// assert_eq!(LEVEL.replace(2), 1);
    /// assert_eq!(LEVEL.replace(3), 2);
    /// ```
    #[doc(alias = "swap")]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Runs `f` with the task's value borrowed.
    ///
    /// # Panics
    ///
    /// If the value is mutably borrowed, or has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// See [`with_borrow_mut`](Self::with_borrow_mut).
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Runs `f` with the task's value mutably borrowed. No other task can see the
    /// borrow, so it may be held across a wait.
    ///
    /// # Panics
    ///
    /// If the value is borrowed, or has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// netpoll::thread_local!(static LOG: RefCell<Vec<u32>> = RefCell::default());
    /// LOG.with_borrow_mut(|log| {
    ///     log.push(1);
    ///     netpoll::thread::yield_now();
    ///     log.push(2);
    /// });
    /// assert_eq!(LOG.with_borrow(Vec::len), 2);
    /// ```
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the task's value. If there is none yet, this is its first; the expression
    /// of the initial value is not evaluated.
    ///
    /// # Panics
    ///
    /// If the value is borrowed, or has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// netpoll::thread_local!(static NAME: RefCell<String> = panic!("not set"));
    /// NAME.set("ferris".to_owned());
    /// assert_eq!(NAME.take(), "ferris");
    /// ```
    pub fn set(&'static self, value: T) {
        self.set_with(value, RefCell::new, |cell, value| {
            *cell.borrow_mut() = value
        });
    }

    /// Takes the task's value and leaves the default one.
    ///
    /// # Panics
    ///
    /// If the value is borrowed, or has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// See [`set`](Self::set).
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Sets the task's value and returns the one before.
    ///
    /// # Panics
    ///
    /// If the value is borrowed, or has been destroyed; see [`LocalKey`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// netpoll::thread_local!(static NAME: RefCell<&'static str> = const { RefCell::new("a") });
    /// assert_eq!(NAME.replace("b"), "a");
    /// ```
    #[doc(alias = "swap")]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

fn or_panic<R>(result: Result<R, AccessError>) -> R {
    result.unwrap_or_else(|_| panic!("a task-local was used after it was destroyed"))
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl Error for AccessError {}
