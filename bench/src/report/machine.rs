//! What the benchmark runs on.

use std::fmt::{self, Display};
use std::fs;

use crate::servers;

#[derive(Debug)]
pub(super) struct Machine {
    model: String,
    processors: usize,
    kernel: String,
    load: String,
    rivals: String,
}

impl Machine {
    /// What it runs on now.
    pub(super) fn read() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
            .map_or(std::env::consts::ARCH, |(_, name)| name.trim());
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            model: model.to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
            load: load.split(' ').next().unwrap_or("unknown").to_owned(),
            rivals: servers::versions(),
        }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            model,
            processors,
            kernel,
            load,
            rivals,
        } = self;
        write!(
            f,
            "{model}, {processors} processors, Linux {kernel}, load average {load} at the \
             start; {rivals}"
        )
    }
}
