//! A value that is made when it is first used, in the shape of [`std::sync::LazyLock`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Mutex, PoisonError};

use super::OnceLock;

/// A value that is made when it is first used, in the shape of [`std::sync::LazyLock`]:
/// who comes while it is being made is parked where std's blocks the thread. So making
/// it may wait, and others of its worker run meanwhile.
///
/// If making it panics, every later use panics too. A closure that uses the value it
/// makes waits for itself, for ever.
///
/// # What it costs
///
/// Once it is made, using it costs a load.
///
/// # Examples
///
/// ```
/// use netpoll::sync::LazyLock;
/// use netpoll::thread;
///
/// static SQUARES: LazyLock<Vec<u32>> = LazyLock::new(|| {
///     thread::yield_now();
///     (0..10).map(|n| n * n).collect()
/// });
///
/// let tasks = [(); 4].map(|()| thread::spawn(|| SQUARES[3]));
/// assert_eq!(tasks.map(|task| task.join().unwrap()), [9; 4]);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    value: OnceLock<T>,
    /// Taken by the one that makes the value; gone without a value is poisoned.
    init: Mutex<Option<F>>,
}

// As for the `F` and the `T` that it is in std.
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}
impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// A value that `f` will make.
    ///
    /// # Examples
    ///
    /// See [`LazyLock`].
    #[inline]
    pub const fn new(f: F) -> Self {
        Self {
            value: OnceLock::new(),
            init: Mutex::new(Some(f)),
        }
    }

    /// The value, made now if it was not. Dereferencing does the same.
    ///
    /// Parks the task, or blocks the thread, while somebody else is making it. No
    /// deadline bounds that, and the end of a runtime does not cancel it.
    ///
    /// # Panics
    ///
    /// If making it does, or did. If it has to wait inside of
    /// [`no_park`](crate::thread::no_park), or in a process that was forked from one with
    /// a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 92);
    /// assert_eq!(LazyLock::force(&lazy), &92);
    /// assert_eq!(&*lazy, &92);
    /// ```
    #[inline]
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        match this.value.get() {
            Some(value) => value,
            None => this.value.get_or_init(|| this.make()),
        }
    }

    #[track_caller]
    fn make(&self) -> T {
        // Let go before the closure runs: it may park.
        let init = self
            .init
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match init {
            Some(init) => init(),
            // std's words.
            None => panic!("LazyLock instance has previously been poisoned"),
        }
    }

    /// The value, made now if it was not, to change it. Dereferencing does the same.
    ///
    /// # Panics
    ///
    /// If making it does, or did.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::LazyLock;
    ///
    /// let mut lazy = LazyLock::new(|| 92);
    /// *LazyLock::force_mut(&mut lazy) = 44;
    /// assert_eq!(*lazy, 44);
    /// ```
    #[inline]
    #[track_caller]
    pub fn force_mut(this: &mut Self) -> &mut T {
        Self::force(this);
        this.value.get_mut().expect("it was made")
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it was made. It never parks.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 92);
    /// assert_eq!(LazyLock::get(&lazy), None);
    /// let _ = LazyLock::force(&lazy);
    /// assert_eq!(LazyLock::get(&lazy), Some(&92));
    /// ```
    #[inline]
    pub fn get(this: &Self) -> Option<&T> {
        this.value.get()
    }

    /// The value, if it was made, to change it.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::LazyLock;
    ///
    /// let mut lazy = LazyLock::new(|| 92);
    /// assert_eq!(LazyLock::get_mut(&mut lazy), None);
    /// let _ = LazyLock::force(&lazy);
    /// *LazyLock::get_mut(&mut lazy).unwrap() = 44;
    /// assert_eq!(*lazy, 44);
    /// ```
    #[inline]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        this.value.get_mut()
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        Self::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_tuple("LazyLock");
        match self.value.get() {
            Some(value) => text.field(value),
            None => text.field(&format_args!("<uninit>")),
        };
        text.finish()
    }
}
