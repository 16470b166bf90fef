//! A descriptor that stands for a process: it becomes readable when the process
//! ends, and never comes to mean another one.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags, Signal};

use super::fallback::Feature;

/// Opens a child of this process that has not been waited for; `None` where that
/// does not go: before Linux 5.3, where a filter forbids it, without a descriptor to
/// spare. Closed on `exec`.
pub(crate) fn open(process: u32) -> Option<OwnedFd> {
    if Feature::Pidfd.is_forced_off() {
        return None;
    }
    let process = i32::try_from(process).ok().and_then(Pid::from_raw)?;
    rustix::process::pidfd_open(process, PidfdFlags::empty()).ok()
}

/// Sends SIGKILL.
pub(crate) fn kill(process: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::process::pidfd_send_signal(process, Signal::KILL)?)
}
