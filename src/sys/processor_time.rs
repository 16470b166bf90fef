//! How much a thread has computed.

use std::mem::MaybeUninit;
use std::time::Duration;

/// How long the calling thread has been on a processor, since it began.
///
/// By libc: rustix has its clocks in a feature that reads the kernel's shared object when
/// the program starts, which is not there under valgrind.
pub(crate) fn of_thread() -> Duration {
    let mut now = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: `now` is where a time may be written to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, now.as_mut_ptr()) };
    if result != 0 {
        return Duration::ZERO;
    }
    // SAFETY: the call has succeeded, so the time was written.
    let now = unsafe { now.assume_init() };
    Duration::new(
        now.tv_sec.try_into().unwrap_or_default(),
        now.tv_nsec.try_into().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn computing_takes_time() {
        let before = super::of_thread();
        while super::of_thread() == before {
            std::hint::spin_loop();
        }
        assert!(super::of_thread() > before);
    }
}
