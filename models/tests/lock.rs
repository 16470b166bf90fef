//! The lock whose waiters park: what it guarantees, and with what.
//!
//! Letting go releases and taking acquires: without, a holder does not see what the
//! last one did. Noting that there are waiters, and letting go, are each one step:
//! split, who comes to wait at that moment is not woken. A waiter that was meant to
//! have the lock and goes away has to pass that on, so it must notice.

netpoll_models::scenes! { lock:
    one_at_a_time (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "Causality violation",
    }
    nobody_is_forgotten (None) {
        Split => "deadlock",
    }
    the_second_is_not_forgotten (Some(3)) {
        Release => "Causality violation",
        Acquire => "Causality violation",
    }
    who_is_refused_passes_it_on (Some(4)) {
        Cancel => "deadlock",
    }
    who_is_late_is_passed_over (Some(3)) {
        Split => "deadlock",
    }
    who_does_not_come_again_forgets_nobody (Some(3)) {
        Split => "deadlock",
    }
    a_moved_deadline_is_noticed (None) {
        Order => "deadlock",
    }
}
