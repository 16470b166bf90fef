//! The inbox of a worker: what it guarantees, and with what.

netpoll_models::scenes! { inbox:
    everything_arrives (Some(2)) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "a sleeper was forgotten",
    }
    nobody_sleeps_over_a_task (None) {
        Split => "a sleeper was forgotten",
    }
    a_sleep_may_end_otherwise (None) {
        Split => "everything arrives",
    }
    a_link_is_used_again (Some(2)) {
        Split => "everything arrives",
    }
}
