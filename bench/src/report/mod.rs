//! The report: tables in Markdown, and a chart.
#![forbid(unsafe_code)]

mod chart;
mod figures;
mod machine;
mod overview;
mod tables;
mod warnings;

use std::fmt::{self, Display};
use std::io;

use crate::accounting::Priority;
use crate::cases::{Case, Kind};
use crate::contest::Outcome;
use crate::idle::Memory;
use crate::plan::Plan;
use crate::servers::{self, Server};
use crate::statistics::Summary;
use chart::{Chart, Panel};
use machine::Machine;

/// All that was found out; it is displayed as Markdown.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    cores: Option<(usize, usize)>,
    rounds: u32,
    starts: u32,
    missing: Vec<(&'static Server, String)>,
    outcomes: Vec<Outcome>,
    idle: Option<Idle>,
    failures: Vec<String>,
}

/// The memory of idle connections.
#[derive(Debug)]
struct Idle {
    case: &'static Case,
    /// What each server takes, if it did not fail.
    all: Vec<Option<Memory>>,
}

impl Report {
    /// A report that has nothing to say yet.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            machine: Machine::read(),
            cores: plan.cores,
            rounds: plan.rounds,
            starts: plan.starts,
            missing: plan.missing.clone(),
            outcomes: Vec::new(),
            idle: None,
            failures: Vec::new(),
        }
    }

    /// What a case came to.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        for entry in &outcome.entries {
            if let Some(failure) = &entry.failure {
                self.failures
                    .push(failed(outcome.case, entry.server, failure));
            }
        }
        self.outcomes.push(outcome);
    }

    /// What the idle connections of a server take.
    pub(crate) fn add_memory(
        &mut self,
        case: &'static Case,
        server: &'static Server,
        memory: io::Result<Memory>,
    ) {
        if let Err(failure) = &memory {
            self.failures.push(failed(case, server, failure));
        }
        let all = Vec::new();
        let idle = self.idle.get_or_insert(Idle { case, all });
        idle.all.push(memory.ok());
    }

    /// What makes figures meaningless.
    pub(crate) fn warnings(&self) -> Vec<String> {
        warnings::of(self)
    }

    /// The servers that failed, and why.
    pub(crate) fn failures(&self) -> Vec<&str> {
        self.failures.iter().map(|failure| &**failure).collect()
    }

    /// The servers that appear, in order.
    fn servers(&self) -> Vec<&'static Server> {
        let entries = self.outcomes.iter().flat_map(|outcome| &outcome.entries);
        let memory = self.idle.iter().flat_map(|idle| idle.all.iter().flatten());
        let appear: Vec<&str> = entries
            .map(|entry| entry.server.name)
            .chain(memory.map(|memory| memory.server.name))
            .collect();
        let all = servers::all();
        all.filter(|server| appear.contains(&server.name)).collect()
    }

    /// The figures as a picture.
    pub(crate) fn chart(&self) -> Chart {
        let panel = |outcome: &Outcome| {
            let late = matches!(outcome.case.kind, Kind::Latency { .. } | Kind::Mixed { .. });
            let rows = outcome.entries.iter().filter_map(|entry| {
                let summary = if late {
                    figures::summary(entry, figures::p99)
                } else {
                    figures::ratio(outcome, entry, figures::cpu)
                };
                Some((entry.server.name, summary?))
            });
            let title = if late {
                "p99 in µs"
            } else {
                "server CPU, floor = 1"
            };
            Panel {
                title: format!("{}: {title}", outcome.case.title),
                mark: (!late).then_some(1.0),
                rows: rows.collect(),
            }
        };
        let memory = self.idle.iter().map(|idle| Panel {
            title: idle.case.title.to_owned(),
            mark: None,
            rows: idle
                .all
                .iter()
                .flatten()
                .filter_map(|memory| Some((memory.server.name, Summary::of([memory.each()])?)))
                .collect(),
        });
        Chart {
            title: format!(
                "netpoll beside its rivals; medians and quartiles of {} rounds over {} starts",
                self.rounds, self.starts
            ),
            machine: self.machine.to_string(),
            panels: self.outcomes.iter().map(panel).chain(memory).collect(),
        }
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in self.warnings() {
            writeln!(f, "**WARNING:** {warning}\n")?;
        }
        for failure in &self.failures {
            writeln!(f, "**FAILED:** {failure}\n")?;
        }
        write!(f, "{}; ", self.machine)?;
        match self.cores {
            Some((server, client)) => write!(f, "servers on core {server}, clients on {client}; ")?,
            None => write!(f, "all on one core; ")?,
        }
        match self.outcomes.iter().find_map(|outcome| outcome.priority) {
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
            "medians of {} rounds over {} starts, quartiles in brackets. Every byte of every \
             response was compared with what had been sent.\n",
            self.rounds, self.starts
        )?;
        for server in self.servers() {
            writeln!(f, "- `{}`: {}", server.name, server.about)?;
        }
        for (server, reason) in &self.missing {
            writeln!(f, "- `{}` was SKIPPED: {reason}", server.name)?;
        }
        Ok(())
    }
}

fn failed(case: &Case, server: &Server, failure: &io::Error) -> String {
    format!("server {}, case {}: {failure}", server.name, case.name)
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        overview::tables(f, self)?;
        let mut outcomes = self.outcomes.iter();
        outcomes.try_for_each(|outcome| tables::table(f, outcome))
    }
}
