//! TODO

netpoll_models::scenes! { registration:
    nobody_sleeps_unwatched (None) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
        Silent => "deadlock",
        Order => "deadlock",
    }
    nobody_sleeps_unwatched_in_the_list (None) {
        Release => "deadlock",
        Acquire => "deadlock",
        Order => "deadlock",
    }
    nobody_sleeps_unwatched_while_it_moves (Some(3)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Order => "deadlock",
    }
}
