//! The end of a machine: when it is seen, and by what.
//!
//! Those who ended are counted first, and those who came afterwards: the other way
//! round, one that came and one that ended in between cancel each other out. Ending
//! releases and counting acquires: without, a task is counted as ended, and those that
//! it started not as having come. Coming is one step, since several may come at once.

netpoll_models::scenes! { end:
    nobody_is_left (Some(4)) {
        Release => "one is left",
        Acquire => "one is left",
        Order => "one is left",
    }
    nobody_who_moved_is_left (Some(4)) {
        Release => "one is left",
        Acquire => "one is left",
        Order => "one is left",
    }
    the_end_is_seen (Some(3)) {
        Split => "the end is missed",
    }
}
