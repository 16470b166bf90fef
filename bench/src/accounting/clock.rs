//! The CPU clock of another process.
#![allow(unsafe_code)]

use std::io;
use std::time::Duration;

/// The CPU time of all threads of a process, those that have ended included: the sum of
/// what the scheduler counts for each, in nanoseconds (`schedstat` in `/proc` has the
/// same figures, of the threads that there are).
pub(super) fn cpu(process: u32) -> io::Result<Duration> {
    let process = libc::pid_t::try_from(process).map_err(io::Error::other)?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the pointer is to a variable that lives through the call.
    let error = unsafe { libc::clock_getcpuclockid(process, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: as above.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// So many ticks of the clock that `/proc` counts in.
pub(super) fn ticks(count: u64) -> Duration {
    Duration::from_secs(count) / rustix::param::clock_ticks_per_second() as u32
}
