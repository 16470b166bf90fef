//! When requests are due in an open loop.
//!
//! Request `i` of all is due `i / rate` seconds after the start, whatever the server
//! does. Connections take turns, so each has its share, at even distances.

/// The moments of one connection, in nanoseconds after the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    first: f64,
    interval: f64,
}

impl Pacer {
    /// Of `connections` that share a rate of requests a second, the `index`th.
    pub(super) fn new(rate: f64, index: usize, connections: usize) -> Self {
        let distance = 1e9 / rate;
        Self {
            first: distance * index as f64,
            interval: distance * connections as f64,
        }
    }

    /// When a request is due.
    pub(super) fn due(&self, request: u64) -> u64 {
        (self.first + self.interval * request as f64) as u64
    }

    /// How many requests are due before a moment.
    pub(super) fn due_before(&self, moment: u64) -> u64 {
        ((moment as f64 - self.first) / self.interval)
            .ceil()
            .max(0.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_share_the_rate_in_turns() {
        let pacers = [0, 1, 2].map(|index| Pacer::new(1000.0, index, 3));
        let mut due: Vec<u64> = (0..10)
            .flat_map(|request| pacers.map(|pacer| pacer.due(request)))
            .collect();
        due.sort_unstable();
        let even: Vec<u64> = (0..30).map(|request| request * 1_000_000).collect();
        assert_eq!(due, even);
    }

    #[test]
    fn what_was_due_is_counted() {
        let pacer = Pacer::new(1000.0, 1, 2);
        assert_eq!(pacer.due_before(0), 0);
        assert_eq!(pacer.due_before(1_000_000), 0);
        assert_eq!(pacer.due_before(1_000_001), 1);
        assert_eq!(pacer.due_before(10_000_000), 5);
    }
}
