//! Doing something once, in the shape of [`std::sync::Once`].

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use super::raw;

/// Something that is done once, in the shape of [`std::sync::Once`]: who comes while it
/// is being done is parked where std's blocks the thread. So what is done may wait,
/// and others of its worker run meanwhile.
///
/// # Poisoning
///
/// If the closure panics, the `Once` is poisoned: [`call_once`](Self::call_once) panics
/// from then on, and [`call_once_force`](Self::call_once_force) tries again.
///
/// # Calling it from within
///
/// A closure that uses its own `Once` waits for itself, for ever.
///
/// # What it costs
///
/// A load, once it is done.
///
/// # Examples
///
/// ```
/// use netpoll::sync::Once;
/// use netpoll::thread;
/// use std::time::Duration;
///
/// static START: Once = Once::new();
///
/// let tasks: Vec<_> = (0..10)
///     .map(|_| thread::spawn(|| START.call_once(|| thread::sleep(Duration::from_millis(1)))))
///     .collect();
/// for task in tasks {
///     task.join().unwrap();
///     assert!(START.is_completed());
/// }
/// ```
pub struct Once(raw::Once);

/// What [`Once::call_once_force`] tells its closure.
///
/// # Examples
///
/// See [`Once::call_once_force`].
pub struct OnceState {
    poisoned: bool,
    /// As std's, it is not `Sync`.
    not_sync: PhantomData<Cell<()>>,
}

impl OnceState {
    /// Whether an earlier attempt panicked.
    ///
    /// # Examples
    ///
    /// See [`Once::call_once_force`].
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl Once {
    /// One that has not been done.
    ///
    /// # Examples
    ///
    /// See [`Once`].
    #[expect(clippy::new_without_default, reason = "std's has no default")]
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(raw::Once::new())
    }

    /// Runs the closure, unless one was run here, and returns when it has been done.
    ///
    /// Parks the task, or blocks the thread, while somebody else is at it. No deadline
    /// bounds that, and the end of a runtime does not cancel it.
    ///
    /// # Panics
    ///
    /// If an earlier attempt did, or the closure does. If it has to wait inside of
    /// [`no_park`](crate::thread::no_park), or in a process that was forked from one with
    /// a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Once;
    ///
    /// let (once, mut times) = (Once::new(), 0);
    /// once.call_once(|| times += 1);
    /// once.call_once(|| unreachable!());
    /// assert_eq!(times, 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if !self.0.is_complete() {
            or_panic(self.0.call(false, |_| f()));
        }
    }

    /// As [`call_once`](Self::call_once), but tries again if an earlier attempt panicked,
    /// and tells the closure so.
    ///
    /// # Panics
    ///
    /// If the closure does; otherwise as [`call_once`](Self::call_once), where it has to
    /// wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Once;
    ///
    /// let once = Once::new();
    /// assert!(std::panic::catch_unwind(|| once.call_once(|| panic!())).is_err());
    /// assert!(std::panic::catch_unwind(|| once.call_once(|| {})).is_err());
    /// once.call_once_force(|state| assert!(state.is_poisoned()));
    /// assert!(once.is_completed());
    /// ```
    #[inline]
    #[track_caller]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(&OnceState),
    {
        if !self.0.is_complete() {
            or_panic(self.0.call(true, |poisoned| {
                f(&OnceState {
                    poisoned,
                    not_sync: PhantomData,
                });
            }));
        }
    }

    /// Whether it has been done. If so, what was done is seen.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Once;
    ///
    /// let once = Once::new();
    /// once.call_once(|| assert!(!once.is_completed()));
    /// assert!(once.is_completed());
    /// ```
    #[inline]
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.0.is_complete()
    }

    /// Waits until somebody has done it.
    ///
    /// Parks the task, or blocks the thread, also if nobody has begun. No deadline
    /// bounds that, and the end of a runtime does not cancel it.
    ///
    /// # Panics
    ///
    /// If an attempt did; and as [`call_once`](Self::call_once), where it has to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Once;
    /// use netpoll::thread;
    ///
    /// static READY: Once = Once::new();
    /// thread::spawn(|| READY.call_once(|| {}));
    /// READY.wait();
    /// assert!(READY.is_completed());
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        if !self.0.is_complete() {
            or_panic(self.0.wait(false));
        }
    }

    /// Waits until somebody has done it, however many attempts panic.
    ///
    /// # Panics
    ///
    /// As [`call_once`](Self::call_once), where it has to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Once;
    /// use netpoll::thread;
    ///
    /// static READY: Once = Once::new();
    /// let failed = thread::spawn(|| READY.call_once(|| panic!()));
    /// assert!(failed.join().is_err());
    /// thread::spawn(|| READY.call_once_force(|_| {}));
    /// READY.wait_force();
    /// ```
    pub fn wait_force(&self) {
        if !self.0.is_complete() {
            or_panic(self.0.wait(true));
        }
    }
}

#[track_caller]
fn or_panic(result: Result<(), raw::Poisoned>) {
    if result.is_err() {
        // std's words.
        panic!("Once instance has previously been poisoned");
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState")
            .field("poisoned", &self.is_poisoned())
            .finish()
    }
}
