//! All cases in a few tables: one figure for each server and case.

use std::fmt;

use super::figures::{Cell, cpu, p99, ratio, summary};
use super::{Idle, Report};
use crate::cases::Kind;
use crate::contest::{Entry, Outcome};
use crate::idle::Memory;
use crate::servers::Server;

/// A column: its title, and the figure of a server.
struct Column<'a> {
    title: String,
    decimals: usize,
    figure: Box<FigureOf<'a>>,
}

type FigureOf<'a> = dyn Fn(&Server) -> Option<f64> + 'a;

impl<'a> Column<'a> {
    fn cpu(outcome: &'a Outcome) -> Self {
        Self {
            title: outcome.case.title.to_owned(),
            decimals: 2,
            figure: Box::new(|server| {
                let entry = entry(outcome, server)?;
                Some(ratio(outcome, entry, cpu)?.median)
            }),
        }
    }

    fn late(outcome: &'a Outcome) -> Self {
        Self {
            title: format!("p99 in µs, {}", outcome.case.title),
            decimals: 0,
            figure: Box::new(|server| {
                let entry = entry(outcome, server)?;
                Some(summary(entry, p99)?.median)
            }),
        }
    }

    fn memory(idle: &'a Idle) -> Self {
        Self {
            title: idle.case.title.to_owned(),
            decimals: 0,
            figure: Box::new(|server| {
                let mut all = idle.all.iter().flatten();
                let own = all.find(|memory| memory.server.name == server.name);
                own.map(Memory::each)
            }),
        }
    }
}

fn entry<'a>(outcome: &'a Outcome, server: &Server) -> Option<&'a Entry> {
    let mut entries = outcome.entries.iter();
    entries.find(|entry| entry.server.name == server.name)
}

/// Writes the tables of a report.
pub(super) fn tables(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    for (size, title) in [(64, "64 B"), (1024, "1 KiB"), (16 * 1024, "16 KiB")] {
        let echoes = report.outcomes.iter().filter(|outcome| {
            outcome.case.kind == Kind::Requests && outcome.case.shape.size == size
        });
        let title = format!("Server CPU per request, {title}, floor = 1");
        table(
            f,
            report,
            &title,
            &echoes.map(Column::cpu).collect::<Vec<_>>(),
        )?;
    }
    let rest = report
        .outcomes
        .iter()
        .filter_map(|outcome| match outcome.case.kind {
            Kind::Churn => Some(Column {
                title: "CPU, connect, echo, close; floor = 1".to_owned(),
                ..Column::cpu(outcome)
            }),
            Kind::Latency { .. } => Some(Column::late(outcome)),
            _ => None,
        });
    let idle = report.idle.iter().map(Column::memory);
    table(
        f,
        report,
        "Latency, connections, memory",
        &rest.chain(idle).collect::<Vec<_>>(),
    )
}

fn table(
    f: &mut fmt::Formatter<'_>,
    report: &Report,
    title: &str,
    columns: &[Column<'_>],
) -> fmt::Result {
    if columns.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n## {title}\n")?;
    let titles: Vec<&str> = columns.iter().map(|column| &*column.title).collect();
    writeln!(f, "| server | {} |", titles.join(" | "))?;
    writeln!(f, "|---|{}", "--:|".repeat(titles.len()))?;
    for server in report.servers() {
        let figures: Vec<_> = columns
            .iter()
            .map(|column| ((column.figure)(server), column.decimals))
            .collect();
        if figures.iter().all(|(figure, _)| figure.is_none()) {
            continue;
        }
        write!(f, "| `{}` |", server.name)?;
        for (figure, decimals) in figures {
            write!(f, " {} |", Cell(figure, decimals))?;
        }
        writeln!(f)?;
    }
    Ok(())
}
