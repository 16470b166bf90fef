//! Starting tasks.

use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use super::{JoinHandle, Thread};
use crate::sched::{self, Runtime, Spawn};
use crate::task::{Id, Packet, end_locals, or_abort};

/// Starts a task, in the shape of [`std::thread::spawn`].
///
/// It runs in the runtime of the calling task; from any other thread, in the one
/// that starts by itself at the first call, with a worker for each processor
/// (`NETPOLL_WORKERS` sets how many). When the handle is dropped, the task goes on.
///
/// The task stays on the worker that first runs it: what it holds while it parks
/// (an `Rc`, a borrow, a reference to a thread-local) never meets another thread.
/// It shares its thread-locals with the other tasks of that worker, though; and
/// where a thread-local holds *a pointer to a frame, restored on exit* (the scoped
/// thread-local pattern), two tasks that park inside of it can leave a dangling
/// pointer. Use [`no_park`](super::no_park) there.
///
/// # Panics
///
/// If the runtime cannot start, or there are too many tasks; [`Builder::spawn`]
/// returns the error instead.
///
/// # Examples
///
/// ```
/// let task = netpoll::thread::spawn(|| 6 * 7);
/// assert_eq!(task.join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new()
        .spawn(f)
        .unwrap_or_else(|error| panic!("failed to spawn a task: {error}"))
}

/// Sets a task up before it is started, in the shape of [`std::thread::Builder`].
///
/// # Examples
///
/// ```
/// use netpoll::thread::Builder;
///
/// let task = Builder::new().name("small".into()).stack_size(64 * 1024).spawn(|| "done")?;
/// assert_eq!(task.join().unwrap(), "done");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "must eventually spawn the task"]
pub struct Builder {
    name: Option<Arc<str>>,
    stack_size: Option<usize>,
}

impl Builder {
    /// A task without a name, with a stack of the runtime's size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the task a name, which reports about it say. As in std, starting the task
    /// panics if the name has a zero byte.
    pub fn name(mut self, name: String) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the size of its stack in bytes; it is rounded up to a power of two, at
    /// least 16 KiB. It is address space: a task pays for the pages that it touches.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Starts the task; see [`spawn`].
    ///
    /// # Errors
    ///
    /// - `InvalidInput` for a stack size over 1 GiB.
    /// - `OutOfMemory` where a stack takes mappings of its own (before Linux 6.13)
    ///   and there are as many tasks as `vm.max_map_count` allows; the text says so.
    /// - What starting the runtime fails with, if this is the first need.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_with(f, sched::spawn)
    }

    /// Starts the task on a worker of a certain runtime.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_on<F, T>(self, runtime: &Runtime, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_with(f, |spawn| runtime.start_task(spawn))
    }

    #[track_caller]
    pub(super) fn spawn_with<F, T>(
        self,
        f: F,
        start: impl FnOnce(Spawn) -> io::Result<Id>,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let packet = Arc::new(Packet::new());
        let result = Arc::clone(&packet);
        // Whoever joins the task decides what its panic means, as in std.
        let body = move || leave(result, catch_unwind(AssertUnwindSafe(f)));
        Ok(JoinHandle::new(packet, self.start(Box::new(body), start)?))
    }

    /// Starts a task with this body, which catches its own panics.
    ///
    /// # Panics
    ///
    /// If the name has a zero byte, as in std.
    #[track_caller]
    pub(super) fn start(
        self,
        body: Box<dyn FnOnce() + Send>,
        start: impl FnOnce(Spawn) -> io::Result<Id>,
    ) -> io::Result<Thread> {
        let name = self.name.clone();
        assert!(
            !name.as_ref().is_some_and(|name| name.contains('\0')),
            "a task's name must not contain a zero byte"
        );
        let id = start(Spawn {
            body,
            spawned_at: Location::caller(),
            name: self.name,
            stack_size: self.stack_size,
        })?;
        Ok(Thread::new(id, name))
    }
}

/// The last that a task does: leaves what it returned, or panicked with, to whoever
/// joins it. Does not unwind.
pub(super) fn leave<T>(packet: Arc<Packet<T>>, ended: super::Result<T>) {
    if let Err(payload) = &ended {
        sched::task_panicked(&**payload);
    }
    if Arc::strong_count(&packet) == 1 {
        // Nobody will ever join it.
        drop_result(ended);
        end_locals();
    } else {
        end_locals();
        packet.end(ended);
        drop_result(packet);
    }
}

/// Drops something with the result of a task in it. As in std, nobody is there to
/// take the panic of its destructor.
pub(super) fn drop_result(result: impl Sized) {
    or_abort("the destructor of a task's result panicked", || {
        drop(result)
    });
}

// Here and not beside the type: a join handle is of this layer.
impl Runtime {
    /// Starts a task on a worker of this runtime; see [`spawn`].
    ///
    /// # Panics
    ///
    /// If the task cannot be started; see [`Builder::spawn_on`]
    /// for a way that returns the error.
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Builder::new()
            .spawn_on(self, f)
            .unwrap_or_else(|error| panic!("failed to spawn a task: {error}"))
    }
}
