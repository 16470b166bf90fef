//! How a runtime is set up.

use std::io;
use std::thread::available_parallelism;

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
}

/// What a runtime is made with, decided.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) workers: usize,
    pub(super) stack_size: usize,
    pub(super) thread_name: String,
}

/// More workers than this are a mistake.
const WORKERS_MOST: usize = 1024;
/// What a task may use if nobody says otherwise. It pays for what it touches.
const STACK_SIZE: usize = 256 * 1024;

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
        Ok(Options {
            workers,
            stack_size,
            thread_name: self.thread_name.unwrap_or_else(|| "netpoll".into()),
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
