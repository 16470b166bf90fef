//! Latencies: every one is kept until the end of the slice, so quantiles are exact.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Debug, Default)]
pub(super) struct Latencies(Vec<u64>);

impl Latencies {
    #[inline]
    pub(super) fn add(&mut self, latency: Duration) {
        self.0.push(latency.as_nanos() as u64);
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

/// The latencies of a slice, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50_ns: u64,
    pub(crate) p99_ns: u64,
    pub(crate) p999_ns: u64,
    pub(crate) max_ns: u64,
}

impl Latency {
    pub(super) fn of(latencies: Latencies) -> Option<Self> {
        let mut all = latencies.0;
        all.sort_unstable();
        // The least that so many in a thousand do not exceed.
        let quantile =
            |thousandths: usize| all[(all.len() * thousandths).div_ceil(1000).max(1) - 1];
        Some(Self {
            max_ns: *all.last()?,
            p50_ns: quantile(500),
            p99_ns: quantile(990),
            p999_ns: quantile(999),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_latencies() {
        let mut latencies = Latencies::default();
        for nanos in (1..=1000).rev() {
            latencies.add(Duration::from_nanos(nanos));
        }
        let expected = Latency {
            p50_ns: 500,
            p99_ns: 990,
            p999_ns: 999,
            max_ns: 1000,
        };
        assert_eq!(Latency::of(latencies), Some(expected));
    }

    #[test]
    fn one_is_every_quantile_and_none_have_none() {
        let mut one = Latencies::default();
        one.add(Duration::from_nanos(5));
        assert_eq!(Latency::of(one).unwrap().p50_ns, 5);
        assert_eq!(Latency::of(Latencies::default()), None);
    }
}
