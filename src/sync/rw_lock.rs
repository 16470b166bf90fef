//! A lock that readers share, in the shape of [`std::sync::RwLock`].
//!
//! The unsafe code here rests on this: a guard is made by who has just taken the lock
//! in its way, and the lock is let go in that way where the guard ends. So there are
//! either read guards, or one write guard, and the value is reached through them, or
//! through `&mut RwLock`.

#![expect(unsafe_code, reason = "a guard lends what is in a cell")]

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::poison::{Before, Flag};
use super::raw;
use crate::task;

/// A lock around a value that many may read at once, or one may write, in the shape of
/// [`std::sync::RwLock`]: it parks the task where std's blocks the thread.
///
/// # Who gets it
///
/// - A reader gets it if nobody writes and nobody waits. So a writer that waits keeps
///   new readers out, and readers do not starve it. A task that reads, and reads
///   again while it has a guard, waits for ever if a writer came in between.
/// - When a writer lets go, all readers that wait get it.
/// - Among writers, one that is running may be faster than the one that has waited
///   longest.
///
/// # Poisoning
///
/// A task that panics while it *writes* poisons the lock; see
/// [`Mutex`](super::Mutex#poisoning). One that panics while it reads does not.
///
/// # What it costs
///
/// Where nobody waits, a compare-and-swap to take it and one to let go. Readers on
/// several workers change the same word, so for a value that is read for a few
/// nanoseconds a [`Mutex`](super::Mutex) does as well. The lock itself takes 96
/// bytes beside its value.
///
/// # Examples
///
/// ```
/// use netpoll::sync::RwLock;
/// use netpoll::thread;
///
/// static ROUTES: RwLock<Vec<&str>> = RwLock::new(Vec::new());
///
/// ROUTES.write().unwrap().push("/");
/// let readers: Vec<_> = (0..4)
///     .map(|_| thread::spawn(|| ROUTES.read().unwrap().contains(&"/")))
///     .collect();
/// for reader in readers {
///     assert!(reader.join().unwrap());
/// }
/// ```
pub struct RwLock<T: ?Sized> {
    lock: raw::RwLock,
    poison: Flag,
    value: UnsafeCell<T>,
}

// SAFETY: sharing the lock hands out `&mut T` to one thread at a time, which is to
// send the value, or `&T` to several, which is to share it.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

/// The right to read the value of an [`RwLock`], which ends when this is dropped.
///
/// As std's, it is not `Send`: it stays with its worker, as its task does.
///
/// # Examples
///
/// See [`RwLock::read`].
#[must_use = "the lock is let go at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized + 'a> {
    /// Not a reference: it does not hold to the end of what drops this.
    value: NonNull<T>,
    lock: &'a raw::RwLock,
}

// SAFETY: a shared guard only lends `&T`.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}

/// The right to the value of an [`RwLock`], which ends when this is dropped.
///
/// As std's, it is not `Send`: it stays with its worker, as its task does.
///
/// # Examples
///
/// See [`RwLock::write`].
#[must_use = "the lock is let go at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    before: Before,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard only lends `&T`.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T> RwLock<T> {
    /// A lock around this value, free.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::RwLock;
    ///
    /// static LIMIT: RwLock<u32> = RwLock::new(100);
    /// assert_eq!(*LIMIT.read().unwrap(), 100);
    /// ```
    #[inline]
    pub const fn new(value: T) -> Self {
        Self {
            lock: raw::RwLock::new(),
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
    /// use netpoll::sync::RwLock;
    ///
    /// assert_eq!(RwLock::new(5).into_inner().unwrap(), 5);
    /// ```
    pub fn into_inner(self) -> LockResult<T> {
        self.poison.wrap(self.value.into_inner())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Takes the lock to read, along with others that do.
    ///
    /// Parks the task, or blocks the thread, while somebody writes, or waits to. No
    /// deadline bounds that, and the end of a runtime does not cancel it.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned: the guard is in the error.
    ///
    /// # Panics
    ///
    /// If it has to wait inside of [`no_park`](crate::thread::no_park), or in a process
    /// that was forked from one with a runtime. If guards were forgotten a billion
    /// times.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let one = lock.read().unwrap();
    /// let other = lock.read().unwrap();
    /// assert_eq!(*one + *other, 2);
    /// assert!(lock.try_write().is_err());
    /// ```
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        task::spend();
        self.lock.read();
        // SAFETY: the lock was taken just now, to read.
        self.poison.wrap(unsafe { RwLockReadGuard::new(self) })
    }

    /// Takes the lock to read, if nobody writes, or waits to. It never parks.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TryLockError::WouldBlock) if somebody does;
    /// [`Poisoned`](TryLockError::Poisoned), with the guard, if it is poisoned.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let writer = lock.write().unwrap();
    /// assert!(lock.try_read().is_err());
    /// drop(writer);
    /// assert_eq!(*lock.try_read().unwrap(), 1);
    /// ```
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if !self.lock.try_read() {
            return Err(TryLockError::WouldBlock);
        }
        // SAFETY: the lock was taken just now, to read.
        Ok(self.poison.wrap(unsafe { RwLockReadGuard::new(self) })?)
    }

    /// Takes the lock to write, alone.
    ///
    /// Parks the task, or blocks the thread, while others read or write. No deadline
    /// bounds that, and the end of a runtime does not cancel it. A task that has a
    /// guard already waits for ever.
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
    /// use netpoll::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// *lock.write().unwrap() += 1;
    /// assert_eq!(*lock.read().unwrap(), 2);
    /// ```
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        task::spend();
        self.lock.write();
        // SAFETY: the lock was taken just now, to write.
        self.poison.wrap(unsafe { RwLockWriteGuard::new(self) })
    }

    /// Takes the lock to write, if it is free. It never parks.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TryLockError::WouldBlock) if it is not;
    /// [`Poisoned`](TryLockError::Poisoned), with the guard, if it is poisoned.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let reader = lock.read().unwrap();
    /// assert!(lock.try_write().is_err());
    /// drop(reader);
    /// assert!(lock.try_write().is_ok());
    /// ```
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        if !self.lock.try_write() {
            return Err(TryLockError::WouldBlock);
        }
        // SAFETY: the lock was taken just now, to write.
        Ok(self.poison.wrap(unsafe { RwLockWriteGuard::new(self) })?)
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
    /// use netpoll::sync::RwLock;
    ///
    /// let lock = RwLock::new(vec![1]);
    /// let _ = std::panic::catch_unwind(|| {
    ///     let _guard = lock.write().unwrap();
    ///     panic!("in the middle");
    /// });
    /// assert!(lock.is_poisoned());
    /// lock.clear_poison();
    /// assert_eq!(lock.read().unwrap().len(), 1);
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
    /// use netpoll::sync::RwLock;
    ///
    /// let mut lock = RwLock::new(1);
    /// *lock.get_mut().unwrap() += 1;
    /// assert_eq!(*lock.read().unwrap(), 2);
    /// ```
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let value = self.value.get_mut();
        self.poison.wrap(value)
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => text.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => text.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => text.field("data", &format_args!("<locked>")),
        };
        text.field("poisoned", &self.is_poisoned());
        text.finish_non_exhaustive()
    }
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// # Safety
    ///
    /// The caller has taken the lock to read, and lets this guard let it go.
    #[inline]
    unsafe fn new(lock: &'a RwLock<T>) -> Self {
        Self {
            // SAFETY: the pointer to what is in a cell is not null.
            value: unsafe { NonNull::new_unchecked(lock.value.get()) },
            lock: &lock.lock,
        }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// # Safety
    ///
    /// The caller has taken the lock to write, and this is its only guard.
    #[inline]
    unsafe fn new(lock: &'a RwLock<T>) -> Self {
        Self {
            lock,
            before: Before::now(),
            not_send: PhantomData,
        }
    }

    /// Goes on reading, without letting go in between.
    ///
    /// Nobody else writes in between, and all readers that wait get the lock, also
    /// those behind a writer. It never parks.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut writer = lock.write().unwrap();
    /// *writer = 2;
    /// let reader = RwLockWriteGuard::downgrade(writer);
    /// assert_eq!(*reader, 2);
    /// assert_eq!(*lock.read().unwrap(), 2);
    /// ```
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let this = ManuallyDrop::new(this);
        let lock = this.lock;
        lock.poison.leave(this.before);
        lock.lock.downgrade();
        // SAFETY: the caller had the lock to write, by a guard that is not dropped, and
        // now has it to read.
        unsafe { RwLockReadGuard::new(lock) }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the value lives as long as the lock, which is borrowed, and nobody
        // writes it while there are read guards.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the only guard is shared, so the value is not written.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the only guard is borrowed mutably, so nobody else has the value.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.unlock_read();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.poison.leave(self.before);
        self.lock.lock.unlock_write();
    }
}

macro_rules! show_value {
    ($guard:ident) => {
        impl<T: ?Sized + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

show_value!(RwLockReadGuard);
show_value!(RwLockWriteGuard);
