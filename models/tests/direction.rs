//! A direction of a descriptor: what its word guarantees, and with what.
//!
//! Each step releases and acquires. Without, who registers is not seen by the event
//! (its waker reaches a task whose wait has not begun), and who consumes an event
//! does not see what it was about: either way somebody sleeps for ever. Split, a
//! registration, an event or a closing overwrites another. Rousing writes even where
//! nobody waits: if it is silent, who registers next goes by the old deadline.

netpoll_models::scenes! { direction:
    no_edge_is_lost (None) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
    }
    readiness_is_restored (Some(2)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
    }
    readiness_is_kept (None) {
        Release => "the event is lost",
        Acquire => "the event is lost",
        Split => "the event is lost",
    }
    an_event_wakes_all (Some(2)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
    }
    closing_ends_every_wait (Some(2)) {
        Release => "deadlock",
        Acquire => "deadlock",
        Split => "deadlock",
    }
    closed_stays_closed (None) {
        Split => "it is open again",
    }
    a_moved_deadline_is_noticed (None) {
        Release => "deadlock",
        Acquire => "deadlock",
        Silent => "deadlock",
        Order => "deadlock",
    }
    a_moved_deadline_is_noticed_in_the_list (None) {
        Release => "deadlock",
        Acquire => "deadlock",
        Order => "deadlock",
    }
    giving_up_forgets_nobody (Some(2)) {
        Split => "deadlock",
    }
    giving_up_forgets_nobody_in_the_list (Some(3)) {
        Split => "deadlock",
    }
    an_event_may_only_look (None) {
        Fence => "deadlock",
    }
}
