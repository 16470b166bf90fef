//! How a runtime is set up.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use super::hooks::Hooks;
use super::monitor::Stuck;
use super::runtime::{self, Runtime};
use crate::stack;

/// Sets up a [`Runtime`]: the number of workers, the size of stacks, names.
///
/// # Examples
///
/// ```
/// let runtime = netpoll::Builder::new().workers(2).stack_size(64 * 1024).build()?;
/// let answer = runtime.spawn(|| 6 * 7);
/// assert_eq!(answer.join().unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    workers: Option<usize>,
    stack_size: Option<usize>,
    thread_name: Option<String>,
    pinned: bool,
    unmonitored: bool,
    #[cfg(feature = "backtrace")]
    stuck_backtraces: bool,
    shutdown_timeout: Option<Duration>,
    spin: Duration,
    hooks: Hooks,
}

/// What a runtime is made with, decided.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) workers: usize,
    pub(super) stack_size: usize,
    pub(super) thread_name: String,
    pub(super) pinned: bool,
    pub(super) monitored: bool,
    #[cfg(feature = "backtrace")]
    pub(super) stuck_backtraces: bool,
    pub(super) shutdown_timeout: Duration,
    pub(super) spin: Duration,
    pub(super) hooks: Hooks,
}

/// More workers than this are a mistake.
const WORKERS_MOST: usize = 1024;
/// What a task may use if nobody says otherwise. It pays for what it touches.
const STACK_SIZE: usize = 256 * 1024;
/// How long dropping a runtime waits.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

impl Builder {
    /// A runtime with as many workers as the process may use processors (its CPU
    /// affinity and its cgroup's quota count), and stacks of 256 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of workers. Without this, `NETPOLL_WORKERS` sets it.
    #[must_use]
    #[doc(alias = "GOMAXPROCS")]
    #[doc(alias = "PollerNum")]
    #[doc(alias = "SetNumLoops")]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Sets the size of tasks' stacks in bytes: address space, of which a task pays
    /// for the pages that it touches. Rounded up to a power of two. Without this,
    /// `RUST_MIN_STACK` sets it.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Sets the name of the workers' threads; each gets its number behind it. The
    /// system shows the first 15 bytes. Without this they are `netpoll-0`, `netpoll-1`, …
    #[must_use]
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = Some(name.into());
        self
    }

    /// Keeps each worker on one of the processors that the process may use, in turn; but
    /// not the thread that calls [`run`](Self::run).
    #[must_use]
    pub fn pin_workers(mut self, pinned: bool) -> Self {
        self.pinned = pinned;
        self
    }

    /// Whether a thread watches the workers (it does, unless this says otherwise).
    /// It finds workers that one task keeps from the others and lets idle ones take
    /// what has not started there. It sleeps while all workers do.
    #[must_use]
    #[doc(alias = "sysmon")]
    pub fn monitor(mut self, monitored: bool) -> Self {
        self.unmonitored = !monitored;
        self
    }

    /// Is told when a worker has not come around for 10 ms, once each time, on the
    /// monitor's thread. Without this the monitor itself prints a line about one
    /// that has been stuck for a second.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let runtime = netpoll::Builder::new()
    ///     .workers(1)
    ///     .on_stuck(move |stuck| drop(tell.send(stuck.clone())))
    ///     .build()?;
    /// let task = netpoll::thread::Builder::new().name("hog".into());
    /// let task = task.spawn_on(&runtime, || std::thread::sleep(Duration::from_millis(100)))?;
    /// let held_by = told.recv().unwrap().task.unwrap();
    /// assert_eq!(held_by.name(), Some("hog"));
    /// task.join().unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn on_stuck(mut self, hook: impl Fn(&Stuck) + Send + Sync + 'static) -> Self {
        self.hooks.on_stuck = Some(Arc::new(hook));
        self
    }

    /// Whether what the monitor says of a stuck worker tells in which function its task
    /// is, and who called that; see [`Stuck::backtrace`]. It does not unless this says so.
    ///
    /// Needs the feature `backtrace`. The monitor sends the worker's thread a SIGURG,
    /// whose handler copies registers and stack; the rest happens on the monitor's
    /// thread. The handler is installed for the whole process, passes on what it did
    /// not ask for, and stays. A system call that the task waits in may end with
    /// `EINTR` where the kernel does not restart it (`signal(7)` lists which).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let runtime = netpoll::Builder::new()
    ///     .workers(1)
    ///     .stuck_backtraces(true)
    ///     .on_stuck(move |stuck| drop(tell.send(stuck.clone())))
    ///     .build()?;
    /// let task = runtime.spawn(|| std::thread::sleep(Duration::from_secs(1)));
    /// let stuck = told.recv().unwrap();
    /// if let Some(backtrace) = &stuck.backtrace {
    ///     println!("{stuck}");
    ///     assert!(!backtrace.frames().is_empty());
    /// }
    /// task.join().unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "backtrace")]
    #[must_use]
    pub fn stuck_backtraces(mut self, wanted: bool) -> Self {
        self.stuck_backtraces = wanted;
        self
    }

    /// Runs on each worker's thread before its first task, with the worker's number.
    #[must_use]
    pub fn on_thread_start(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.hooks.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Runs on each worker's thread after its last task, with the worker's number.
    #[must_use]
    pub fn on_thread_stop(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.hooks.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// Is told of each panic that ends a task, in that task, with its name and what
    /// it panicked with. The panic has been printed by then, as in std, and reaches
    /// the join handle afterwards. A panic of the hook itself is ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// let panics = Arc::new(AtomicUsize::new(0));
    /// let count = Arc::clone(&panics);
    /// let runtime = netpoll::Builder::new()
    ///     .on_task_panic(move |_name, _payload| {
    ///         count.fetch_add(1, Ordering::Relaxed);
    ///     })
    ///     .build()?;
    /// assert!(runtime.spawn(|| panic!("counted")).join().is_err());
    /// assert_eq!(panics.load(Ordering::Relaxed), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn on_task_panic(
        mut self,
        hook: impl Fn(Option<&str>, &(dyn Any + Send)) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.on_task_panic = Some(Arc::new(hook));
        self
    }

    /// Sets how long dropping the runtime waits for its tasks; a second otherwise.
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Sets for how long a worker that has run out of work goes on looking for more
    /// before it sleeps; zero, unless this says otherwise.
    ///
    /// Waking a processor that sleeps takes some microseconds, which a request that comes
    /// before this has passed is spared. The price is processor time: for each request
    /// after which nothing comes, this long. Worth it where few connections wait for each
    /// other and the processor has nothing better to do. A worker that is idle sleeps
    /// all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = netpoll::Builder::new()
    ///     .workers(1)
    ///     .spin(Duration::from_micros(20))
    ///     .build()?;
    /// assert_eq!(runtime.spawn(|| 6 * 7).join().unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "busy_poll")]
    pub fn spin(mut self, before_sleeping: Duration) -> Self {
        self.spin = before_sleeping;
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a number of workers that is zero or over 1024, for a
    /// stack size out of bounds, or for a `NETPOLL_WORKERS` that is no number;
    /// otherwise what starting a thread, or creating an epoll, fails with.
    pub fn build(self) -> io::Result<Runtime> {
        Runtime::start(self.options()?)
    }

    /// Starts the runtime that `spawn` and all that is not called from another
    /// runtime's task use, instead of having it start by itself.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build); `AlreadyExists` if it has started before.
    ///
    /// # Examples
    ///
    /// ```
    /// netpoll::Builder::new().workers(1).build_global()?;
    /// let worker = netpoll::thread::spawn(|| std::thread::current().id());
    /// let same = netpoll::thread::spawn(|| std::thread::current().id());
    /// assert_eq!(worker.join().unwrap(), same.join().unwrap());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn build_global(self) -> io::Result<()> {
        runtime::start_global(self.options()?)
    }

    pub(super) fn options(self) -> io::Result<Options> {
        let workers = match self.workers {
            Some(workers) => check_workers(workers, || format!("{workers} workers"))?,
            None => workers_from_environment()?,
        };
        let stack_size = match self.stack_size {
            Some(bytes) => bytes,
            None => stack_size_from_environment()?,
        };
        stack::check_size(stack_size)?;
        if self
            .thread_name
            .as_ref()
            .is_some_and(|name| name.contains('\0'))
        {
            return Err(invalid(
                "a thread's name must not contain a zero byte".into(),
            ));
        }
        Ok(Options {
            workers,
            stack_size,
            thread_name: self.thread_name.unwrap_or_else(|| "netpoll".into()),
            pinned: self.pinned,
            monitored: !self.unmonitored,
            #[cfg(feature = "backtrace")]
            stuck_backtraces: self.stuck_backtraces,
            shutdown_timeout: self.shutdown_timeout.unwrap_or(SHUTDOWN_TIMEOUT),
            spin: self.spin,
            hooks: self.hooks,
        })
    }
}

fn check_workers(workers: usize, what: impl FnOnce() -> String) -> io::Result<usize> {
    if (1..=WORKERS_MOST).contains(&workers) {
        return Ok(workers);
    }
    Err(invalid(format!(
        "{}: the number of workers must be from 1 to {WORKERS_MOST}",
        what()
    )))
}

fn workers_from_environment() -> io::Result<usize> {
    match number_in("NETPOLL_WORKERS")? {
        Some(workers) => check_workers(workers, || format!("NETPOLL_WORKERS={workers}")),
        None => Ok(available_parallelism()
            .map_or(1, usize::from)
            .min(WORKERS_MOST)),
    }
}

fn stack_size_from_environment() -> io::Result<usize> {
    Ok(number_in("RUST_MIN_STACK")?.unwrap_or(STACK_SIZE))
}

/// The number in an environment variable, if that is set.
fn number_in(variable: &str) -> io::Result<Option<usize>> {
    let Some(text) = std::env::var_os(variable) else {
        return Ok(None);
    };
    match text.to_str().and_then(|text| text.trim().parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(invalid(format!(
            "{variable}={} is not a number",
            text.display()
        ))),
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
