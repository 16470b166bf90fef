//! The mailbox of an event loop: what it guarantees, and with what.
//!
//! Who sends and who is about to wait each write a word and read the other's, with a
//! fence in between; without, both may read what was there before. What is sent is
//! published by the lock that it goes through.

netpoll_models::scenes! { mailbox:
    nobody_sleeps_over_what_is_sent (None) {
        Fence => "deadlock",
        Lock => "Causality violation",
    }
    everything_comes_in_order (Some(2)) {
        Fence => "deadlock",
        Lock => "Causality violation",
    }
    a_closed_mailbox_keeps_nothing (None) {}
}
