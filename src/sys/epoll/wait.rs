//! How a timeout reaches the kernel.
//!
//! | timeout | system call |
//! |---|---|
//! | none, zero, whole milliseconds | `epoll_wait`: no timeout to copy from memory |
//! | anything finer, or beyond `i32::MAX` ms | `epoll_pwait2` (Linux 5.11) |
//! | the same, where that call is missing | `epoll_wait`, rounded up, at most `i32::MAX` ms |
//!
//! `epoll_pwait2` is made by hand, because rustix, built for all kernels,
//! rounds timeouts to milliseconds, and tells nobody.

use crate::sys::fallback::Feature;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll as kernel};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const NANOS_PER_MILLI: u32 = 1_000_000;

/// The longest timeout that `epoll_wait` takes: 24 days and 20 hours.
const MAX_COARSE: Duration = Duration::from_millis(i32::MAX as u64);

/// Whether `epoll_pwait2` is there, as far as is known.
///
/// `Relaxed` is enough: the flag guards no other memory, and a thread that
/// still reads `true` finds out for itself.
static HAS_PWAIT2: LazyLock<AtomicBool> =
    LazyLock::new(|| AtomicBool::new(!Feature::EpollPwait2.is_forced_off()));

/// Waits, and puts the events in the spare capacity of `list`, which must not be 0.
pub(super) fn wait(
    epoll: BorrowedFd<'_>,
    list: &mut Vec<kernel::Event>,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let Some(timeout) = timeout else {
        return coarse(epoll, list, None);
    };
    if fits_coarse(timeout) || !HAS_PWAIT2.load(Ordering::Relaxed) {
        return coarse(epoll, list, Some(round_up(timeout)));
    }
    match fine(epoll, list, timeout) {
        // EPERM: how seccomp filters that are older than the call refuse it.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
            HAS_PWAIT2.store(false, Ordering::Relaxed);
            coarse(epoll, list, Some(round_up(timeout)))
        }
        result => result,
    }
}

/// Whether `epoll_wait` can express the timeout exactly.
fn fits_coarse(timeout: Duration) -> bool {
    timeout.subsec_nanos().is_multiple_of(NANOS_PER_MILLI) && timeout <= MAX_COARSE
}

/// The next timeout that `epoll_wait` can express: up, not down, or a loop that
/// waits for a timer would wake too early, find nothing due, and spin.
fn round_up(timeout: Duration) -> Duration {
    let rest = timeout.subsec_nanos() % NANOS_PER_MILLI;
    let missing = (NANOS_PER_MILLI - rest) % NANOS_PER_MILLI;
    timeout
        .saturating_add(Duration::from_nanos(missing.into()))
        .min(MAX_COARSE)
}

/// `epoll_wait`; the timeout is none, or of whole milliseconds, up to [`MAX_COARSE`].
fn coarse(
    epoll: BorrowedFd<'_>,
    list: &mut Vec<kernel::Event>,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let timeout = timeout.map(|timeout| Timespec {
        // At most i32::MAX milliseconds, so that the cast loses nothing.
        tv_sec: timeout.as_secs() as _,
        tv_nsec: timeout.subsec_nanos() as _,
    });
    kernel::wait(epoll, spare_capacity(list), timeout.as_ref())?;
    Ok(())
}

/// `epoll_pwait2`, without a signal mask.
fn fine(epoll: BorrowedFd<'_>, list: &mut Vec<kernel::Event>, timeout: Duration) -> io::Result<()> {
    let timeout = libc::timespec {
        // The kernel takes the greatest value for "never".
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let spare = list.spare_capacity_mut();
    // The capacity of `Events` is far below `i32::MAX`.
    let max_events = spare.len() as libc::c_int;
    // SAFETY:
    // - `epoll` is an open descriptor for as long as it is borrowed.
    // - `spare` is valid for writes of `max_events` records, and rustix's
    //   record has the layout of the kernel's `struct epoll_event`.
    // - `timeout` lives beyond the call, and has the layout of the kernel's
    //   `struct __kernel_timespec` on the 64-bit targets we build for.
    // - A null signal mask is not looked at, nor is its size.
    let count = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            spare.as_mut_ptr(),
            max_events,
            &raw const timeout,
            std::ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    // Only -1, which means an error, does not convert.
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    let len = list.len() + count;
    // SAFETY:
    // - The kernel wrote `count` whole records to the start of the spare capacity.
    // - `count` is at most `max_events`, so `len` is within the capacity.
    unsafe { list.set_len(len) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{MAX_COARSE, fits_coarse, round_up};
    use std::time::Duration;

    #[test]
    fn timeouts_are_rounded_up_to_milliseconds() {
        let millis = Duration::from_millis;
        assert_eq!(round_up(Duration::ZERO), Duration::ZERO);
        assert_eq!(round_up(Duration::from_nanos(1)), millis(1));
        assert_eq!(round_up(millis(1)), millis(1));
        assert_eq!(round_up(Duration::from_nanos(1_000_001)), millis(2));
        assert_eq!(round_up(Duration::from_nanos(999_999_999)), millis(1000));
        assert_eq!(round_up(Duration::from_nanos(1_000_000_001)), millis(1001));
    }

    #[test]
    fn long_timeouts_are_capped() {
        assert_eq!(round_up(MAX_COARSE), MAX_COARSE);
        assert_eq!(round_up(MAX_COARSE + Duration::from_nanos(1)), MAX_COARSE);
        assert_eq!(round_up(Duration::MAX), MAX_COARSE);
    }

    #[test]
    fn the_finer_call_is_only_used_where_it_is_needed() {
        assert!(fits_coarse(Duration::ZERO));
        assert!(fits_coarse(Duration::from_millis(1001)));
        assert!(fits_coarse(MAX_COARSE));
        assert!(!fits_coarse(Duration::from_micros(200)));
        assert!(!fits_coarse(Duration::from_micros(1500)));
        assert!(!fits_coarse(MAX_COARSE + Duration::from_millis(1)));
    }
}
