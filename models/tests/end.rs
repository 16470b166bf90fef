//! TODO

netpoll_models::scenes! { end:
    nobody_is_left (None) {
        Release => "one is left",
        Acquire => "one is left",
        Order => "one is left",
    }
    nobody_who_moved_is_left (None) {
        Release => "one is left",
        Acquire => "one is left",
        Order => "one is left",
    }
    the_end_is_seen (None) {
        Split => "the end is missed",
    }
}
