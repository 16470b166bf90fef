//! How busy the machine is with other things than this benchmark.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use super::clock;

/// What all processors had spent at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy {
    moment: Instant,
    /// By processes, whoever's.
    processes: Duration,
    /// By other virtual machines, while this one had something to run.
    stolen: Duration,
}

/// What others took, in processors.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Others {
    pub(crate) processes: f64,
    pub(crate) stolen: f64,
    /// The share of the time in which some process waited for a processor.
    pub(crate) waiting: f64,
}

impl Busy {
    pub(crate) fn now() -> io::Result<Self> {
        let (processes, stolen) = parse(&fs::read_to_string("/proc/stat")?)
            .ok_or_else(|| io::Error::other("/proc/stat has no times"))?;
        Ok(Self {
            moment: Instant::now(),
            processes: clock::ticks(processes),
            stolen: clock::ticks(stolen),
        })
    }

    /// What others took since then, if the benchmark itself used this much.
    pub(crate) fn others(self, own: Duration) -> io::Result<Others> {
        let now = Self::now()?;
        let time = (now.moment - self.moment).as_secs_f64();
        let all = now.processes.saturating_sub(self.processes);
        let stolen = now.stolen.saturating_sub(self.stolen);
        Ok(Others {
            processes: all.saturating_sub(own).as_secs_f64() / time,
            stolen: stolen.as_secs_f64() / time,
            waiting: 0.0,
        })
    }
}

impl Others {
    /// The larger figures of both.
    pub(crate) fn worst(self, other: Self) -> Self {
        Self {
            processes: self.processes.max(other.processes),
            stolen: self.stolen.max(other.stolen),
            waiting: self.waiting.max(other.waiting),
        }
    }
}

/// For how long some process has waited for a processor, if the kernel keeps count.
pub(crate) fn pressure() -> Option<Duration> {
    let pressure = fs::read_to_string("/proc/pressure/cpu").ok()?;
    waited(&pressure).map(Duration::from_micros)
}

/// The microseconds in the line for some processes.
fn waited(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let total = some.split(' ').find_map(|part| part.strip_prefix("total="));
    total?.parse().ok()
}

/// The ticks of processes, and those that were stolen.
fn parse(stat: &str) -> Option<(u64, u64)> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = all
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    // user, nice, system, idle, waiting, interrupts (two), stolen
    Some((ticks.get(..3)?.iter().sum(), *ticks.get(7)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_all_processors_is_read() {
        let stat = "cpu  10 2 30 400 5 6 7 80 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(parse(stat), Some((42, 80)));
        assert_eq!(parse("cpu0 1 1 1 1 1 1 1 1\n"), None);
    }

    #[test]
    fn the_line_of_some_processes_is_read() {
        let pressure = "some avg10=0.03 avg60=0.07 avg300=0.06 total=8723835\n\
                        full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n";
        assert_eq!(waited(pressure), Some(8_723_835));
        assert_eq!(waited("full total=1\n"), None);
    }

    #[test]
    fn what_the_benchmark_used_is_not_the_others() {
        let others = Busy::now().unwrap().others(Duration::MAX).unwrap();
        assert_eq!(others.processes, 0.0);
    }
}
