//! The lock whose waiters park: what it guarantees, and with what.

netpoll_models::scenes! { lock:
    one_at_a_time (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "Causality violation",
    }
    nobody_is_forgotten (None) {
        Split => "deadlock",
    }
    the_second_is_not_forgotten (Some(2)) {
        Split => "deadlock",
    }
    who_is_refused_passes_it_on (Some(2)) {
        Cancel => "deadlock",
    }
    who_is_late_is_passed_over (Some(2)) {
        Split => "deadlock",
    }
    who_does_not_come_again_forgets_nobody (Some(2)) {
        Split => "deadlock",
    }
    a_moved_deadline_is_noticed (None) {
        Order => "deadlock",
    }
}
