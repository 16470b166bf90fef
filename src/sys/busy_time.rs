//! How much a thread has had to do.

use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::time::Duration;

/// How long a thread has been on a processor, or has waited for one while it could have
/// run: with many threads to a processor, a thread that never sleeps gets a small part of
/// it, and is busy all the same.
///
/// The time on a processor alone, where the kernel does not tell how long a thread has
/// waited.
#[derive(Default)]
pub(crate) struct BusyTime {
    /// As it was told last: a process without descriptors to spare is told nothing.
    waited: Duration,
}

impl BusyTime {
    /// That of the calling thread, since it began.
    pub(crate) fn of_thread(&mut self) -> Duration {
        self.waited = waited().unwrap_or(self.waited);
        on_processor() + self.waited
    }
}

/// By libc: rustix has its clocks in a feature that reads the kernel's shared object when
/// the program starts, which is not there under valgrind.
fn on_processor() -> Duration {
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

/// What the kernel calls run delay: the second number of `schedstat`, in nanoseconds.
fn waited() -> Option<Duration> {
    let mut text = [0; 64];
    let mut file = File::open("/proc/thread-self/schedstat").ok()?;
    let len = file.read(&mut text).ok()?;
    let text = std::str::from_utf8(&text[..len]).ok()?;
    let nanoseconds = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computing_takes_time() {
        let before = on_processor();
        while on_processor() == before {
            std::hint::spin_loop();
        }
        assert!(on_processor() > before);
    }

    #[test]
    fn waiting_for_a_processor_is_being_busy() {
        let Some(before) = waited() else { return };
        let start = std::time::Instant::now();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        std::thread::scope(|scope| {
            // More than there are processors, so that some have to wait.
            let others = 2 * std::thread::available_parallelism().map_or(1, usize::from);
            for _ in 0..others {
                scope.spawn(|| {
                    while !stop.load(relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            // Some kernels are built so that they never tell.
            while waited() == Some(before) && start.elapsed() < Duration::from_secs(10) {
                std::hint::spin_loop();
            }
            stop.store(true, relaxed);
        });
        let (computed, waited) = (on_processor(), waited().unwrap());
        assert!(BusyTime::default().of_thread() >= computed + waited);
    }
}
