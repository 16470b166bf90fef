//! What a process has used, as the kernel counts it.
#![deny(unsafe_code)]

mod calls;
mod clock;
mod others;

use std::fs;
use std::io;
use std::ops::Sub;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;

pub(crate) use calls::SystemCalls;
pub(crate) use others::{Busy, Others, pressure};

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Exact for threads that sleep, and includes threads that have ended; what a
    /// running thread used since the last tick is missing.
    pub(crate) cpu: Duration,
    /// The part of it in user space. The kernel only samples, at each tick, which part
    /// that is: true of seconds, not of milliseconds.
    pub(crate) user: Duration,
    /// Context switches, voluntary and not, of the threads that there are.
    pub(crate) switches: u64,
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            user: self.user.saturating_sub(before.user),
            switches: self.switches.saturating_sub(before.switches),
        }
    }
}

/// What a process has used.
pub(crate) fn usage(process: u32) -> io::Result<Usage> {
    let mut switches = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        match switches_of_thread(&thread?.path()) {
            Ok(some) => switches += some,
            // It has just ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Usage {
        cpu: clock::cpu(process)?,
        user: user(process)?,
        switches,
    })
}

fn switches_of_thread(folder: &Path) -> io::Result<u64> {
    let status = fs::read_to_string(folder.join("status"))?;
    Ok(field(&status, "voluntary_ctxt_switches").unwrap_or(0)
        + field(&status, "nonvoluntary_ctxt_switches").unwrap_or(0))
}

fn user(process: u32) -> io::Result<Duration> {
    let ticks = stat(process, 14)?
        .parse()
        .map_err(|_| io::Error::other("stat has no user time"))?;
    Ok(clock::ticks(ticks))
}

/// A field of `/proc/PID/stat`, counted from one as its manual does.
fn stat(process: u32, number: usize) -> io::Result<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, field 2, is in parentheses and may contain anything.
    stat.rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(number - 3))
        .map(str::to_owned)
        .ok_or_else(|| io::Error::other(format!("stat has no field {number}")))
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
    const FIFO: &str = "1";
    if stat(process, 41)? == FIFO {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::thread::sleep;

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
        // The parts are rounded to ticks of 10 ms.
        assert!(used.user < used.cpu + Duration::from_millis(20), "{used:?}");
        assert!(memory > 100_000, "{memory}");
        scheduled.unwrap();
    }
}
