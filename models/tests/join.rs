//! TODO

netpoll_models::scenes! { join:
    joining_sees_all (None) {
        Lock => "deadlock",
        Split => "deadlock",
    }
    looking_sees_all (None) {
        Lock => "Causality violation",
    }
    who_looks_does_not_disturb (Some(3)) {
        Lock => "Causality violation",
        Split => "deadlock",
    }
}
