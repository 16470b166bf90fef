//! A condition variable, in the shape of [`std::sync::Condvar`].

use std::fmt;
use std::sync::{LockResult, PoisonError};
use std::time::{Duration, Instant};

use super::MutexGuard;
use super::raw::Condition;
use crate::task::{Outcome, Time};

/// Waits for something that others bring about under a [`Mutex`](super::Mutex), in the
/// shape of [`std::sync::Condvar`]: it parks the task where std's blocks the thread.
///
/// Each notification goes to one that still waits: one whose time is up takes none
/// away from the others. Who has waited longest is first. A wait may also end without
/// a notification, so look again whether it is so, or use
/// [`wait_while`](Self::wait_while), which does.
///
/// It may be used with several mutexes, also at once, and with guards of several
/// types; where std's may panic, this one does not.
///
/// # What it costs
///
/// Notifying takes a short lock, and no system call unless somebody sleeps on another
/// thread. Waiting costs what parking does, and taking the mutex twice.
///
/// # Examples
///
/// ```
/// use netpoll::sync::{Arc, Condvar, Mutex};
/// use netpoll::thread;
///
/// let pair = Arc::new((Mutex::new(false), Condvar::new()));
/// let other = Arc::clone(&pair);
/// thread::spawn(move || {
///     *other.0.lock().unwrap() = true;
///     other.1.notify_one();
/// });
///
/// let (ready, changed) = &*pair;
/// let ready = changed.wait_while(ready.lock().unwrap(), |ready| !*ready).unwrap();
/// assert!(*ready);
/// ```
pub struct Condvar(Condition);

/// Whether a wait on a [`Condvar`] ended because its time was up.
///
/// # Examples
///
/// See [`Condvar::wait_timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up before a notification came.
    ///
    /// # Examples
    ///
    /// See [`Condvar::wait_timeout`].
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// A condition variable that nobody waits for.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Condvar;
    ///
    /// static CHANGED: Condvar = Condvar::new();
    /// CHANGED.notify_all();
    /// ```
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(Condition::new())
    }

    /// Lets go of the mutex, waits for a notification, and takes the mutex again.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds that, and the end of a
    /// runtime does not cancel it. The wait may end without a notification.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned then: the guard is in the error.
    ///
    /// # Panics
    ///
    /// Inside of [`no_park`](crate::thread::no_park), and in a process that was forked
    /// from one with a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::{Condvar, Mutex};
    /// use netpoll::thread;
    ///
    /// static COUNT: Mutex<u32> = Mutex::new(0);
    /// static CHANGED: Condvar = Condvar::new();
    ///
    /// thread::spawn(|| {
    ///     *COUNT.lock().unwrap() += 1;
    ///     CHANGED.notify_all();
    /// });
    /// let mut count = COUNT.lock().unwrap();
    /// while *count == 0 {
    ///     count = CHANGED.wait(count).unwrap();
    /// }
    /// ```
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        guard.wait(&self.0, Time::NEVER).0
    }

    /// Waits as long as `condition` returns true, which may change the value.
    ///
    /// Parks the task, or blocks the thread; see [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// If the mutex is found poisoned: the guard is in the error.
    ///
    /// # Panics
    ///
    /// If `condition` does; and as [`wait`](Self::wait), if it has to wait.
    ///
    /// # Examples
    ///
    /// See [`Condvar`].
    pub fn wait_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Waits for a notification, for so many milliseconds at most; returns whether one
    /// came.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// See [`wait_timeout`](Self::wait_timeout).
    #[deprecated(note = "as in std: `wait_timeout` takes a duration")]
    pub fn wait_timeout_ms<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        ms: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let told = |(guard, result): (_, WaitTimeoutResult)| (guard, !result.timed_out());
        self.wait_timeout(guard, Duration::from_millis(ms.into()))
            .map(told)
            .map_err(|error| PoisonError::new(told(error.into_inner())))
    }

    /// Waits for a notification, for so long at most.
    ///
    /// Parks the task, or blocks the thread; see [`wait`](Self::wait). The mutex is
    /// taken again however the wait ends, and that may take longer.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned then: the guard is in the error, and the result.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, never) = (Mutex::new(5), Condvar::new());
    /// let (guard, result) = never
    ///     .wait_timeout(mutex.lock().unwrap(), Duration::from_millis(5))
    ///     .unwrap();
    /// assert!(result.timed_out());
    /// assert_eq!(*guard, 5);
    /// ```
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        dur: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let (guard, outcome) = guard.wait(&self.0, Time::now().after(dur));
        let result = WaitTimeoutResult(outcome == Outcome::Deadline);
        match guard {
            Ok(guard) => Ok((guard, result)),
            Err(error) => Err(PoisonError::new((error.into_inner(), result))),
        }
    }

    /// Waits as long as `condition` returns true, for so long at most. It has timed out
    /// if the condition was still true in the end.
    ///
    /// Parks the task, or blocks the thread; see [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// If the mutex is found poisoned: the guard is in the error, and the result.
    ///
    /// # Panics
    ///
    /// If `condition` does; and as [`wait`](Self::wait), if it has to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, never) = (Mutex::new(0), Condvar::new());
    /// let (count, result) = never
    ///     .wait_timeout_while(mutex.lock().unwrap(), Duration::from_millis(5), |count| *count == 0)
    ///     .unwrap();
    /// assert!(result.timed_out());
    /// assert_eq!(*count, 0);
    /// ```
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        dur: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let start = Instant::now();
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let Some(left) = dur.checked_sub(start.elapsed()) else {
                return Ok((guard, WaitTimeoutResult(true)));
            };
            guard = self.wait_timeout(guard, left)?.0;
        }
    }

    /// Ends the wait of one who waits, if anybody does. It never parks.
    ///
    /// # Examples
    ///
    /// See [`Condvar`].
    #[doc(alias = "Signal")]
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Ends the waits of all who wait now. It never parks.
    ///
    /// # Examples
    ///
    /// See [`wait`](Self::wait).
    #[doc(alias = "Broadcast")]
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
