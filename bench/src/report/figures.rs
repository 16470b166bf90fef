//! The figures of a slice, and how they are summed up and written.

use std::fmt::{self, Display};

use crate::contest::{Entry, Outcome, Slice};
use crate::servers::FLOOR;
use crate::statistics::Summary;

/// A figure of a slice; not every slice has every one.
pub(super) type Figure = fn(&Slice) -> Option<f64>;

/// Microseconds of CPU time for each request.
pub(super) fn cpu(slice: &Slice) -> Option<f64> {
    Some(slice.used.cpu.as_secs_f64() * 1e6 / slice.done.requests as f64)
}

/// Requests a second.
pub(super) fn rate(slice: &Slice) -> Option<f64> {
    Some(slice.done.requests as f64 / slice.done.time().as_secs_f64())
}

/// Context switches for each request.
pub(super) fn switches(slice: &Slice) -> Option<f64> {
    Some(slice.used.switches as f64 / slice.done.requests as f64)
}

/// Half of the requests take no longer, in microseconds.
pub(super) fn p50(slice: &Slice) -> Option<f64> {
    Some(slice.done.latency?.p50_ns as f64 / 1e3)
}

/// All but one in a hundred take no longer.
pub(super) fn p99(slice: &Slice) -> Option<f64> {
    Some(slice.done.latency?.p99_ns as f64 / 1e3)
}

/// All but one in a thousand take no longer.
pub(super) fn p999(slice: &Slice) -> Option<f64> {
    Some(slice.done.latency?.p999_ns as f64 / 1e3)
}

/// Half of the requests that ask for work take no longer.
pub(super) fn computing_p50(slice: &Slice) -> Option<f64> {
    Some(slice.done.computing?.p50_ns as f64 / 1e3)
}

/// A figure of a server, over the rounds.
pub(super) fn summary(entry: &Entry, figure: Figure) -> Option<Summary> {
    Summary::of(entry.slices.iter().filter_map(figure))
}

/// A figure of a server beside the floor's in the same round.
pub(super) fn ratio(outcome: &Outcome, entry: &Entry, figure: Figure) -> Option<Summary> {
    let mut entries = outcome.entries.iter();
    let floor = entries.find(|entry| entry.server.name == FLOOR)?;
    let rounds = entry.slices.iter().zip(&floor.slices);
    Summary::of(rounds.filter_map(|(own, floor)| Some(figure(own)? / figure(floor)?)))
}

/// Microseconds of CPU time in user space and in the kernel for each request. The kernel
/// samples which of the two it is, so only the sum over all rounds says something.
pub(super) fn user_and_system(entry: &Entry) -> Option<(f64, f64)> {
    let slices = entry.slices.iter();
    let requests: u64 = slices.clone().map(|slice| slice.done.requests).sum();
    let cpu: f64 = slices
        .clone()
        .map(|slice| slice.used.cpu.as_secs_f64())
        .sum();
    let user: f64 = slices.map(|slice| slice.used.user.as_secs_f64()).sum();
    let each = |seconds: f64| seconds * 1e6 / requests as f64;
    (requests > 0).then(|| (each(user.min(cpu)), each((cpu - user).max(0.0))))
}

/// A figure with so many decimals, or a dash.
pub(super) struct Cell(pub(super) Option<f64>, pub(super) usize);

impl Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(figure) => write!(f, "{figure:.*}", self.1),
            None => f.write_str("–"),
        }
    }
}

/// A median with its quartiles, with so many decimals, or a dash.
pub(super) struct Spread(pub(super) Option<Summary>, pub(super) usize);

impl Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.1;
        match self.0 {
            Some(Summary { low, median, high }) => write!(
                f,
                "**{median:.decimals$}** [{low:.decimals$}, {high:.decimals$}]"
            ),
            None => f.write_str("–"),
        }
    }
}
