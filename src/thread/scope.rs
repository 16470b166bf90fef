//! Tasks that borrow, in the shape of [`std::thread::scope`].
//!
//! A task's closure lives for as long as it likes, so it must be `'static`. The
//! closure of a task in a scope is not: it lives for `'scope`. It is passed off as
//! `'static` in one place here, which is right because of what `scope` does:
//!
//! - It does not return, and does not unwind, before each of its tasks has ended,
//!   and has dropped its closure and what it returned. Whatever happens in between is
//!   caught; should waiting itself fail, the process ends.
//! - A stack is never unwound from outside, so there is no other way out of `scope`.
//!
//! The steps at the end of a task, in the order that matters:
//!
//! 1. The closure returns or panics; its captures are dropped.
//! 2. The result goes into the packet, where a handle may be waiting for it. Where
//!    there is none any more it is dropped, now or with the task's end of the packet.
//! 3. The task is counted as ended. From here on nothing of the scope may be
//!    touched: the frame that lent it may be gone.
//!
//! A handle that still holds the packet then lives for `'scope` too: in the closure of
//! the scope, in another of its tasks, or in the result of one. All of these are
//! dropped before the scope ends, or were leaked, and are then never touched again.
//! That is why tasks are counted, not packets: a scope does not wait for a handle that
//! was forgotten.

#![expect(
    unsafe_code,
    reason = "borrowed closures become tasks; see the module's head"
)]

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::builder::{self, Builder};
use super::handle::Share;
use super::signal::Signal;
use super::{JoinHandle, Result, Thread};
use crate::sched;
use crate::task::{Packet, Reason, Wait, or_abort};

/// Where tasks are started that may borrow, in the shape of [`std::thread::Scope`].
///
/// See [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<Data>,
    /// `'scope` must neither shrink nor grow. If it shrank,
    ///
    /// ```compile_fail,E0373
    /// netpoll::thread::scope(|s| {
    ///     s.spawn(|| {
    ///         let a = String::from("abcd");
    ///         s.spawn(|| println!("{a}"));
    ///     });
    /// });
    /// ```
    ///
    /// would compile.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// The right to wait for a task of a scope, in the shape of
/// [`std::thread::ScopedJoinHandle`].
///
/// When it is dropped, the scope still waits for the task.
pub struct ScopedJoinHandle<'scope, T> {
    /// There until the handle is dropped.
    share: Share<T>,
    thread: Thread,
    data: Arc<Data>,
    scope: PhantomData<&'scope ()>,
}

/// What a scope and its tasks share.
struct Data {
    /// How many tasks have not ended, of those that were started or are about to be.
    running: AtomicUsize,
    /// How many tasks have panicked, without those whose panic was taken by `join`.
    panics: AtomicUsize,
    /// Given when no task is running; more may be started afterwards.
    none_running: Signal,
}

/// Runs a closure that may start tasks that borrow, in the shape of
/// [`std::thread::scope`], and waits until they have ended.
///
/// The tasks may borrow what lives outside of the call, for as long as it runs.
/// They run in the runtime of the calling task, like those of [`spawn`](super::spawn).
/// At the end it parks the task, or blocks the thread. No deadline bounds that.
///
/// A destructor that runs because of a panic may use it, too; the worker's other tasks
/// see [`std::thread::panicking`] while it waits.
///
/// # Panics
///
/// - If the closure panics, with that, when all tasks have ended.
/// - If one of the tasks panicked and was not joined by its handle.
/// - Inside of [`no_park`](super::no_park), and in a process that was forked from one
///   with a runtime, before the closure is called.
///
/// A process that is forked *inside* of the closure has none of the tasks. Since there
/// is no way to wait for them, leaving the scope there, if any was running, ends that
/// process.
///
/// # Examples
///
/// ```
/// use netpoll::thread;
///
/// let mut words = vec!["one".to_owned(), "two".to_owned()];
/// let mut total = 0;
/// thread::scope(|s| {
///     let lengths = s.spawn(|| words.iter().map(String::len).sum::<usize>());
///     s.spawn(|| println!("{} words", words.len()));
///     total = lengths.join().unwrap();
/// });
/// // Nobody borrows them any more.
/// words.push("three".to_owned());
/// assert_eq!(total, 6);
/// ```
///
/// A task may start further tasks in its scope:
///
/// ```
/// use netpoll::thread;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// let count = AtomicU32::new(0);
/// thread::scope(|s| {
///     for _ in 0..10 {
///         s.spawn(|| {
///             s.spawn(|| count.fetch_add(1, Ordering::Relaxed));
///         });
///     }
/// });
/// assert_eq!(count.into_inner(), 10);
/// ```
#[doc(alias("nursery", "WaitGroup", "errgroup"))]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    // Panics where it is not possible to wait, as long as nothing has been lent.
    drop(Wait::begin(Reason::Join));
    let scope = Scope {
        data: Arc::new(Data {
            running: AtomicUsize::new(0),
            panics: AtomicUsize::new(0),
            none_running: Signal::new(),
        }),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    or_abort("a scope cannot wait for its tasks", || scope.data.wait());
    match result {
        Err(panic) => resume_unwind(panic),
        Ok(_) if scope.data.panics.load(Ordering::Relaxed) != 0 => {
            panic!("a scoped thread panicked")
        }
        Ok(value) => value,
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a task that may borrow what outlives the scope, in the shape of
    /// [`std::thread::Scope::spawn`].
    ///
    /// Does not wait. When the handle is dropped, the task goes on, and the scope
    /// waits for it; its panic becomes the scope's.
    ///
    /// # Panics
    ///
    /// If the runtime cannot start, or there are too many tasks;
    /// [`Builder::spawn_scoped`] returns the error instead.
    ///
    /// # Examples
    ///
    /// See [`scope`].
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Builder::new()
            .spawn_scoped(self, f)
            .unwrap_or_else(|error| panic!("failed to spawn a task: {error}"))
    }
}

impl Builder {
    /// Starts the task in a scope; see [`Scope::spawn`].
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::thread::{self, Builder};
    ///
    /// let numbers = [1, 2, 3];
    /// let sum = thread::scope(|s| {
    ///     let task = Builder::new().name("sum".into());
    ///     let task = task.spawn_scoped(s, || numbers.iter().sum::<i32>())?;
    ///     assert_eq!(task.thread().name(), Some("sum"));
    ///     std::io::Result::Ok(task.join().unwrap())
    /// })?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let packet = Arc::new(Packet::new());
        let child = Child {
            f: Lent::new(f),
            packet: Arc::clone(&packet),
            running: Running::new(&scope.data),
        };
        let body: Box<dyn FnOnce() + Send + 'scope> = Box::new(move || child.run());
        // SAFETY:
        // - Whoever has the box runs it, drops it or leaks it. In the first two cases,
        //   what it borrows is used before its `Running` is dropped: `Child::run` sees
        //   to it, and the order of the fields of `Child`. In the third, it never is.
        // - The scope does not end before all its `Running` are dropped. This one was
        //   made while it had not ended: a reference to it is here, in its closure or
        //   in one of its tasks, which is counted itself.
        let body = unsafe { pass_off(body) };
        Ok(ScopedJoinHandle {
            share: Share::new(packet),
            thread: self.start(body, sched::spawn)?,
            data: Arc::clone(&scope.data),
            scope: PhantomData,
        })
    }
}

/// Makes a closure that borrows look like one that does not.
///
/// # Safety
///
/// The closure, and what it holds, must not be used after the end of what it borrows.
unsafe fn pass_off<'a>(body: Box<dyn FnOnce() + Send + 'a>) -> Box<dyn FnOnce() + Send> {
    // SAFETY: the types differ by their lifetime only, and the caller sees to that.
    unsafe {
        std::mem::transmute::<Box<dyn FnOnce() + Send + 'a>, Box<dyn FnOnce() + Send + 'static>>(
            body,
        )
    }
}

impl Builder {
    /// Starts a task without asking how long what it borrows lives, in the shape of
    /// [`std::thread::Builder::spawn_unchecked`]. [`scope`] is the way that the compiler
    /// checks.
    ///
    /// Does not wait.
    ///
    /// # Safety
    ///
    /// The task must have ended, which [`JoinHandle::join`] shows, before anything that
    /// its closure or its result borrows ends. A task never ends by itself: shutting
    /// down its runtime does not stop it.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::thread::Builder;
    ///
    /// let x = 1;
    /// // SAFETY: the task is joined before the end of `x`.
    /// let task = unsafe { Builder::new().spawn_unchecked(|| x + 1) }?;
    /// assert_eq!(task.join().unwrap(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let packet = Arc::new(Packet::new());
        let result = Arc::clone(&packet);
        let f = Lent::new(f);
        let body: Box<dyn FnOnce() + Send + '_> = Box::new(move || {
            builder::leave(result, catch_unwind(AssertUnwindSafe(|| f.into_inner()())));
        });
        // SAFETY: the caller sees to it that the task, the last to use the closure,
        // ends before what the closure borrows.
        let body = unsafe { pass_off(body) };
        Ok(JoinHandle::new(packet, self.start(body, sched::spawn)?))
    }
}

/// A task of a scope. The fields are dropped in this order, also where it never runs.
struct Child<F, T> {
    f: Lent<F>,
    packet: Arc<Packet<T>>,
    running: Running,
}

impl<F: FnOnce() -> T, T> Child<F, T> {
    fn run(self) {
        // In this order: the last is dropped first.
        let Self { running, packet, f } = self;
        let ended = catch_unwind(AssertUnwindSafe(|| f.into_inner()()));
        if ended.is_err() {
            running.0.panics.fetch_add(1, Ordering::Relaxed);
        }
        builder::leave(packet, ended);
        drop(running);
    }
}

/// A value that may be moved, in a function's argument, past the life of what it
/// borrows.
///
/// The compiler may assume that the references in an argument are good until the
/// function returns, also when the value was moved out long before. The function that
/// counts the task as ended has the task's closure among its arguments, and the
/// scope may be gone when it returns. `MaybeUninit` takes the assumption away.
struct Lent<F>(MaybeUninit<F>);

impl<F> Lent<F> {
    fn new(f: F) -> Self {
        Self(MaybeUninit::new(f))
    }

    fn into_inner(self) -> F {
        // SAFETY: it was initialised by `new`, and nobody reads it again: not its
        // destructor, either.
        let f = unsafe { self.0.assume_init_read() };
        std::mem::forget(self);
        f
    }
}

impl<F> Drop for Lent<F> {
    fn drop(&mut self) {
        // SAFETY: it was initialised by `new`; `into_inner`, which moves it out, does
        // not come here.
        unsafe { self.0.assume_init_drop() };
    }
}

/// Counts as a task of the scope that has not ended.
struct Running(Arc<Data>);

impl Running {
    fn new(data: &Arc<Data>) -> Self {
        data.running.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(data))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Release: pairs with the acquire in `Data::wait`. Without it the scope could
        // end, and its frame change, before what the task did there.
        if self.0.running.fetch_sub(1, Ordering::Release) == 1 {
            self.0.none_running.give();
        }
    }
}

impl Data {
    /// Waits until no task is running.
    fn wait(&self) {
        while self.running.load(Ordering::Acquire) != 0 {
            self.none_running.wait(Reason::Join);
        }
    }
}

impl<T> ScopedJoinHandle<'_, T> {
    /// The task's handle, by which it can be unparked.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::thread;
    ///
    /// thread::scope(|s| {
    ///     let task = s.spawn(thread::park);
    ///     task.thread().unpark();
    /// });
    /// ```
    #[must_use]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Waits for the task to end and returns what it returned.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds it.
    ///
    /// # Errors
    ///
    /// If the task panicked, what it panicked with. The scope does not panic for it.
    ///
    /// # Examples
    ///
    /// ```
    /// netpoll::thread::scope(|s| {
    ///     let task = s.spawn(|| panic!("oh no"));
    ///     assert!(task.join().is_err());
    /// });
    /// ```
    pub fn join(self) -> Result<T> {
        let ended = self.share.join();
        if ended.is_err() {
            self.data.panics.fetch_sub(1, Ordering::Relaxed);
        }
        ended
    }

    /// Whether the task has ended, so that [`join`](Self::join) will not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.share.is_finished()
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("running", &self.data.running.load(Ordering::Relaxed))
            .field("panics", &self.data.panics.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}
