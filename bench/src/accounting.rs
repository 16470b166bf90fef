//! What a process has used, as the kernel counts it.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::ops::Sub;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

/// What the threads of a process have used since they began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Context switches, voluntary and not.
    pub(crate) switches: u64,
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            switches: self.switches.saturating_sub(before.switches),
        }
    }
}

/// What the threads of a process have used. Exact for threads that sleep; what a
/// running thread used since the last tick is missing, and so is what threads used
/// that have ended.
pub(crate) fn usage(process: u32) -> io::Result<Usage> {
    let mut all = Usage::default();
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        match usage_of_thread(&thread?.path()) {
            Ok(usage) => {
                all.cpu += usage.cpu;
                all.switches += usage.switches;
            }
            // It has just ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn usage_of_thread(folder: &Path) -> io::Result<Usage> {
    let schedstat = fs::read_to_string(folder.join("schedstat"))?;
    let status = fs::read_to_string(folder.join("status"))?;
    let nanos = schedstat
        .split_whitespace()
        .next()
        .and_then(|nanos| nanos.parse().ok())
        .ok_or_else(|| io::Error::other("schedstat has no times: CONFIG_SCHED_INFO is off"))?;
    Ok(Usage {
        cpu: Duration::from_nanos(nanos),
        switches: field(&status, "voluntary_ctxt_switches").unwrap_or(0)
            + field(&status, "nonvoluntary_ctxt_switches").unwrap_or(0),
    })
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(process: u32) -> io::Result<u64> {
    // The figures in `status` and `statm` lag behind by some pages for each core.
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let kib = field(&rollup, "Rss").ok_or_else(|| io::Error::other("smaps_rollup has no Rss"))?;
    Ok(kib * 1024)
}

/// The number that follows a name in a file of lines `name: number`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// How a process is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    Realtime,
    /// In a scheduling group of its own, with this nice value.
    Group(i32),
    Ordinary,
}

/// How a process is scheduled.
pub(crate) fn priority(process: u32) -> io::Result<Priority> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may contain anything; the policy is field 41.
    let policy = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(41 - 3));
    if policy == Some("1") {
        return Ok(Priority::Realtime);
    }
    let group = fs::read_to_string(format!("/proc/{process}/autogroup")).unwrap_or_default();
    Ok(group
        .trim()
        .rsplit_once("nice ")
        .and_then(|(_, nice)| nice.parse().ok())
        .filter(|nice| *nice != 0)
        .map_or(Priority::Ordinary, Priority::Group))
}

/// Counts the system calls of a process, by `perf` if that is there and may.
#[derive(Debug)]
pub(crate) struct SystemCalls {
    perf: Child,
}

impl SystemCalls {
    /// Begins to count.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let perf = Command::new("perf")
            .args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p"])
            .arg(process.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        // It does not say when it has begun.
        sleep(Duration::from_millis(300));
        Some(Self { perf })
    }

    /// How many there were since then.
    pub(crate) fn end(self) -> Option<u64> {
        let perf = Pid::from_child(&self.perf);
        kill_process(perf, Signal::INT).ok()?;
        let output = self.perf.wait_with_output().ok()?;
        counted(&String::from_utf8_lossy(&output.stderr))
    }
}

/// The count in what perf prints.
fn counted(output: &str) -> Option<u64> {
    output
        .lines()
        .find(|line| line.contains("raw_syscalls:sys_enter"))?
        .split(',')
        .next()?
        .parse()
        .ok()
        .filter(|calls| *calls > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "nonvoluntary_ctxt_switches:\t3\nvoluntary_ctxt_switches:\t71\nRss:   12 kB\n";
        assert_eq!(field(status, "voluntary_ctxt_switches"), Some(71));
        assert_eq!(field(status, "nonvoluntary_ctxt_switches"), Some(3));
        assert_eq!(field(status, "Rss"), Some(12));
        assert_eq!(field(status, "Pss"), None);
    }

    #[test]
    fn what_a_process_has_used_is_found_out() {
        // It works for a while, says so, and sleeps.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo; read line",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut line)
            .unwrap();
        sleep(Duration::from_millis(50));
        let used = usage(child.id()).unwrap();
        let memory = resident(child.id()).unwrap();
        let scheduled = priority(child.id());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(used.cpu > Duration::from_millis(1), "{used:?}");
        assert!(used.switches > 0, "{used:?}");
        assert!(memory > 100_000, "{memory}");
        scheduled.unwrap();
    }

    #[test]
    fn the_output_of_perf_is_read() {
        assert_eq!(
            counted("\n4711,,raw_syscalls:sys_enter,120,100.00,,\n"),
            Some(4711)
        );
        assert_eq!(
            counted("<not supported>,,raw_syscalls:sys_enter,0,0.00,,"),
            None
        );
        assert_eq!(counted("no permission"), None);
    }
}
