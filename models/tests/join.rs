//! What a task leaves to who joins it: what is guaranteed, and with what.
//!
//! Ending and looking are under a lock, and the lock publishes: what the task did to
//! who looks, and the wait to who ends it. What is lost where parking is not one step
//! is lost here, too.

netpoll_models::scenes! { join:
    joining_sees_all (None) {
        Lock => "deadlock",
        Split => "deadlock",
    }
    looking_sees_all (None) {
        Lock => "Causality violation",
    }
    who_looks_does_not_disturb (None) {
        Lock => "Causality violation",
        Split => "deadlock",
    }
}
