//! TODO

netpoll_models::scenes! { fresh:
    each_starts_once (Some(3)) {
        Fence => "deadlock",
        Rouse => "deadlock",
        Look => "deadlock",
    }
    each_starts_once_with_two_homes (Some(3)) {
        Fence => "deadlock",
        Rouse => "deadlock",
        Look => "deadlock",
    }
}
