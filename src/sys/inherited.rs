//! Descriptors that whoever started this process left to it: those from 3 on, as many
//! as `LISTEN_FDS` says, if `LISTEN_PID` names this process.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first number; those below are standard input, output and error.
const FIRST: RawFd = 3;
/// More than this are a mistake.
const MOST: RawFd = 4096;

/// Takes them, with their names from `LISTEN_FDNAMES`; empty for one without. The first
/// call gets all of them, and each later one none. They are closed on `exec` from now on.
pub(crate) fn take() -> Vec<(OwnedFd, String)> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let number = |name: &str| variable(name).trim().parse::<u32>().ok();
    if number("LISTEN_PID") != Some(std::process::id()) || TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").map_or(0, |count| RawFd::try_from(count).unwrap_or(MOST));
    let names = variable("LISTEN_FDNAMES");
    let mut names = names.split(':');
    let mut taken = Vec::new();
    for fd in FIRST..FIRST + count.min(MOST) {
        let name = names.next().unwrap_or_default().to_owned();
        // SAFETY: it takes numbers, and fails if the first stands for nothing.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
            continue;
        }
        // SAFETY: it is open, and it is ours to own: by the protocol, whoever started this
        // process opened it for the first who asks, which is this call, once.
        taken.push((unsafe { OwnedFd::from_raw_fd(fd) }, name));
    }
    taken
}
