//! How much a thread has computed.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long the calling thread has been on a processor, since it began.
pub(crate) fn of_thread() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
