//! The handle of a runtime, and the one that starts by itself.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::builder::{Builder, Options};
use super::{placement, worker};
use crate::stack;
use crate::sys::fork;
use crate::task::{self, Home, Id, Start};

/// A set of workers, and the tasks that run on them.
///
/// Most programs need none of their own: [`thread::spawn`](crate::thread::spawn)
/// starts one at the first need, with a worker for each processor.
///
/// When the handle is dropped, tasks that have started go on; each worker's thread
/// ends when no task of the runtime is left. Dropping does not wait for that.
///
/// # Examples
///
/// ```
/// let runtime = netpoll::Builder::new().workers(1).build()?;
/// let greeting = runtime.spawn(|| "hello");
/// assert_eq!(greeting.join().unwrap(), "hello");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Runtime {
    machine: Arc<Machine>,
}

/// What the workers of a runtime share.
pub(super) struct Machine {
    options: Options,
    homes: Box<[&'static Home]>,
    /// Whether the workers end when no task is left.
    stopping: AtomicBool,
}

/// What a new task is made of.
pub(crate) struct Spawn {
    /// Catches its own panics.
    pub(crate) body: Box<dyn FnOnce() + Send>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) stack_size: Option<usize>,
}

thread_local! {
    /// The machine of the calling worker, and which of its workers it is.
    static HERE: RefCell<Option<(Arc<Machine>, usize)>> = const { RefCell::new(None) };
}

static GLOBAL: OnceLock<Runtime> = OnceLock::new();

impl Runtime {
    pub(super) fn start(options: Options) -> io::Result<Self> {
        stack::install_overflow_report(task::name_for_report);
        let posts = (0..options.workers)
            .map(|_| worker::Place::new())
            .collect::<io::Result<Vec<_>>>()?;
        let machine = Arc::new(Machine {
            homes: posts.iter().map(worker::Place::home).collect(),
            options,
            stopping: AtomicBool::new(false),
        });
        // From here on the handle's end ends the workers that have started, also
        // when a later one does not.
        let runtime = Self { machine };
        let machine = &runtime.machine;
        for (index, place) in posts.into_iter().enumerate() {
            let name = format!("{}-{index}", machine.options.thread_name);
            let machine = Arc::clone(machine);
            std::thread::Builder::new().name(name).spawn(move || {
                HERE.set(Some((Arc::clone(&machine), index)));
                place.work(machine, index);
                HERE.set(None);
            })?;
        }
        Ok(runtime)
    }

    /// How many workers it has.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.machine.homes.len()
    }

    /// How many tasks it has, started or not. A moment later it is another number.
    #[must_use]
    #[doc(alias = "NumGoroutine")]
    pub fn tasks(&self) -> usize {
        self.machine
            .homes
            .iter()
            .map(|home| home.load() as usize)
            .sum()
    }

    pub(crate) fn start_task(&self, spawn: Spawn) -> io::Result<Id> {
        let own = HERE.with_borrow(|here| match here {
            Some((machine, index)) if Arc::ptr_eq(machine, &self.machine) => Some(*index),
            _ => None,
        });
        self.machine.start_task(spawn, own)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.machine.stop();
    }
}

impl Machine {
    /// Starts a task; `own` is which of the workers the calling thread is, if any.
    fn start_task(&self, spawn: Spawn, own: Option<usize>) -> io::Result<Id> {
        if fork::is_child() {
            return Err(io::Error::other(
                "this process was forked from one with a runtime: start the runtime after fork",
            ));
        }
        let stack_size = spawn.stack_size.unwrap_or(self.options.stack_size);
        stack::check_size(stack_size)?;
        let permit = stack::acquire()?;
        let home = placement::choose(&self.homes, own);
        Ok(task::start(
            home,
            Start {
                body: spawn.body,
                name: spawn.name,
                stack_size,
                permit,
            },
        ))
    }

    /// Lets the workers end when no task is left.
    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.ring_all();
    }

    /// Whether a worker may end: nobody can start a task any more.
    pub(super) fn has_ended(&self) -> bool {
        self.stopping.load(Ordering::Acquire) && Home::all_ended(self.homes.iter().copied())
    }

    /// The other workers, in an order that differs from worker to worker.
    pub(super) fn others(&self, own: usize) -> impl Iterator<Item = &'static Home> {
        let (before, after) = (&self.homes[..own], &self.homes[own + 1..]);
        after.iter().chain(before).copied()
    }

    /// Makes every worker look whether it may end.
    pub(super) fn ring_all(&self) {
        for home in &self.homes {
            home.ring();
        }
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Starts a task in the runtime of the calling task, or in the one that starts by
/// itself.
pub(crate) fn spawn(spawn: Spawn) -> io::Result<Id> {
    HERE.with_borrow(|here| match here {
        Some((machine, own)) => machine.start_task(spawn, Some(*own)),
        None => global()?.start_task(spawn),
    })
}

/// The runtime that starts by itself.
fn global() -> io::Result<&'static Runtime> {
    if let Some(runtime) = GLOBAL.get() {
        return Ok(runtime);
    }
    // Of several that start at once, one wins; the others end again.
    let runtime = Runtime::start(Builder::new().options()?)?;
    Ok(GLOBAL.get_or_init(|| runtime))
}

pub(super) fn start_global(options: Options) -> io::Result<()> {
    let exists = || {
        io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the runtime has started already: set it up before the first spawn",
        )
    };
    if GLOBAL.get().is_some() {
        return Err(exists());
    }
    GLOBAL.set(Runtime::start(options)?).map_err(|_| exists())
}
