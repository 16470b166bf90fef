//! A runtime that has its caller's thread for a worker.

use std::io;
use std::sync::Arc;

use super::builder::Builder;
use super::machine::{Machine, Spawn, may_become_worker};
use super::runtime::{Runtime, Work};
use crate::task::Id;

/// The first worker of a runtime whose other workers have started, if it has others.
pub(crate) struct OwnThread {
    machine: Arc<Machine>,
    work: Option<Work>,
}

/// Ends the runtime when it is dropped, in a task of its own: on another thread, which
/// waits for the end, and says what is left.
pub(crate) struct Ending(Option<Runtime>);

impl OwnThread {
    /// As for [`Builder::build`], but for its first worker.
    pub(crate) fn new(builder: Builder) -> io::Result<(Self, Ending)> {
        if std::thread::panicking() || !may_become_worker() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a task, a thread that is unwinding, and one that is about to end cannot become \
                 a worker: spawn a task, or build a runtime",
            ));
        }
        let (runtime, workers) = Runtime::prepare(builder.options()?, 1)?;
        let mut workers = workers.into_iter().enumerate();
        runtime.machine().worker_comes();
        // Dropped before the runtime, whose end waits for it.
        let own = Self {
            machine: Arc::clone(runtime.machine()),
            work: workers.next().map(|(_, work)| work),
        };
        runtime.start_threads(workers)?;
        Ok((own, Ending(Some(runtime))))
    }

    /// Starts a task that this worker will run.
    pub(crate) fn spawn(&self, spawn: Spawn) -> io::Result<Id> {
        self.machine.start_pinned(spawn, 0)
    }

    /// Works until the runtime has ended.
    pub(crate) fn work(mut self) {
        if let Some(work) = self.work.take() {
            work(&self.machine);
        }
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        if self.work.take().is_some() {
            // It never came to work.
            self.machine.worker_leaves();
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(runtime) = self.0.take() else {
            return;
        };
        let name = format!("{}-end", runtime.machine().options.thread_name);
        // If there can be no thread it is dropped here, where its end is not waited for.
        let _ = std::thread::Builder::new()
            .name(name)
            .spawn(move || drop(runtime));
    }
}
