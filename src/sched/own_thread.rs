//! A runtime that has its caller's thread for a worker.

use std::io;
use std::sync::Arc;

use super::builder::Builder;
use super::machine::{Machine, Spawn, with_here};
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
        if with_here(|here| here.is_some()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a task cannot make its thread a worker, which it is: spawn a task, or build a runtime",
            ));
        }
        let mut own = None;
        let runtime = Runtime::start_with(builder.options()?, |runtime, index, work| {
            if index > 0 {
                return runtime.start_thread(&index.to_string(), work);
            }
            runtime.machine().worker_comes();
            own = Some(Self {
                machine: Arc::clone(runtime.machine()),
                work: Some(work),
            });
            Ok(())
        })?;
        let own = own.expect("there is at least one worker");
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
