//! Time as the timers know it: nanoseconds since the process first asked.
//!
//! A point in time is one `u64`, so that a deadline fits into an atomic. The
//! clock is the monotonic one of [`Instant`]; 584 years fit.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A point in time; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(u64);

fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

impl Time {
    /// Later than every deadline.
    pub(crate) const NEVER: Time = Time(u64::MAX);

    pub(crate) fn now() -> Self {
        Self::at(Instant::now())
    }

    /// The time of this instant; one from before the process first asked is the first.
    pub(crate) fn at(instant: Instant) -> Self {
        let nanoseconds = instant.saturating_duration_since(base()).as_nanos();
        Self(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// The deadline that a user set, or none.
    pub(crate) fn of(deadline: Option<Instant>) -> Self {
        deadline.map_or(Self::NEVER, Self::at)
    }

    /// This much later; [`Time::NEVER`] if that is beyond what can be told.
    pub(crate) fn after(self, duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanoseconds))
    }

    /// How long it is from `earlier` until this; zero if this came first.
    pub(crate) fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn is_past(self) -> bool {
        self != Self::NEVER && self <= Self::now()
    }

    /// As a number that an atomic can hold, and back.
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::Time;
    use std::time::{Duration, Instant};

    #[test]
    fn ends_of_time() {
        let now = Time::now();
        assert!(now < Time::NEVER && now.is_past());
        assert!(!Time::NEVER.is_past());
        assert_eq!(now.after(Duration::MAX), Time::NEVER);
        assert_eq!(Time::from_bits(0).since(now), Duration::ZERO);
        assert_eq!(
            Time::at(Instant::now() - Duration::from_nanos(1)).since(Time::NEVER),
            Duration::ZERO
        );
    }

    #[test]
    fn keeps_nanoseconds() {
        let now = Time::now();
        let later = now.after(Duration::from_nanos(1_000_000_001));
        assert_eq!(later.since(now), Duration::from_nanos(1_000_000_001));
    }
}
