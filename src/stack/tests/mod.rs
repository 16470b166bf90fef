//! What ends a process, or needs one of its own, is tested in a child: the
//! test runs itself again, with `CHILD` in its environment, and the parent
//! looks at how the child ended and what it wrote. Each is run for both kinds
//! of guard.

mod faults;
mod mappings;

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

const CHILD: &str = "NETPOLL_TEST_CHILD";
const SIZE: usize = 64 << 10;

pub(super) fn is_child() -> bool {
    if env::var_os(CHILD).is_none() {
        return false;
    }
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `none` is valid for reads. (The child may crash on purpose.)
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
    true
}

/// Runs the test of this name again, once for each kind of guard.
fn children(test: &str) -> impl Iterator<Item = (Output, String)> {
    ["", "guard"].into_iter().map(move |fallback| {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", &format!("stack::{test}"), "--nocapture"])
            .env(CHILD, "1")
            .env("NETPOLL_FALLBACK", fallback)
            .output()
            .unwrap();
        // A name that fits no test would succeed, too.
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains("running 1 test"), "{stdout}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output, stderr)
    })
}

fn assert_died(test: &str, signal: i32, message: &str) {
    for (output, stderr) in children(test) {
        assert_eq!(output.status.signal(), Some(signal), "{output:?}");
        assert!(stderr.contains(message), "{stderr}");
        let reports = stderr.lines().filter(|line| line.contains("netpoll:"));
        assert_eq!(reports.count(), usize::from(message.contains("netpoll:")));
    }
}

pub(super) fn assert_succeeded(test: &str) {
    for (output, stderr) in children(test) {
        assert!(output.status.success(), "{output:?}");
        assert!(!stderr.contains("netpoll:"), "{stderr}");
    }
}
