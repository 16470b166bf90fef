//! What is done once: what is guaranteed, and with what.
//!
//! The end releases and looking acquires: without, what was done is not seen. Beginning,
//! and noting that somebody waits, are each one step: split, two do it, or the waiter is
//! not woken.

netpoll_models::scenes! { once:
    one_does_it (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "Causality violation",
    }
    all_who_come_see_it (Some(3)) {
        Release => "Causality violation",
        Split => "Causality violation",
    }
    who_waits_early_is_woken (None) {
        Split => "deadlock",
        Release => "Causality violation",
    }
    who_looks_sees_it (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
    }
}
