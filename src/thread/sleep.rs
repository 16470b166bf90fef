//! Sleeping.

use std::time::{Duration, Instant};

use crate::task::{Outcome, Reason, Time, Wait};

/// Sleeps for at least this long.
///
/// Parks the task, or blocks the thread. In a destructor that runs because of a
/// panic, on a task, it blocks the worker instead, and for a second at most.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let before = Instant::now();
/// netpoll::thread::sleep(Duration::from_millis(2));
/// assert!(before.elapsed() >= Duration::from_millis(2));
/// ```
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        return;
    }
    sleep_to(Time::now().after(duration));
}

/// Sleeps until at least this moment; returns at once if it has passed.
///
/// See [`sleep`].
pub fn sleep_until(deadline: Instant) {
    sleep_to(Time::at(deadline));
}

/// Sleeps for this many milliseconds.
///
/// See [`sleep`].
#[deprecated = "use `thread::sleep`, as in std"]
pub fn sleep_ms(milliseconds: u32) {
    sleep(Duration::from_millis(milliseconds.into()));
}

fn sleep_to(until: Time) {
    while !until.is_past() {
        // Nobody has this wait's waker.
        let outcome = Wait::begin(Reason::Sleep).park(until);
        if outcome == Outcome::GaveUp {
            return;
        }
    }
}
