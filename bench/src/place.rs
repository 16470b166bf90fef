//! Where and how urgently a process runs: its core, its session, its priority.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use clap::Args;
use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The place of a child.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Place {
    /// Run on this core only.
    #[arg(long, value_name = "CORE")]
    pub(crate) core: Option<usize>,
    /// Run before everything else, with this real-time priority, if that is permitted.
    #[arg(long, value_name = "PRIORITY")]
    pub(crate) realtime: Option<u8>,
    /// End when the parent does.
    #[arg(long)]
    pub(crate) child: bool,
}

/// Of servers: above ordinary processes, below what the system itself may need.
pub(crate) const SERVER: u8 = 10;

/// Of clients, which take the time and must not wait for a server, where they share a
/// core.
pub(crate) const CLIENT: u8 = 20;

impl Place {
    /// The options that say this.
    pub(crate) fn to_arguments(self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(core) = self.core {
            arguments.extend(["--core".to_owned(), core.to_string()]);
        }
        if let Some(priority) = self.realtime {
            arguments.extend(["--realtime".to_owned(), priority.to_string()]);
        }
        if self.child {
            arguments.push("--child".to_owned());
        }
        arguments
    }

    /// Takes the place, before any thread is started. What is not permitted is left
    /// out: `accounting::priority` shows what came of it.
    pub(crate) fn settle(self) -> io::Result<()> {
        if self.child {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // A session has a scheduling group of its own, which can be favoured as
            // a whole; the nice value of a process counts only inside of its group.
            if setsid().is_ok() {
                let _ = fs::write("/proc/self/autogroup", "-20");
            }
        }
        if let Some(core) = self.core {
            let mut cores = CpuSet::new();
            cores.set(core);
            sched_setaffinity(None, &cores)?;
        }
        if let Some(priority) = self.realtime {
            go_realtime(priority);
        }
        Ok(())
    }
}

fn go_realtime(priority: u8) {
    let parameters = libc::sched_param {
        sched_priority: priority.into(),
    };
    // SAFETY: the pointer is to a parameter that lives through the call, and zero
    // names the calling thread. That it may fail is expected.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
}

/// A core for the servers and one for the load clients, if there are two. They do not
/// share a physical core, if that can be had.
pub(crate) fn two_cores() -> io::Result<Option<(usize, usize)>> {
    let permitted = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|core| permitted.is_set(*core))
        .collect();
    let [first, others @ ..] = &*cores else {
        return Ok(None);
    };
    let siblings = siblings(*first);
    let second = others
        .iter()
        .find(|core| !siblings.contains(core))
        .or(others.first());
    Ok(second.map(|second| (*first, *second)))
}

/// The hardware threads of the physical core that this one belongs to.
fn siblings(core: usize) -> BTreeSet<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    let list = fs::read_to_string(path).unwrap_or_default();
    parse_list(list.trim())
}

/// The numbers of a list as the kernel writes it: `0-2,8`.
fn parse_list(list: &str) -> BTreeSet<usize> {
    list.split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.parse().ok()?..=last.parse().ok()?)
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse_list;

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(parse_list("0-2,8"), [0, 1, 2, 8].into());
        assert_eq!(parse_list("5"), [5].into());
        assert_eq!(parse_list(""), [].into());
    }
}
