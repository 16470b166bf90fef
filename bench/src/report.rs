//! The report: tables in Markdown.
#![forbid(unsafe_code)]

use std::fmt::{self, Display};
use std::fs;

use crate::accounting::{Priority, Usage};
use crate::cases::Case;
use crate::load::Done;
use crate::servers::{FLOOR, Server};
use crate::statistics::Summary;

/// One server's slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    pub(crate) done: Done,
    pub(crate) used: Usage,
}

impl Slice {
    /// Nanoseconds of CPU time for each request.
    fn cpu(&self) -> f64 {
        self.used.cpu.as_nanos() as f64 / self.done.requests as f64
    }

    /// Requests a second.
    fn rate(&self) -> f64 {
        self.done.requests as f64 / self.done.time.as_secs_f64()
    }

    /// Context switches for each request.
    fn switches(&self) -> f64 {
        self.used.switches as f64 / self.done.requests as f64
    }
}

/// A server in a case.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) server: &'static Server,
    /// One for each round.
    pub(crate) slices: Vec<Slice>,
    /// System calls for each request.
    pub(crate) calls: Option<f64>,
}

/// What the idle connections of a server take.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) server: &'static Server,
    pub(crate) connections: usize,
    pub(crate) bytes: u64,
}

/// What it ran on.
#[derive(Debug)]
pub(crate) struct Machine {
    model: String,
    kernel: String,
    load: String,
    /// The cores of servers and clients.
    cores: Option<(usize, usize)>,
}

impl Machine {
    /// What it runs on now.
    pub(crate) fn read(cores: Option<(usize, usize)>) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
            .map_or(std::env::consts::ARCH, |(_, name)| name.trim());
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            model: model.to_owned(),
            kernel: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
            load: load.split(' ').next().unwrap_or("unknown").to_owned(),
            cores,
        }
    }
}

/// All that was found out; it is displayed as Markdown.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    rounds: u32,
    priority: Option<Priority>,
    cases: Vec<(&'static Case, Vec<Entry>)>,
    memory: Option<(&'static Case, Vec<Memory>)>,
}

impl Report {
    /// A report that has nothing to say yet.
    pub(crate) fn new(machine: Machine, rounds: u32) -> Self {
        Self {
            machine,
            rounds,
            priority: None,
            cases: Vec::new(),
            memory: None,
        }
    }

    /// Why the figures mean nothing, if they do.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        self.machine.cores.is_none().then_some(
            "**WARNING: THESE FIGURES MEAN NOTHING.** Servers and clients need a core each, \
             and there is only one: whatever one of them does, the other waits for.",
        )
    }

    /// How the servers were scheduled.
    pub(crate) fn ran_with(&mut self, priority: Priority) {
        self.priority = Some(priority);
    }

    /// What a case came to.
    pub(crate) fn add(&mut self, case: &'static Case, entries: Vec<Entry>) {
        self.cases.push((case, entries));
    }

    /// What idle connections take.
    pub(crate) fn add_memory(&mut self, case: &'static Case, memory: Vec<Memory>) {
        self.memory = Some((case, memory));
    }

    /// The servers that appear, in order.
    fn servers(&self) -> Vec<&'static Server> {
        let entries = self.cases.iter().flat_map(|(_, entries)| entries);
        let memory = self.memory.iter().flat_map(|(_, memory)| memory);
        let mut servers: Vec<&'static Server> = Vec::new();
        for server in entries
            .map(|entry| entry.server)
            .chain(memory.map(|memory| memory.server))
        {
            if !servers.iter().any(|known| known.name == server.name) {
                servers.push(server);
            }
        }
        servers
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            model,
            kernel,
            load,
            cores,
        } = &self.machine;
        if let Some(warning) = self.warning() {
            writeln!(f, "{warning}\n")?;
        }
        write!(f, "{model}, Linux {kernel}, load {load} at the start; ")?;
        match cores {
            Some((server, client)) => write!(f, "servers on core {server}, clients on {client}; ")?,
            None => write!(f, "all on one core; ")?,
        }
        match self.priority {
            Some(Priority::Realtime) => write!(f, "real-time priority; ")?,
            Some(Priority::Group(nice)) => write!(
                f,
                "no real-time priority, scheduling groups of their own at nice {nice}; "
            )?,
            Some(Priority::Ordinary) => write!(f, "ordinary priority: others may disturb; ")?,
            None => {}
        }
        writeln!(
            f,
            "medians of {} rounds, quartiles in brackets. Every byte of every response was \
             compared with what had been sent.\n",
            self.rounds
        )?;
        for server in self.servers() {
            writeln!(f, "- `{}`: {}", server.name, server.about)?;
        }
        Ok(())
    }

    /// The ratios of all cases in one table.
    fn overview(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## Server CPU per request, `{FLOOR}` = 1\n")?;
        let cases = self.cases.iter().map(|(case, _)| case.title);
        let memory = self.memory.iter().map(|(case, _)| case.title);
        let titles: Vec<&str> = cases.chain(memory).collect();
        writeln!(f, "| server | {} |", titles.join(" | "))?;
        writeln!(f, "|---|{}", "--:|".repeat(titles.len()))?;
        for server in self.servers() {
            write!(f, "| `{}` |", server.name)?;
            for (_, entries) in &self.cases {
                let ratio = entries
                    .iter()
                    .find(|entry| entry.server.name == server.name)
                    .and_then(|entry| ratio(entry, entries, Slice::cpu));
                write!(f, " {} |", Cell(ratio.map(|ratio| ratio.median), 2))?;
            }
            if let Some((_, memory)) = &self.memory {
                let memory = memory
                    .iter()
                    .find(|memory| memory.server.name == server.name);
                let each = memory.map(|memory| memory.bytes as f64 / memory.connections as f64);
                write!(f, " {} |", Cell(each, 0))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A figure of a server beside the floor's in the same round.
fn ratio(entry: &Entry, entries: &[Entry], figure: fn(&Slice) -> f64) -> Option<Summary> {
    let floor = entries.iter().find(|entry| entry.server.name == FLOOR)?;
    let rounds = entry.slices.iter().zip(&floor.slices);
    Summary::of(rounds.map(|(own, floor)| figure(own) / figure(floor)))
}

fn table(f: &mut fmt::Formatter<'_>, case: &Case, entries: &[Entry]) -> fmt::Result {
    writeln!(f, "\n## {}\n", case.title)?;
    writeln!(
        f,
        "| server | CPU, ratio | requests/s, ratio | CPU a request | system calls | context switches |"
    )?;
    writeln!(f, "|---|--:|--:|--:|--:|--:|")?;
    for entry in entries {
        let of = |figure: fn(&Slice) -> f64| {
            Summary::of(entry.slices.iter().map(figure)).map(|summary| summary.median)
        };
        writeln!(
            f,
            "| `{}` | {} | {} | {} µs | {} | {} |",
            entry.server.name,
            Ratio(ratio(entry, entries, Slice::cpu)),
            Ratio(ratio(entry, entries, Slice::rate)),
            Cell(of(Slice::cpu).map(|nanos| nanos / 1000.0), 2),
            Cell(entry.calls, 2),
            Cell(of(Slice::switches), 3),
        )?;
    }
    Ok(())
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.overview(f)?;
        self.cases
            .iter()
            .try_for_each(|(case, entries)| table(f, case, entries))
    }
}

/// A figure with so many decimals, or a dash.
struct Cell(Option<f64>, usize);

impl Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(figure) => write!(f, "{figure:.*}", self.1),
            None => f.write_str("–"),
        }
    }
}

/// A ratio with its quartiles.
struct Ratio(Option<Summary>);

impl Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Summary { low, median, high }) => {
                write!(f, "**{median:.2}** [{low:.2}, {high:.2}]")
            }
            None => f.write_str("–"),
        }
    }
}
