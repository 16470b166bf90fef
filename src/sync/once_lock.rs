//! A value that is set once, in the shape of [`std::sync::OnceLock`].
//!
//! The value lies in std's cell, which knows how to share it. Setting that takes no
//! time and runs nobody's code: what waits, and who may set it, is decided by our
//! [`Once`] around it.

use std::fmt;

use super::Once;

/// A value that is set once and then shared, in the shape of [`std::sync::OnceLock`]:
/// who comes while it is being made is parked where std's blocks the thread. So making
/// it may wait, and others of its worker run meanwhile.
///
/// If making it panics, there is none, and the next one makes it. A closure that uses
/// the lock it makes the value for waits for itself, for ever.
///
/// # What it costs
///
/// Once it is set, [`get`](Self::get) costs a load.
///
/// # Examples
///
/// ```
/// use netpoll::sync::OnceLock;
/// use netpoll::thread;
///
/// static GREETING: OnceLock<String> = OnceLock::new();
///
/// fn greeting() -> &'static str {
///     GREETING.get_or_init(|| {
///         thread::yield_now();
///         "hello".to_owned()
///     })
/// }
///
/// let tasks = [(); 4].map(|()| thread::spawn(|| greeting().as_ptr() as usize));
/// let addresses = tasks.map(|task| task.join().unwrap());
/// assert!(addresses.iter().all(|address| *address == greeting().as_ptr() as usize));
/// ```
pub struct OnceLock<T> {
    /// Who may set it. Done as soon as the value is there, or a moment later.
    once: Once,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    /// One without a value.
    ///
    /// # Examples
    ///
    /// See [`OnceLock`].
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            once: Once::new(),
            value: std::sync::OnceLock::new(),
        }
    }

    /// The value, if it is set. It never parks.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::OnceLock;
    ///
    /// let lock = OnceLock::new();
    /// assert_eq!(lock.get(), None);
    /// lock.set(1).unwrap();
    /// assert_eq!(lock.get(), Some(&1));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is set, to change it.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::OnceLock;
    ///
    /// let mut lock = OnceLock::from(1);
    /// *lock.get_mut().unwrap() += 1;
    /// assert_eq!(lock.get(), Some(&2));
    /// ```
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// The value, as soon as somebody has set it.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds that, and the end of a
    /// runtime does not cancel it.
    ///
    /// # Panics
    ///
    /// If it has to wait inside of [`no_park`](crate::thread::no_park), or in a process
    /// that was forked from one with a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::OnceLock;
    /// use netpoll::thread;
    ///
    /// static PORT: OnceLock<u16> = OnceLock::new();
    /// thread::spawn(|| PORT.set(7000));
    /// assert_eq!(*PORT.wait(), 7000);
    /// ```
    pub fn wait(&self) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        self.once.wait_force();
        self.get().expect(SET)
    }

    /// Sets the value. If somebody else is making one, it waits for that.
    ///
    /// # Errors
    ///
    /// If it was set: what was to be set is in the error.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait), where it has to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::OnceLock;
    ///
    /// let lock = OnceLock::new();
    /// assert_eq!(lock.set(1), Ok(()));
    /// assert_eq!(lock.set(2), Err(2));
    /// ```
    #[inline]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("it is called once"));
        value.map_or(Ok(()), Err)
    }

    /// The value; if there is none, `f` makes it. If somebody else is making one, it
    /// waits for that.
    ///
    /// Parks the task, or blocks the thread, meanwhile. No deadline bounds that, and the
    /// end of a runtime does not cancel it.
    ///
    /// # Panics
    ///
    /// If `f` does: then there is no value. Otherwise as [`wait`](Self::wait), where it has
    /// to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::OnceLock;
    ///
    /// let lock = OnceLock::new();
    /// assert_eq!(lock.get_or_init(|| 1), &1);
    /// assert_eq!(lock.get_or_init(|| unreachable!()), &1);
    /// ```
    #[inline]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        match self.get() {
            Some(value) => value,
            None => self.init(f),
        }
    }

    #[cold]
    fn init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        self.once.call_once_force(|_| {
            let value = f();
            assert!(self.value.set(value).is_ok(), "one at a time sets it");
        });
        self.get().expect(SET)
    }

    /// The value, if it was set.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::OnceLock;
    ///
    /// assert_eq!(OnceLock::from(1).into_inner(), Some(1));
    /// assert_eq!(OnceLock::<u8>::new().into_inner(), None);
    /// ```
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// The value, if it was set; it can be set anew then.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::OnceLock;
    ///
    /// let mut lock = OnceLock::from(1);
    /// assert_eq!(lock.take(), Some(1));
    /// assert_eq!(lock.set(2), Ok(()));
    /// ```
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

const SET: &str = "what was done set the value";

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let this = Self::new();
        this.get_or_init(|| value);
        this
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(Self::new, Self::from)
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
