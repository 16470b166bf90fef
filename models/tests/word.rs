//! Park and unpark: what the word of a task guarantees, and with what.
//!
//! Waking releases, and parking in vain or finishing acquires: without, a task reads
//! what its waker has not written yet. Parking and finishing are each one step with
//! respect to waking: split, a waker ends a wait that has ended, or one that goes to
//! sleep afterwards. The epoch is what tells a stale waker from the right one.

netpoll_models::scenes! { word:
    a_wake_publishes (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
    }
    looking_suffices (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
    }
    one_waker_wins (Some(3)) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "a sleeper was forgotten",
    }
    giving_up_is_certain (None) {
        Release => "Causality violation",
        Acquire => "Causality violation",
        Split => "they disagree",
    }
    a_stale_waker_ends_nothing (Some(4)) {
        Epoch => "a stale waker ended it",
        Split => "a stale waker ended it",
    }
    one_wait_after_another (Some(2)) {
        Epoch => "a stale waker ended it",
    }
}
