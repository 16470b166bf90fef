//! The lock that readers share: what it guarantees, and with what.
//!
//! Letting go releases and taking acquires: without, a holder does not see what the
//! last one did. Noting that there is a queue, and letting go, are each one step:
//! split, who comes to wait at that moment is not woken, or two have it.

netpoll_models::scenes! { rw_lock:
    writers_exclude_each_other (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "Causality violation",
    }
    readers_exclude_writers (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "Causality violation",
    }
    the_last_reader_rouses_a_writer (Some(3)) {
        Split => "deadlock",
    }
    a_writer_grants_to_all_readers (Some(3)) {
        Split => "deadlock",
    }
    nobody_is_forgotten (Some(3)) {
        Split => "Causality violation",
    }
    the_second_writer_is_not_forgotten (Some(3)) {
        Release => "Causality violation",
        Split => "deadlock",
    }
    who_downgrades_shares (Some(3)) {
        Order => "somebody wrote in between",
    }
}
