//! Forking, for those tests that have what it takes.

use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;

/// Forks, and runs a body in the child, which ends with the number that it returns,
/// or 1 if it panics. Returns how the child ended.
pub(crate) fn in_fork(body: impl FnOnce() -> i32) -> ExitStatus {
    // SAFETY: the child only runs the body, which allocates at worst, and exits.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(1);
        // SAFETY: it ends the process.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `pid` is a child, and `status` is there to be written.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    ExitStatusExt::from_raw(status)
}
