//! The token of `thread::park`: what it guarantees, and with what.
//!
//! Giving releases and taking acquires, each by the token itself: it may be there
//! before the task waits, and then the word of its waits says nothing. Giving one that
//! is there already writes it again; silent, what the second giver did is not seen.
//! Announcing, giving and taking are each one step: split, a token is overwritten. The
//! epoch keeps a late unpark from the next wait, and the use of the slot, which is
//! counted in the same way, from the next task.

netpoll_models::scenes! { token:
    an_unpark_publishes (None) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
    }
    a_token_publishes (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
    }
    a_token_that_is_there_publishes (Some(3)) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Silent => "Causality violation",
    }
    a_deadline_loses_no_token (Some(4)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
    }
    a_late_unpark_ends_no_other_wait (Some(3)) {
        Release => "it was woken for nothing",
        Acquire => "it was woken for nothing",
        Epoch => "a late unpark ended it",
        Split => "deadlock",
    }
    a_token_for_an_earlier_task_is_dropped (Some(2)) {
        Epoch => "an earlier token ended it",
        Split => "deadlock",
    }
}
