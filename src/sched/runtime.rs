//! The handle of a runtime, and the one that starts by itself.

use std::any::Any;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::builder::{Builder, Options};
use super::machine::{Machine, Spawn, with_here};
use super::report::{Metrics, Shutdown, TaskReport};
use super::worker;
use crate::stack;
use crate::sys::fork;
use crate::task::{self, Id, Time};

/// A set of workers, and the tasks that run on them.
///
/// Most programs need none of their own: [`thread::spawn`](crate::thread::spawn)
/// starts one at the first need, with a worker for each processor.
///
/// # Its end
///
/// Dropping the handle, or [`shutdown`](Self::shutdown), ends the runtime. Its tasks
/// are cancelled: an operation that would have to wait, and that can fail, fails with
/// [`Cancelled`](crate::io::Cancelled), so a task that passes errors on comes to its
/// end. What cannot fail (a join, a lock, a sleep) goes on. Then it waits: a second,
/// or as long as [`Builder::shutdown_timeout`] says, or until the deadline.
///
/// A task that has not ended by then goes on, and its worker's thread stays for it:
/// what lies on its stack may be lent to other threads, so it is never torn down.
/// Dropping prints one line that says what remains; `shutdown` returns it.
///
/// The runtime that starts by itself ends with the process, which does not wait for
/// tasks, as in std.
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
    /// Whether `shutdown` has done what dropping would do.
    ended: bool,
}

/// How many of the tasks that remain a report names.
const NAMED: usize = 10;

/// What a worker's thread does.
pub(super) type Work = Box<dyn FnOnce(&Arc<Machine>) + Send>;

static GLOBAL: OnceLock<Runtime> = OnceLock::new();

impl Runtime {
    pub(super) fn start(options: Options) -> io::Result<Self> {
        let (runtime, workers) = Self::prepare(options, 0)?;
        runtime.start_threads(workers.into_iter().enumerate())?;
        Ok(runtime)
    }

    /// Makes one whose workers are still to be started, and what their threads have to do.
    /// So many of the first are not kept on one processor: their threads are somebody
    /// else's.
    pub(super) fn prepare(options: Options, lent: usize) -> io::Result<(Self, Vec<Work>)> {
        fork::refuse_child()?;
        stack::install_overflow_report(task::name_for_report);
        let processors = match options.pinned {
            true => worker::processors()?,
            false => Vec::new(),
        };
        let mut places: Vec<worker::Place> = Vec::with_capacity(options.workers);
        while places.len() < options.workers {
            match worker::Place::new() {
                Ok(place) => places.push(place),
                Err(error) => {
                    places.iter().for_each(|place| place.home().give_back());
                    return Err(error);
                }
            }
        }
        let homes = places.iter().map(worker::Place::home).collect();
        // The handle's end ends the workers that have started, also when a later one does
        // not.
        let runtime = Self {
            machine: Arc::new(Machine::new(options, homes)),
            ended: false,
        };
        let work = |(index, place): (usize, worker::Place)| -> Work {
            let processor = (index >= lent && !processors.is_empty())
                .then(|| processors[index % processors.len()]);
            Box::new(move |machine: &Arc<Machine>| {
                machine.as_worker(index, || place.work(Arc::clone(machine), index, processor));
            })
        };
        let workers = places.into_iter().enumerate().map(work).collect();
        Ok((runtime, workers))
    }

    /// Starts the threads of these workers, and the monitor's, if there shall be one.
    pub(super) fn start_threads(
        &self,
        workers: impl Iterator<Item = (usize, Work)>,
    ) -> io::Result<()> {
        for (number, work) in workers {
            self.start_thread(&number.to_string(), work)?;
        }
        #[cfg(feature = "backtrace")]
        if self.machine.options.stuck_backtraces {
            crate::stack::trace::install();
        }
        if self.machine.options.monitored {
            let machine = Arc::clone(&self.machine);
            std::thread::Builder::new()
                .name(format!("{}-monitor", machine.options.thread_name))
                .spawn(move || machine.monitor.watch(&machine))?;
        }
        Ok(())
    }

    /// Starts the thread of a worker.
    fn start_thread(&self, name: &str, work: Work) -> io::Result<()> {
        self.machine.worker_comes();
        let machine = Arc::clone(&self.machine);
        let thread = std::thread::Builder::new()
            .name(format!("{}-{name}", machine.options.thread_name))
            .spawn(move || work(&machine));
        if thread.is_err() {
            self.machine.worker_leaves();
        }
        thread.map(drop)
    }

    pub(super) fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }

    /// How many workers it has.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.machine.homes().len()
    }

    /// How many tasks it has, started or not. A moment later it is another number.
    #[must_use]
    #[doc(alias = "NumGoroutine")]
    pub fn tasks(&self) -> usize {
        self.machine.tasks()
    }

    /// Figures since it started. Taking them costs a few loads for each worker.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.machine.metrics()
    }

    /// Ends the runtime: cancels its tasks and waits for them until the deadline.
    ///
    /// Parks the task, or blocks the thread. In a task of this very runtime it does
    /// not wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let runtime = netpoll::Builder::new().workers(2).build()?;
    /// let (go, gone) = std::sync::mpsc::channel();
    /// runtime.spawn(move || go.send(()));
    /// let shutdown = runtime.shutdown(Instant::now() + Duration::from_secs(10));
    /// assert_eq!(shutdown.unfinished, 0);
    /// gone.recv().unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(mut self, deadline: Instant) -> Shutdown {
        let shutdown = self.end(Time::at(deadline));
        self.ended = true;
        shutdown
    }

    fn end(&self, deadline: Time) -> Shutdown {
        let machine = &self.machine;
        machine.stop();
        let gone = self.own_worker().is_none() && machine.wait_until_gone(deadline);
        Shutdown {
            complete: gone,
            unfinished: if gone { 0 } else { machine.tasks() },
            tasks: match gone {
                true => Vec::new(),
                false => machine
                    .homes()
                    .iter()
                    .flat_map(|home| home.census(NAMED))
                    .take(NAMED)
                    .map(TaskReport::new)
                    .collect(),
            },
        }
    }

    pub(crate) fn start_task(&self, spawn: Spawn) -> io::Result<Id> {
        self.machine.start_task(spawn, self.own_worker())
    }

    /// Which of its workers the calling thread is, if it is one.
    fn own_worker(&self) -> Option<usize> {
        with_here(|here| match here {
            Some((machine, index)) if Arc::ptr_eq(machine, &self.machine) => Some(index),
            _ => None,
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // In a forked child the threads are the parent's.
        if self.ended || fork::is_child() {
            return;
        }
        let timeout: Duration = self.machine.options.shutdown_timeout;
        let shutdown = self.end(Time::now().after(timeout));
        if !shutdown.complete && self.own_worker().is_none() {
            eprintln!("netpoll: a runtime was dropped, and {shutdown}");
        }
    }
}

/// The workers of a runtime, for what has a part on each of them.
#[derive(Clone, Debug)]
pub(crate) struct Workers(Arc<Machine>);

impl Workers {
    /// Those of the calling task's runtime, or of the one that starts by itself.
    pub(crate) fn current() -> io::Result<Self> {
        with_here(|here| match here {
            Some((machine, _)) => Ok(Self(Arc::clone(machine))),
            None => Ok(Self(Arc::clone(&global()?.machine))),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.homes().len()
    }

    /// How many tasks live on a worker.
    pub(crate) fn load(&self, worker: usize) -> u64 {
        self.0.homes()[worker].load()
    }

    /// How large the stacks are of tasks that do not say.
    pub(crate) fn stack_size(&self) -> usize {
        self.0.options.stack_size
    }

    /// What another layer keeps of this runtime, as long as that is there. There is one such
    /// thing, so it must always be of the same type.
    pub(crate) fn attached<T: Any + Send + Sync + Default>(&self) -> &T {
        let attached = self.0.attached.get_or_init(|| Box::new(T::default()));
        attached.downcast_ref().expect("one type is attached")
    }

    /// Starts a task on one worker, where it stays.
    pub(crate) fn spawn_on(&self, worker: usize, spawn: Spawn) -> io::Result<Id> {
        self.0.start_pinned(spawn, worker)
    }
}

/// Starts a task in the runtime of the calling task, or in the one that starts by
/// itself.
pub(crate) fn spawn(spawn: Spawn) -> io::Result<Id> {
    with_here(|here| match here {
        Some((machine, own)) => machine.start_task(spawn, Some(own)),
        None => global()?.start_task(spawn),
    })
}

/// Tells the runtime's hook that the calling task has panicked.
pub(crate) fn task_panicked(payload: &(dyn Any + Send)) {
    let machine = with_here(|here| here.map(|(machine, _)| Arc::clone(machine)));
    if let Some(machine) = machine {
        machine
            .hooks()
            .task_panicked(task::current_name().as_deref(), payload);
    }
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
