//! `poll(2)`: how a thread that is no worker waits.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    Write,
}

impl Interest {
    fn flags(self) -> PollFlags {
        match self {
            // Not PRI: urgent data that nobody reads would make every wait return.
            Interest::Read => PollFlags::IN,
            Interest::Write => PollFlags::OUT,
        }
    }
}

/// Blocks the thread until one of the descriptors is ready, the time is up, or a
/// signal came; says which are ready. A descriptor with an error or a hang-up
/// is ready: the operation that follows will say what it is.
pub(crate) fn poll<const N: usize>(
    fds: [Option<(BorrowedFd<'_>, Interest)>; N],
    timeout: Option<Duration>,
) -> [bool; N] {
    let mut polled: Vec<PollFd<'_>> = fds
        .iter()
        .flatten()
        .map(|(fd, interest)| PollFd::from_borrowed_fd(*fd, interest.flags()))
        .collect();
    let timeout = timeout.map(|left| Timespec::try_from(left).unwrap_or(FOR_EVER));
    // An error is a signal, or no memory in the kernel: the caller looks at what
    // it waits for, and comes again.
    let any = rustix::event::poll(&mut polled, timeout.as_ref()).is_ok_and(|ready| ready > 0);
    let mut results = polled.iter().map(|fd| any && !fd.revents().is_empty());
    fds.map(|fd| fd.is_some() && results.next().unwrap_or(false))
}

/// Whether a descriptor is readable now.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    is_ready(fd, Interest::Read)
}

/// Whether a descriptor is ready now.
pub(crate) fn is_ready(fd: BorrowedFd<'_>, interest: Interest) -> bool {
    let [ready] = poll([Some((fd, interest))], Some(Duration::ZERO));
    ready
}

/// Whether a descriptor is writable now.
pub(crate) fn is_writable(fd: BorrowedFd<'_>) -> bool {
    let [ready] = poll([Some((fd, Interest::Write))], Some(Duration::ZERO));
    ready
}

/// As long as the kernel can wait.
const FOR_EVER: Timespec = Timespec {
    tv_sec: i64::MAX,
    tv_nsec: 0,
};
