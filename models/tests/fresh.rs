//! Tasks that have not started: what their queues guarantee, and with what.
//!
//! The sender leaves a task and looks whether the worker sleeps; the worker marks
//! itself asleep and looks whether something was left. Without the fences between,
//! both may see what was before, and without either look, one does not care.

netpoll_models::scenes! { fresh:
    each_starts_once (Some(2)) {
        Fence => "deadlock",
        Rouse => "deadlock",
        Look => "deadlock",
    }
    each_starts_once_with_two_homes (Some(2)) {
        Fence => "deadlock",
        Rouse => "deadlock",
        Look => "deadlock",
    }
}
