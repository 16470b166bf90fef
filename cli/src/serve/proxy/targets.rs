//! The targets, and which one gets a connection.
//!
//! A target is taken to be well until a connection to it cannot be opened. Then it rests,
//! and whoever comes in that time is sent to others. After its rest one connection is sent
//! to it; until that one stands, the rest goes on for all others. When all rest, the one
//! that has rested the longest is tried, so that a client is turned away only by targets
//! that have all just failed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::args::Balance;
use crate::place::Place;
use crate::units::many;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Targets {
    places: Vec<Place>,
    balance: Balance,
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Whose turn it is.
    next: usize,
    targets: Vec<Target>,
}

/// What is known of a target.
#[derive(Clone, Debug, Default)]
struct Target {
    /// Connections that are open, or being opened.
    open: usize,
    opened: u64,
    failed: u64,
    rest: Option<Rest>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    since: Instant,
    until: Instant,
}

impl Target {
    fn rests(&self, now: Instant) -> bool {
        self.rest.is_some_and(|rest| now < rest.until)
    }
}

impl Targets {
    pub(super) fn new(places: Vec<Place>, balance: Balance, rest: Duration) -> Self {
        let targets = vec![Target::default(); places.len()];
        Self {
            places,
            balance,
            rest,
            state: Mutex::new(State { next: 0, targets }),
        }
    }

    /// Chooses one for a connection that has been refused by those that were tried; none if
    /// these are all.
    pub(super) fn choose(&self, tried: &[usize], now: Instant) -> Option<Chosen<'_>> {
        let mut state = self.lock();
        let count = state.targets.len();
        let in_turn = (state.next..state.next + count)
            .map(|index| index % count)
            .filter(|index| !tried.contains(index));
        let of = |index: &usize| &state.targets[*index];
        let mut well = in_turn.clone().filter(|index| !of(index).rests(now));
        let chosen = match self.balance {
            Balance::RoundRobin => well.next(),
            // The first of several.
            Balance::LeastConnections => well.min_by_key(|index| of(index).open),
        };
        let index = chosen.or_else(|| {
            in_turn
                .clone()
                .min_by_key(|index| of(index).rest.map(|rest| rest.since))
        })?;
        state.next = (index + 1) % count;
        let target = &mut state.targets[index];
        target.open += 1;
        if let Some(rest) = &mut target.rest {
            rest.until = now + self.rest;
        }
        Some(Chosen {
            targets: self,
            index,
        })
    }

    /// One after the other, in a few words.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.places.iter().map(Place::to_string).collect();
        names.join(", ")
    }

    /// What each does at the moment.
    pub(super) fn now(&self) -> String {
        let now = Instant::now();
        let state = self.lock();
        let line = |(place, target): (&Place, &Target)| {
            let rests = if target.rests(now) { " (rests)" } else { "" };
            format!("{place}: {}{rests}", target.open)
        };
        let lines: Vec<_> = self.places.iter().zip(&state.targets).map(line).collect();
        lines.join(", ")
    }

    /// What each has done, in a line.
    pub(super) fn totals(&self) -> Vec<String> {
        let state = self.lock();
        let line = |(place, target): (&Place, &Target)| {
            format!(
                "  {place}: {}, {}",
                many(target.opened, "connection"),
                many(target.failed, "failure")
            )
        };
        self.places.iter().zip(&state.targets).map(line).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A target that has got a connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    targets: &'a Targets,
    index: usize,
}

impl Chosen<'_> {
    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn place(&self) -> &Place {
        &self.targets.places[self.index]
    }

    /// The connection stands.
    pub(super) fn well(&self) {
        let target = &mut self.targets.lock().targets[self.index];
        target.opened += 1;
        target.rest = None;
    }

    /// It could not be opened.
    pub(super) fn failed(&self, now: Instant) {
        let target = &mut self.targets.lock().targets[self.index];
        target.failed += 1;
        target.rest = Some(Rest {
            since: now,
            until: now + self.targets.rest,
        });
    }
}

impl Drop for Chosen<'_> {
    fn drop(&mut self) {
        self.targets.lock().targets[self.index].open -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(10);

    fn targets(balance: Balance) -> Targets {
        let place = |port| Place::Tcp(format!("127.0.0.1:{port}"));
        Targets::new((1..=3).map(place).collect(), balance, REST)
    }

    fn choose(targets: &Targets, tried: &[usize], now: Instant) -> Option<usize> {
        targets.choose(tried, now).map(|chosen| chosen.index())
    }

    fn fail(targets: &Targets, index: usize, now: Instant) {
        let others: Vec<_> = (0..3).filter(|other| *other != index).collect();
        let chosen = targets.choose(&others, now).unwrap();
        assert_eq!(chosen.index(), index);
        chosen.failed(now);
    }

    #[test]
    fn each_in_turn() {
        let (targets, now) = (targets(Balance::RoundRobin), Instant::now());
        for expected in [0, 1, 2, 0, 1] {
            assert_eq!(choose(&targets, &[], now), Some(expected));
        }
        assert_eq!(choose(&targets, &[2], now), Some(0));
        assert_eq!(choose(&targets, &[0, 1, 2], now), None);
    }

    #[test]
    fn the_one_with_the_fewest() {
        let (targets, now) = (targets(Balance::LeastConnections), Instant::now());
        let mut open: Vec<_> = (0..6).map(|_| targets.choose(&[], now).unwrap()).collect();
        let of = |open: &[Chosen<'_>]| open.iter().map(Chosen::index).collect::<Vec<_>>();
        assert_eq!(of(&open), [0, 1, 2, 0, 1, 2]);
        drop(open.remove(4));
        assert_eq!(choose(&targets, &[], now), Some(1));
        assert_eq!(choose(&targets, &[], now), Some(1));
    }

    #[test]
    fn who_has_failed_rests_and_is_then_tried_by_one() {
        for balance in [Balance::RoundRobin, Balance::LeastConnections] {
            let (targets, now) = (targets(balance), Instant::now());
            fail(&targets, 1, now);
            let chosen: Vec<_> = (0..6).map(|_| choose(&targets, &[], now)).collect();
            assert!(!chosen.contains(&Some(1)), "{chosen:?}");
            let later = now + REST;
            let open: Vec<_> = (0..6)
                .map(|_| targets.choose(&[], later).unwrap())
                .collect();
            let trying: Vec<_> = open.iter().filter(|chosen| chosen.index() == 1).collect();
            assert_eq!(trying.len(), 1);
            trying[0].well();
            let chosen: Vec<_> = (0..6)
                .map(|_| targets.choose(&[], later).unwrap())
                .collect();
            assert!(chosen.iter().filter(|chosen| chosen.index() == 1).count() > 1);
        }
    }

    #[test]
    fn when_all_rest_the_one_that_rests_longest_is_tried_first() {
        let (targets, now) = (targets(Balance::RoundRobin), Instant::now());
        let second = Duration::from_secs(1);
        for (after, index) in [2, 0, 1].into_iter().enumerate() {
            fail(&targets, index, now + second * after as u32);
        }
        let now = now + second * 3;
        assert_eq!(choose(&targets, &[], now), Some(2));
        assert_eq!(choose(&targets, &[2], now), Some(0));
        assert_eq!(choose(&targets, &[2, 0], now), Some(1));
        fail(&targets, 2, now);
        assert_eq!(choose(&targets, &[], now), Some(0));
    }
}
