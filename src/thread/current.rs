//! Handles of tasks, and parking by hand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::task::{self, Id, Time};

/// A handle to a task, or to a thread that is none, in the shape of
/// [`std::thread::Thread`].
///
/// It keeps nothing alive: unparking a task that has ended does nothing.
#[derive(Clone)]
pub struct Thread {
    id: Id,
    name: Option<Arc<str>>,
}

/// Names one task, or thread. In practice no two have the same name while the process
/// runs: it comes again after four thousand million tasks in the same slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadId(Id);

impl Thread {
    pub(super) fn new(id: Id, name: Option<Arc<str>>) -> Self {
        Self { id, name }
    }

    /// What names it.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        ThreadId(self.id)
    }

    /// The name that it was given by [`Builder::name`](super::Builder::name).
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Leaves the token that the next, or present, [`park`] of this task takes.
    ///
    /// A task that waits for something else meanwhile, in a read or for a lock, goes
    /// on waiting, and finds the token when it parks. What was done before is seen
    /// by the task after it. Does not wait; any thread may call it.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::thread;
    ///
    /// let me = thread::current();
    /// let other = thread::spawn(move || me.unpark());
    /// thread::park();
    /// other.join().unwrap();
    /// ```
    #[doc(alias = "goready")]
    pub fn unpark(&self) {
        self.id.unpark();
    }
}

/// The handle of the calling task, or thread.
///
/// # Examples
///
/// ```
/// use netpoll::thread::{self, Builder};
///
/// let task = Builder::new().name("greeter".into());
/// let task = task.spawn(|| thread::current().name().map(str::to_owned))?;
/// assert_eq!(task.join().unwrap().as_deref(), Some("greeter"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn current() -> Thread {
    let name = if task::is_task() {
        task::current_name()
    } else {
        std::thread::current().name().map(Arc::from)
    };
    Thread::new(Id::current(), name)
}

/// Waits until somebody calls [`Thread::unpark`] for this task, or has done so
/// since it last parked.
///
/// Parks the task, or blocks the thread. As in std it may return without a reason:
/// look whether what you wait for has come.
///
/// # Examples
///
/// See [`Thread::unpark`].
pub fn park() {
    task::park_until(Time::NEVER);
}

/// Waits like [`park`], but no longer than this.
///
/// # Examples
///
/// ```
/// use netpoll::thread;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// while start.elapsed() < Duration::from_millis(2) {
///     thread::park_timeout(Duration::from_millis(2));
/// }
/// ```
pub fn park_timeout(timeout: Duration) {
    task::park_until(Time::now().after(timeout));
}

/// Waits like [`park`], but no longer than this many milliseconds.
#[deprecated = "use `thread::park_timeout`, as in std"]
pub fn park_timeout_ms(milliseconds: u32) {
    park_timeout(Duration::from_millis(milliseconds.into()));
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadId").field(&self.0.to_bits()).finish()
    }
}
