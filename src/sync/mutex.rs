//! A lock around a value, in the shape of [`std::sync::Mutex`].
//!
//! The unsafe code here rests on one thing: a [`MutexGuard`] is made by who has just
//! taken the lock, and the lock is let go where a guard ends. So there is one guard at
//! a time, and the value is reached through it, or through `&mut Mutex`.

#![expect(unsafe_code, reason = "a guard lends what is in a cell")]

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::poison::{Before, Flag};
use super::raw::Condition;
use crate::task::{self, Lock, Outcome, Reason, Time, Wait};

/// A lock around a value, in the shape of [`std::sync::Mutex`]: it parks the task
/// where std's blocks the thread, so a guard may be held across anything that waits.
///
/// # Poisoning
///
/// A task that panics while it has a guard leaves the lock *poisoned*:
/// [`lock`](Self::lock) then returns the guard inside of an error, so that nobody who
/// does not ask for it sees a value that was left in the middle of something. It
/// counts whether the task itself panics. Others of its worker that are in the middle
/// of a panic, parked in a destructor, make no difference.
///
/// # Who gets it
///
/// Who lets go wakes the one that has waited longest. A task that is running may be
/// faster, and the one that was woken waits on then, behind the others: as in std, and
/// as in Go's normal mode, there is no promise of an order.
///
/// # What it costs
///
/// Where nobody waits, a compare-and-swap to take it and one to let go. A task that
/// has to wait costs a switch of stacks, or a wake-up of a thread if it is on another
/// worker. The lock itself takes 56 bytes beside its value.
///
/// # Examples
///
/// ```
/// use netpoll::sync::{Arc, Mutex};
/// use netpoll::thread;
///
/// static TOTAL: Mutex<u32> = Mutex::new(0);
///
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let tasks: Vec<_> = (0..10)
///     .map(|i| {
///         let log = Arc::clone(&log);
///         thread::spawn(move || {
///             let mut log = log.lock().unwrap();
///             // Others that want it park meanwhile.
///             thread::yield_now();
///             log.push(i);
///             *TOTAL.lock().unwrap() += i;
///         })
///     })
///     .collect();
/// for task in tasks {
///     task.join().unwrap();
/// }
/// assert_eq!(log.lock().unwrap().len(), 10);
/// assert_eq!(*TOTAL.lock().unwrap(), 45);
/// ```
pub struct Mutex<T: ?Sized> {
    lock: Lock,
    poison: Flag,
    value: UnsafeCell<T>,
}

// SAFETY: sharing the mutex hands out `&mut T` to one thread at a time, which is to
// send the value; `&T` is never shared without it.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

/// The right to the value of a [`Mutex`], which ends when this is dropped.
///
/// As std's, it is not `Send`: it stays with its worker, as its task does.
///
/// # Examples
///
/// ```
/// use netpoll::sync::Mutex;
///
/// let mutex = Mutex::new(String::from("a"));
/// let mut guard = mutex.lock().unwrap();
/// guard.push('b');
/// assert_eq!(guard.len(), 2);
/// assert!(mutex.try_lock().is_err());
/// drop(guard);
/// assert_eq!(mutex.into_inner().unwrap(), "ab");
/// ```
#[must_use = "the lock is let go at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    before: Before,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard only lends `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// A lock around this value, free.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Mutex;
    ///
    /// static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    /// NAMES.lock().unwrap().push("ferris".to_owned());
    /// ```
    #[inline]
    pub const fn new(value: T) -> Self {
        Self {
            lock: Lock::new(),
            poison: Flag::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// The value; nobody else has the lock any more.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned: the value is in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Mutex;
    ///
    /// assert_eq!(Mutex::new(5).into_inner().unwrap(), 5);
    /// ```
    pub fn into_inner(self) -> LockResult<T> {
        self.poison.wrap(self.value.into_inner())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock.
    ///
    /// Parks the task, or blocks the thread, while somebody else has it. No deadline
    /// bounds that, and the end of a runtime does not cancel it. A task that takes
    /// it again while it has a guard waits for ever.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned: the guard is in the error.
    ///
    /// # Panics
    ///
    /// If it has to wait inside of [`no_park`](crate::thread::no_park), or in a process
    /// that was forked from one with a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::{Arc, Mutex, PoisonError};
    /// use netpoll::thread;
    ///
    /// let mutex = Arc::new(Mutex::new(1));
    /// let other = Arc::clone(&mutex);
    /// let task = thread::spawn(move || {
    ///     let mut value = other.lock().unwrap();
    ///     *value = 2;
    ///     panic!("in the middle");
    /// });
    /// assert!(task.join().is_err());
    ///
    /// assert!(mutex.lock().is_err());
    /// let value = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    /// assert_eq!(*value, 2);
    /// ```
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        task::spend();
        self.lock.lock(Reason::Lock);
        // SAFETY: the lock was taken just now.
        self.poison.wrap(unsafe { MutexGuard::new(self) })
    }

    /// Takes the lock, if it is free. It never parks, and never gives way to other
    /// tasks: who tries again and again calls [`yield_now`](crate::thread::yield_now)
    /// in between.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TryLockError::WouldBlock) if somebody has it;
    /// [`Poisoned`](TryLockError::Poisoned), with the guard, if it is poisoned.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::{Mutex, TryLockError};
    ///
    /// let mutex = Mutex::new(());
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    /// drop(guard);
    /// assert!(mutex.try_lock().is_ok());
    /// ```
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if !self.lock.try_lock() {
            return Err(TryLockError::WouldBlock);
        }
        // SAFETY: the lock was taken just now.
        Ok(self.poison.wrap(unsafe { MutexGuard::new(self) })?)
    }

    /// Whether the lock is poisoned. Who does not have it may find it otherwise at the
    /// next moment.
    ///
    /// # Examples
    ///
    /// See [`clear_poison`](Self::clear_poison).
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Says that the value is in order again.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Mutex;
    ///
    /// let mutex = Mutex::new(vec![1]);
    /// let _ = std::panic::catch_unwind(|| {
    ///     let _guard = mutex.lock().unwrap();
    ///     panic!("in the middle");
    /// });
    /// assert!(mutex.is_poisoned());
    ///
    /// mutex.lock().unwrap_or_else(|poisoned| {
    ///     mutex.clear_poison();
    ///     poisoned.into_inner()
    /// }).clear();
    /// assert!(mutex.lock().unwrap().is_empty());
    /// ```
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, without taking the lock: `&mut` says that nobody has it.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned: the reference is in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::Mutex;
    ///
    /// let mut mutex = Mutex::new(1);
    /// *mutex.get_mut().unwrap() += 1;
    /// assert_eq!(*mutex.lock().unwrap(), 2);
    /// ```
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let value = self.value.get_mut();
        self.poison.wrap(value)
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => text.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => text.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => text.field("data", &"<locked>"),
        };
        text.field("poisoned", &self.is_poisoned());
        text.finish_non_exhaustive()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// # Safety
    ///
    /// The caller has taken the lock, and this is its only guard.
    #[inline]
    unsafe fn new(mutex: &'a Mutex<T>) -> Self {
        Self {
            mutex,
            before: Before::now(),
            not_send: PhantomData,
        }
    }

    /// Lets go of the lock, waits for the condition, and takes the lock again. Returns
    /// how the wait ended.
    ///
    /// Meanwhile there is no guard.
    ///
    /// # Panics
    ///
    /// Where waiting does, with the guard.
    pub(super) fn wait(self, condition: &Condition, deadline: Time) -> (LockResult<Self>, Outcome) {
        let wait = Wait::begin(Reason::Condition);
        let this = ManuallyDrop::new(self);
        let (mutex, before) = (this.mutex, this.before);
        let outcome = condition.wait(wait, &mutex.lock, deadline);
        let guard = Self {
            mutex,
            before,
            not_send: PhantomData,
        };
        (mutex.poison.wrap(guard), outcome)
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the only guard is shared, so the value is not written.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the only guard is borrowed mutably, so nobody else has the value.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.poison.leave(self.before);
        self.mutex.lock.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
