//! Moments and durations: those of [`std::time`], which know nothing of threads.
//!
//! What waits for time to pass is in [`thread`](crate::thread): `sleep`,
//! `sleep_until`, `park_timeout`. Deadlines of sockets are [`Instant`]s.
//!
//! ```
//! use netpoll::thread;
//! use netpoll::time::{Duration, Instant};
//!
//! let deadline = Instant::now() + Duration::from_millis(1);
//! thread::sleep_until(deadline);
//! assert!(Instant::now() >= deadline);
//! ```

#![forbid(unsafe_code)]

pub use std::time::{
    Duration, Instant, SystemTime, SystemTimeError, TryFromFloatSecsError, UNIX_EPOCH,
};
