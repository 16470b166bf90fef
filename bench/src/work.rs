//! Requests that ask for work: one in a hundred, told by its first bytes, keeps a
//! processor busy for 10 ms before it is answered.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The bytes of a request in these cases.
pub(crate) const FRAME: usize = 64;

/// How long the work takes.
const LENGTH: Duration = Duration::from_millis(10);

/// Whether this request asks for work. `go/main.go` has the same rule.
#[inline]
pub(crate) fn is_asked_for(frame: &[u8]) -> bool {
    // What the clients send is random.
    const ONE_IN_A_HUNDRED: u16 = (u16::MAX as u32 / 100) as u16;
    u16::from_be_bytes([frame[0], frame[1]]) < ONE_IN_A_HUNDRED
}

/// The work: steps that each need the result of the one before, and that do not compose
/// into one (those of a linear generator would), so that no compiler takes a short cut
/// that another does not find. `go/main.go` takes the same steps.
pub(crate) fn compute(steps: usize) {
    let mut state: u64 = 1;
    for _ in 0..steps {
        state = (state ^ (state >> 29)).wrapping_mul(6_364_136_223_846_793_005);
    }
    black_box(state);
}

/// How many steps take so long on this machine.
pub(crate) fn steps() -> usize {
    const SOME: usize = 1_000_000;
    let fastest = (0..10).map(|_| {
        let begin = Instant::now();
        compute(black_box(SOME));
        begin.elapsed()
    });
    let fastest = fastest.min().expect("there are ten").as_secs_f64();
    (SOME as f64 * LENGTH.as_secs_f64() / fastest) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_asks_for_work() {
        let mut random = fastrand::Rng::with_seed(3);
        let asked = (0..100_000)
            .filter(|_| is_asked_for(&[random.u8(..), random.u8(..)]))
            .count();
        assert!((900..1100).contains(&asked), "{asked}");
    }

    #[test]
    fn the_work_is_done() {
        let steps = steps();
        let begin = Instant::now();
        compute(steps);
        assert!(begin.elapsed() > LENGTH / 10, "{steps}");
    }
}
