//! Waiting for what others do under a lock: what is guaranteed, and with what.
//!
//! Who waits is listed before it lets go, so a change under the lock finds it, if it is
//! told of afterwards. A notification is taken by one who says so, or goes to the next.

netpoll_models::scenes! { condition:
    no_change_is_missed (Some(3)) {
        Order => "deadlock",
        Release => "Causality violation",
        Acquire => "Causality violation",
    }
    all_are_told (Some(3)) {
        Order => "deadlock",
    }
    who_is_late_takes_nothing (Some(3)) {
        Cancel => "deadlock",
    }
}
