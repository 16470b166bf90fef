//! What makes figures meaningless.

use super::Report;
use super::figures::{Figure, cpu, p99, ratio};
use crate::accounting::Priority;
use crate::cases::Kind;
use crate::contest::Outcome;
use crate::servers::CONTROL;

/// How far the control may be off in CPU time.
const CPU_OFF: f64 = 0.03;
/// How far it may be off in latency.
const LATENCY_OFF: f64 = 0.2;
/// What others may take of a core.
const OTHERS: f64 = 0.05;
/// For how much of the time something may wait for a core.
const WAITING: f64 = 0.1;
/// What other virtual machines may take of a core.
const STOLEN: f64 = 0.02;

pub(super) fn of(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    if report.cores.is_none() {
        warnings.push(
            "THESE FIGURES MEAN NOTHING. Servers and clients need a core each, and there \
             is only one: whatever one of them does, the other waits for."
                .to_owned(),
        );
    }
    let ordinary = |outcome: &Outcome| {
        let asked = !matches!(outcome.case.kind, Kind::Mixed { .. });
        asked && outcome.priority != Some(Priority::Realtime)
    };
    if report.outcomes.iter().any(ordinary) {
        warnings.push(
            "NO REAL-TIME PRIORITY: whatever else runs here disturbs the figures, the \
             latencies most of all."
                .to_owned(),
        );
    }
    warnings.extend(report.outcomes.iter().filter_map(of_case));
    if report.rounds < 5 {
        warnings.push(format!(
            "{} rounds show that it works, not how fast it is.",
            report.rounds
        ));
    }
    warnings
}

/// What makes the figures of a case meaningless.
fn of_case(outcome: &Outcome) -> Option<String> {
    let mut reasons = Vec::new();
    let (figure, most): (Figure, f64) = match outcome.case.kind {
        Kind::Latency { .. } => (p99, LATENCY_OFF),
        _ => (cpu, CPU_OFF),
    };
    if let Some(off) = control(outcome, figure).filter(|off| *off > most) {
        reasons.push(format!(
            "the floor differs from itself by {:.0} %, so do not believe differences of less \
             than twice that",
            off * 100.0
        ));
    }
    if outcome.others.processes > OTHERS {
        reasons.push(format!(
            "other processes took {:.0} % of a core",
            outcome.others.processes * 100.0
        ));
    }
    if outcome.others.waiting > WAITING {
        reasons.push(format!(
            "other processes waited for a core {:.0} % of the time, and ran in every gap",
            outcome.others.waiting * 100.0
        ));
    }
    if outcome.others.stolen > STOLEN {
        reasons.push(format!(
            "other virtual machines took {:.0} % of a core",
            outcome.others.stolen * 100.0
        ));
    }
    let reasons = (!reasons.is_empty()).then(|| reasons.join("; "))?;
    Some(format!("{}: {reasons}.", outcome.case.name))
}

/// How far the floor is from itself in some figure.
fn control(outcome: &Outcome, figure: Figure) -> Option<f64> {
    let mut entries = outcome.entries.iter();
    let control = entries.find(|entry| entry.server.name == CONTROL)?;
    Some((ratio(outcome, control, figure)?.median - 1.0).abs())
}
