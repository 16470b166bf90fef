//! The figures at the end, for people and as JSON.

use std::fmt::Write;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::fault::{Faults, Kind};
use super::plan::Plan;
use super::tally::Totals;
use crate::units::{many, size, time};

/// All that there is to say.
pub(super) struct Report<'a> {
    pub(super) plan: &'a Plan,
    pub(super) faults: &'a Faults,
    /// Where the load went.
    pub(super) target: String,
    /// How many connections stood.
    pub(super) established: u64,
    /// How many were not tried.
    pub(super) untried: u64,
    pub(super) totals: Totals,
    /// How long was measured.
    pub(super) seconds: f64,
    pub(super) interrupted: bool,
}

/// The quantiles that are shown, and their names for people and in JSON.
const QUANTILES: [(f64, &str, &str); 4] = [
    (0.5, "p50", "p50"),
    (0.9, "p90", "p90"),
    (0.99, "p99", "p99"),
    (0.999, "p99.9", "p99_9"),
];

impl Report<'_> {
    /// Whether all connections stood to the end, and all their bytes were right.
    pub(super) fn is_good(&self) -> bool {
        self.failed() + self.untried == 0
    }

    /// Why there was no connection at all, in one line.
    pub(super) fn why_nothing(&self) -> String {
        let mut line = "no connection".to_owned();
        for (kind, seen) in self.faults.seen() {
            line += &format!(" to {}", seen.first);
            if let Some(advice) = kind.advice(&self.target) {
                line += &format!("; {advice}");
            }
        }
        line
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let plan = self.plan;
        let pace = match plan.rate {
            Some(rate) => format!("open loop at {rate} requests/s"),
            None => "closed loop".into(),
        };
        let mut text = format!(
            "{}: {}, {} a request{}, {} in flight on each, {pace}, {}\n\n",
            self.target,
            many(self.established, "connection"),
            many(plan.size, "byte"),
            if plan.framed {
                " with a length prefix"
            } else {
                ""
            },
            plan.in_flight,
            many(plan.workers() as u64, "worker"),
        );
        let mut row = |name: &str, value: &str| {
            // A string takes what is written.
            let _ = writeln!(text, "  {name:<12}{value}");
        };
        let interrupted = if self.interrupted {
            " (interrupted)"
        } else {
            ""
        };
        row(
            "requests",
            &format!(
                "{} answered in {:.2} s{interrupted}",
                self.requests(),
                self.seconds
            ),
        );
        row(
            "rate",
            &format!(
                "{:.0} requests/s, {}/s each way",
                self.rate(self.requests()),
                size(self.rate(self.bytes()))
            ),
        );
        row("latency", &latencies(&self.totals.latencies));
        if let Some((interval, corrected)) = self.corrected() {
            row("corrected", &latencies(&corrected));
            let every = time(interval);
            row(
                "",
                &format!("as if requests had come every {every} on each connection"),
            );
        }
        if self.totals.behind > 0 {
            row(
                "behind",
                &format!(
                    "{} due and never sent: the server, or this load, cannot keep up, and \
                     the latencies are without them",
                    many(self.totals.behind, "request")
                ),
            );
        }
        if self.unanswered() > 0 {
            row("unanswered", &many(self.unanswered(), "request"));
        }
        match self.failed() {
            0 => row("failed", "no connection"),
            failed => row("failed", &format!("{failed} of {}", self.connections())),
        }
        for (kind, seen) in self.faults.seen() {
            row(
                "",
                &format!("{} {}, first {}", seen.count, kind.said(), seen.first),
            );
            if let Some(advice) = kind.advice(&self.target) {
                row("", &format!("  {advice}"));
            }
        }
        if self.untried > 0 {
            row("not tried", &many(self.untried, "connection"));
        }
        let checked = many(self.totals.bytes, "byte");
        row("checked", &format!("{checked} came back as sent"));
        text
    }

    /// For programs. Times are in nanoseconds, or in seconds where the name says so.
    pub(super) fn json(&self) -> String {
        let plan = self.plan;
        let mut errors: Map<String, Value> = Kind::ALL
            .map(|kind| (kind.name().to_owned(), 0.into()))
            .into_iter()
            .collect();
        let mut first_errors = Map::new();
        for (kind, seen) in self.faults.seen() {
            errors[kind.name()] = seen.count.into();
            first_errors.insert(kind.name().to_owned(), seen.first.into());
        }
        let value = json!({
            "target": self.target,
            "loop": if plan.rate.is_some() { "open" } else { "closed" },
            "rate": plan.rate,
            "size": plan.size,
            "framed": plan.framed,
            "in_flight": plan.in_flight,
            "workers": plan.workers(),
            "warm_up_seconds": plan.warm_up.as_secs_f64(),
            "connections": {
                "wanted": plan.connections,
                "established": self.established,
                "failed": self.failed(),
                "not_tried": self.untried,
                "completed": self.connections() - self.failed() - self.untried,
            },
            "seconds": self.seconds,
            "interrupted": self.interrupted,
            "requests": self.requests(),
            "requests_per_second": self.rate(self.requests()),
            "bytes": self.bytes(),
            "bytes_per_second": self.rate(self.bytes()),
            "bytes_checked": self.totals.bytes,
            "sent": self.totals.sent,
            "unanswered": self.unanswered(),
            "behind": self.totals.behind,
            "latency_ns": latencies_json(&self.totals.latencies),
            "corrected_latency_ns": self.corrected().map(|(_, corrected)| latencies_json(&corrected)),
            "errors": errors,
            "first_errors": first_errors,
            "ok": self.is_good(),
        });
        format!("{value:#}\n")
    }

    fn connections(&self) -> u64 {
        self.plan.connections.into()
    }

    /// How many requests were measured.
    fn requests(&self) -> u64 {
        self.totals.latencies.len()
    }

    fn bytes(&self) -> u64 {
        self.requests() * self.plan.unit()
    }

    fn unanswered(&self) -> u64 {
        self.totals.sent - self.requests()
    }

    /// How many connections failed; none does twice.
    fn failed(&self) -> u64 {
        self.faults.count()
    }

    fn rate(&self, amount: u64) -> f64 {
        if self.seconds > 0.0 {
            amount as f64 / self.seconds
        } else {
            0.0
        }
    }

    /// The latencies corrected for the interval that was given, and that interval.
    fn corrected(&self) -> Option<(u64, Histogram<u64>)> {
        let interval = self.plan.expected_interval?;
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        Some((interval, self.totals.latencies.clone_correct(interval)))
    }
}

fn latencies(histogram: &Histogram<u64>) -> String {
    if histogram.is_empty() {
        return "none: no request was answered".into();
    }
    let quantiles = QUANTILES.map(|(quantile, name, _)| {
        format!("{name} {}", time(histogram.value_at_quantile(quantile)))
    });
    format!("{}  max {}", quantiles.join("  "), time(histogram.max()))
}

fn latencies_json(histogram: &Histogram<u64>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    let mut value = json!({
        "count": histogram.len(),
        "min": histogram.min(),
        "mean": histogram.mean(),
        "max": histogram.max(),
    });
    for (quantile, _, name) in QUANTILES {
        value[name] = histogram.value_at_quantile(quantile).into();
    }
    value
}
