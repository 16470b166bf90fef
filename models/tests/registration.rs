//! Who watches a descriptor: what those who wait may rely on, and with what.
//!
//! A task comes to wait and then looks whether the poller is there; a poller says that
//! it is gone and then rouses who waits. Both go through the word of the direction,
//! which releases and acquires, and is written even if nobody waits. The other way
//! round, or without, the poller finds nobody and the task a poller.

netpoll_models::scenes! { registration:
    nobody_sleeps_unwatched (Some(4)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
        Silent => "deadlock",
        Order => "deadlock",
    }
    nobody_sleeps_unwatched_in_the_list (Some(4)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Order => "deadlock",
    }
    nobody_sleeps_unwatched_while_it_moves (Some(2)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Order => "deadlock",
    }
    nobody_sleeps_unwatched_where_moving_fails (Some(4)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
        Silent => "deadlock",
        Order => "deadlock",
    }
}
