//! TODO

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
    a_deadline_loses_no_token (None) {
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
    a_token_for_an_earlier_task_is_dropped (Some(3)) {
        Epoch => "an earlier token ended it",
        Split => "deadlock",
    }
}
