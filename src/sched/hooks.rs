//! What a program wants to be told by its runtime.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::monitor::Stuck;

type ThreadHook = Arc<dyn Fn(usize) + Send + Sync>;
type StuckHook = Arc<dyn Fn(&Stuck) + Send + Sync>;
type PanicHook = Arc<dyn Fn(Option<&str>, &(dyn Any + Send)) + Send + Sync>;

/// See [`Builder`](super::Builder).
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) on_thread_start: Option<ThreadHook>,
    pub(super) on_thread_stop: Option<ThreadHook>,
    pub(super) on_stuck: Option<StuckHook>,
    pub(super) on_task_panic: Option<PanicHook>,
}

impl Hooks {
    pub(super) fn thread_started(&self, worker: usize) {
        if let Some(hook) = &self.on_thread_start {
            alone(|| hook(worker));
        }
    }

    pub(super) fn thread_stops(&self, worker: usize) {
        if let Some(hook) = &self.on_thread_stop {
            alone(|| hook(worker));
        }
    }

    pub(super) fn wants_stuck(&self) -> bool {
        self.on_stuck.is_some()
    }

    pub(super) fn stuck(&self, stuck: &Stuck) {
        if let Some(hook) = &self.on_stuck {
            alone(|| hook(stuck));
        }
    }

    pub(super) fn task_panicked(&self, name: Option<&str>, payload: &(dyn Any + Send)) {
        if let Some(hook) = &self.on_task_panic {
            alone(|| hook(name, payload));
        }
    }
}

/// A hook that panics must not take a worker, or the result of a task, with it.
fn alone(hook: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(hook));
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_thread_start", &self.on_thread_start.is_some())
            .field("on_thread_stop", &self.on_thread_stop.is_some())
            .field("on_stuck", &self.on_stuck.is_some())
            .field("on_task_panic", &self.on_task_panic.is_some())
            .finish()
    }
}
