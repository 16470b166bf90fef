//! A model of the place of a thread that is no task: there is none in a model.

use super::task::{TASKS, Task};

pub(super) struct Seat;

impl Seat {
    pub(super) fn of_thread() -> Self {
        Self
    }

    pub(super) fn task(&self) -> &'static Task {
        TASKS.current()
    }
}
