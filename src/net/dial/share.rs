//! How several addresses share a deadline, as in Go: each gets an equal part of what
//! remains when its turn comes, but two seconds if there are as many.

use std::time::Duration;

use crate::task::Time;

/// Less than this is not worth an attempt over a long way.
const LEAST: Duration = Duration::from_secs(2);

/// Until when the first of so many addresses may take; `None` if the deadline has come.
pub(super) fn share(now: Time, deadline: Time, addresses: usize) -> Option<Time> {
    if deadline == Time::NEVER {
        return Some(deadline);
    }
    let left = deadline.since(now);
    if left.is_zero() {
        return None;
    }
    let addresses = u32::try_from(addresses).unwrap_or(u32::MAX).max(1);
    Some(now.after((left / addresses).max(LEAST).min(left)))
}

#[cfg(test)]
mod tests {
    use super::share;
    use crate::task::Time;
    use std::time::Duration;

    #[test]
    fn parts_are_equal_but_for_the_least() {
        let now = Time::now();
        let part = |left: u64, addresses| {
            let deadline = now.after(Duration::from_millis(left));
            share(now, deadline, addresses).map(|until| until.since(now).as_millis())
        };
        assert_eq!(part(12_000, 1), Some(12_000));
        assert_eq!(part(12_000, 3), Some(4_000));
        assert_eq!(part(12_000, 6), Some(2_000));
        assert_eq!(part(12_000, 100), Some(2_000));
        assert_eq!(part(1_500, 3), Some(1_500));
        assert_eq!(part(0, 3), None);
        assert_eq!(share(now, Time::NEVER, 3), Some(Time::NEVER));
        assert_eq!(share(now.after(Duration::from_secs(1)), now, 3), None);
    }
}
