//! A table for each case, in Markdown.

use std::fmt;

use super::figures::{
    Cell, Spread, computing_p50, cpu, p50, p99, p999, rate, ratio, summary, switches,
    user_and_system,
};
use crate::cases::Kind;
use crate::contest::{Entry, Outcome};

/// The columns of a kind of case.
fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Requests => &[
            "CPU, ratio",
            "requests/s, ratio",
            "CPU a request, µs",
            "system calls a request",
            "context switches a request",
        ],
        Kind::Latency { .. } => &[
            "p50, µs",
            "p99, µs",
            "p99.9, µs",
            "p99, ratio",
            "CPU, ratio",
        ],
        Kind::Churn => &[
            "CPU, ratio",
            "connections/s, ratio",
            "CPU a connection, µs",
            "of it user",
            "system",
        ],
        Kind::Mixed { .. } => &[
            "p50 of the others, µs",
            "p99 of the others, µs",
            "p99.9 of the others, µs",
            "p50 of those that compute, µs",
        ],
        Kind::Idle => &[],
    }
}

/// What a server's row has in these columns.
fn cells(outcome: &Outcome, entry: &Entry) -> Vec<String> {
    let spread = |figure, decimals| Spread(summary(entry, figure), decimals).to_string();
    let relative = |figure| Spread(ratio(outcome, entry, figure), 2).to_string();
    let median = |figure, decimals| {
        let median = summary(entry, figure).map(|summary| summary.median);
        Cell(median, decimals).to_string()
    };
    match outcome.case.kind {
        Kind::Requests => vec![
            relative(cpu),
            relative(rate),
            median(cpu, 2),
            Cell(entry.calls, 2).to_string(),
            median(switches, 3),
        ],
        Kind::Latency { .. } => vec![
            spread(p50, 0),
            spread(p99, 0),
            median(p999, 0),
            relative(p99),
            relative(cpu),
        ],
        Kind::Churn => {
            let (user, system) = user_and_system(entry).unzip();
            vec![
                relative(cpu),
                relative(rate),
                median(cpu, 1),
                Cell(user, 1).to_string(),
                Cell(system, 1).to_string(),
            ]
        }
        Kind::Mixed { .. } => vec![
            spread(p50, 0),
            spread(p99, 0),
            spread(p999, 0),
            median(computing_p50, 0),
        ],
        Kind::Idle => Vec::new(),
    }
}

/// What a reader has to know of a kind of case.
fn remark(outcome: &Outcome) -> Option<String> {
    let rate = outcome.rate.unwrap_or_default();
    match outcome.case.kind {
        Kind::Requests if outcome.calls_by == Some("strace") => Some(
            "System calls were counted by strace, which slows servers down so much that they \
             find more to do at once."
                .to_owned(),
        ),
        Kind::Requests | Kind::Idle => None,
        Kind::Latency { share } => Some(format!(
            "{} B × {}, open loop, {rate:.0} requests a second at random moments, which is \
             {:.0} % of what saturates the floor. Each latency counts from when the request \
             was due, whether or not the client came to send it then.",
            outcome.case.shape.size,
            outcome.case.shape.connections,
            share * 100.0
        )),
        Kind::Churn => Some(format!(
            "{} B, {} connections at a time; each is closed by both sides. The parts in \
             user space and in the kernel are sampled at clock ticks, over all rounds.",
            outcome.case.shape.size, outcome.case.shape.connections
        )),
        Kind::Mixed { .. } => Some(format!(
            "{} B × {}, two workers on two cores, one of which the client has a right to \
             whenever it wants; open loop, {rate:.0} requests a second.",
            outcome.case.shape.size, outcome.case.shape.connections
        )),
    }
}

pub(super) fn table(f: &mut fmt::Formatter<'_>, outcome: &Outcome) -> fmt::Result {
    writeln!(f, "\n## {}\n", outcome.case.title)?;
    if let Some(remark) = remark(outcome) {
        writeln!(f, "{remark}\n")?;
    }
    let columns = columns(outcome.case.kind);
    writeln!(f, "| server | {} |", columns.join(" | "))?;
    writeln!(f, "|---|{}", "--:|".repeat(columns.len()))?;
    for entry in &outcome.entries {
        let cells = cells(outcome, entry);
        writeln!(f, "| `{}` | {} |", entry.server.name, cells.join(" | "))?;
    }
    Ok(())
}
