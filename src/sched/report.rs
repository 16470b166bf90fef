//! What a runtime says of its tasks and of itself.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::task::Report;

/// Which task, for a person: its name, if it has one, and where it was spawned.
#[derive(Clone, Debug)]
pub struct TaskReport {
    name: Option<Arc<str>>,
    spawned_at: Option<&'static Location<'static>>,
}

impl TaskReport {
    pub(super) fn new(report: Report) -> Self {
        Self {
            name: report.name,
            spawned_at: report.spawned_at,
        }
    }

    /// The name that the task was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where in the program it was spawned.
    #[must_use]
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.spawned_at
    }
}

impl fmt::Display for TaskReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task '{name}'")?,
            None => f.write_str("an unnamed task")?,
        }
        match self.spawned_at {
            Some(location) => write!(f, " (spawned at {location})"),
            None => Ok(()),
        }
    }
}

/// How the shutdown of a runtime went; see [`Runtime::shutdown`](crate::Runtime::shutdown).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shutdown {
    /// Whether everything has come to its end: the tasks, and the workers' threads.
    pub complete: bool,
    /// How many tasks had not ended at the deadline. They go on, on threads that
    /// stay for them.
    pub unfinished: usize,
    /// Some of those that had started.
    pub tasks: Vec<TaskReport>,
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks did not end", self.unfinished)?;
        for (i, task) in self.tasks.iter().enumerate() {
            write!(f, "{}{task}", if i == 0 { ": " } else { ", " })?;
        }
        if self.tasks.len() < self.unfinished && !self.tasks.is_empty() {
            f.write_str(", ...")?;
        }
        Ok(())
    }
}

/// Figures of a runtime since it started; see [`Runtime::metrics`](crate::Runtime::metrics).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks that live now, started or not, by worker.
    pub tasks: Vec<u64>,
    /// How often a worker that slept was woken by another thread.
    pub rings: u64,
    /// How often a task was woken by a thread other than its worker, asleep or not.
    pub remote_wakeups: u64,
    /// How often a worker was found stuck by the monitor.
    pub stuck: u64,
    /// How often a task of the process, of this runtime or another, has parked in a
    /// destructor while it was unwinding: then `panicking()` is true for the other
    /// tasks of its worker, too.
    pub parked_unwinding: u64,
}
