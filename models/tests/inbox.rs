//! The inbox of a worker: what it guarantees, and with what.
//!
//! Pushing releases and taking acquires: without, the worker reads what its sender
//! has not written yet. Pushing, taking and falling asleep are each one step: split,
//! a task is overwritten, or sent to a worker that has just fallen asleep and is not
//! rung for. What is left beside the inbox is found because of a fence.

netpoll_models::scenes! { inbox:
    everything_arrives (Some(2)) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "a sleeper was forgotten",
    }
    nobody_sleeps_over_a_task (None) {
        Split => "a sleeper was forgotten",
    }
    nobody_sleeps_over_a_fresh_task (None) {
        Fence => "a sleeper was forgotten",
    }
    a_sleep_may_end_otherwise (None) {
        Split => "everything arrives",
    }
    a_link_is_used_again (Some(3)) {
        Split => "everything arrives",
    }
}
