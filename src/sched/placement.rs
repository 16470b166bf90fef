//! Which worker gets a new task.
//!
//! The less loaded of two: enough to spread long-lived tasks evenly, and far
//! cheaper than to find the least loaded of all. (M. Mitzenmacher, "The Power of
//! Two Choices in Randomized Load Balancing", 1996.) A task that starts another
//! one compares its own worker with one at random and stays at home unless that
//! has clearly less to do: a wake-up of another thread costs far more than a
//! place in one's own queue.

use std::cell::Cell;

use crate::task::Home;

/// By how many tasks another worker must be ahead.
const AHEAD: u64 = 1;

/// The home for a task that is started from `own`, or from outside.
pub(super) fn choose(homes: &[&'static Home], own: Option<usize>) -> &'static Home {
    if let [only] = homes {
        return only;
    }
    let first = own.unwrap_or_else(|| random(homes.len()));
    // Any but the first, with equal chances.
    let second = (first + 1 + random(homes.len() - 1)) % homes.len();
    let ahead = if own.is_some() { AHEAD } else { 0 };
    if homes[first].load() > homes[second].load() + ahead {
        homes[second]
    } else {
        homes[first]
    }
}

/// A number below `bound`, by Marsaglia's xorshift; good enough to choose a worker.
fn random(bound: usize) -> usize {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    let mut state = STATE.get();
    if state == 0 {
        // The address of a thread's own variable is another one for each thread.
        state = STATE.with(|state| std::ptr::from_ref(state).addr() as u64) | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    STATE.set(state);
    (state >> 33) as usize % bound
}

#[cfg(test)]
mod tests {
    use super::random;

    #[test]
    fn every_number_below_the_bound_is_drawn() {
        let mut drawn = [0; 3];
        for _ in 0..1000 {
            drawn[random(3)] += 1;
        }
        assert!(drawn.iter().all(|times| *times > 200), "{drawn:?}");
    }
}
