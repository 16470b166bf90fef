//! Counts system calls: by `perf` if that is there and may, and else by `strace`. That
//! counts as well, but slows the server down so much that it finds more to do at once,
//! and needs other calls than it would.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The system calls of a process are being counted.
#[derive(Debug)]
pub(crate) struct SystemCalls {
    /// Who counts.
    pub(crate) by: &'static str,
    counter: Child,
    read: fn(&str) -> Option<u64>,
}

impl SystemCalls {
    /// Begins to count, if anything here can.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let process = process.to_string();
        let perf = || {
            let arguments = ["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p"];
            Self::start(
                "perf",
                &[&arguments[..], &[&process]].concat(),
                counted_by_perf,
            )
        };
        let strace = || Self::start("strace", &["-f", "-c", "-p", &process], counted_by_strace);
        perf().or_else(strace)
    }

    fn start(
        program: &'static str,
        arguments: &[&str],
        read: fn(&str) -> Option<u64>,
    ) -> Option<Self> {
        let mut counter = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        // It does not say when it has begun; if it may not, it ends.
        sleep(Duration::from_millis(300));
        let runs = matches!(counter.try_wait(), Ok(None));
        runs.then_some(Self {
            by: program,
            counter,
            read,
        })
    }

    /// How many there were since then.
    pub(crate) fn end(self) -> Option<u64> {
        kill_process(Pid::from_child(&self.counter), Signal::INT).ok()?;
        let output = self.counter.wait_with_output().ok()?;
        (self.read)(&String::from_utf8_lossy(&output.stderr))
    }
}

/// The count in what perf prints.
fn counted_by_perf(output: &str) -> Option<u64> {
    output
        .lines()
        .find(|line| line.contains("raw_syscalls:sys_enter"))?
        .split(',')
        .next()?
        .parse()
        .ok()
        .filter(|calls| *calls > 0)
}

/// The count in strace's table.
fn counted_by_strace(output: &str) -> Option<u64> {
    output
        .lines()
        .rfind(|line| line.ends_with(" total"))?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_perf_is_read() {
        let read = counted_by_perf;
        let output = "\n4711,,raw_syscalls:sys_enter,120,100.00,,\n";
        assert_eq!(read(output), Some(4711));
        let output = "<not supported>,,raw_syscalls:sys_enter,0,0.00,,";
        assert_eq!(read(output), None);
        assert_eq!(read("no permission"), None);
    }

    #[test]
    fn the_table_of_strace_is_read() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 57.70    0.000232          16        14           mmap
 42.30    0.000170          85         2         1 access
------ ----------- ----------- --------- --------- ----------------
100.00    0.000402          25        16         1 total
";
        assert_eq!(counted_by_strace(table), Some(16));
        assert_eq!(counted_by_strace("attach: not permitted"), None);
    }
}
