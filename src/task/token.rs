//! The token of `thread::park`: a bit of its own, beside the word of the waits.
//!
//! `unpark` leaves a token, `park` takes it or waits for it. The waits of this
//! crate (for a socket, a lock, another task) neither leave nor take one, so an
//! `unpark` is not lost when its task happens to wait for something else.
//!
//! ```text
//!  63                 32 31                          4 3       0
//! +---------------------+-----------------------------+---------+
//! | which use of the    | epoch of the wait, while    | state   |
//! | task's slot         | it waits for a token        |         |
//! +---------------------+-----------------------------+---------+
//!
//!             give                announce
//!   TOKEN <----------- EMPTY -----------------> WAITING
//!     |                  ^ ^                       |  |
//!     |      consume     | |       withdraw        |  |
//!     +------------------+ +-----------------------+  |
//!     ^                           give, and wake      |
//!     +-----------------------------------------------+
//! ```
//!
//! Slots are used again. The count in the upper half says for which task the
//! token is meant: one for a task that has ended is dropped.
//!
//! Ordering: `give` releases, and `consume` and `withdraw` acquire, so that what
//! the one did before `unpark` is seen after `park`, also where the token was
//! there already: giving it again is a read-modify-write too.

use super::atomic::{AtomicU64, Ordering};
use super::word::EPOCH;

const EMPTY: u64 = 0;
const TOKEN: u64 = 1;
const WAITING: u64 = 2;
const STATE: u64 = 0b1111;

/// See the [module](self).
pub(super) struct Token(AtomicU64);

impl Token {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(EMPTY))
    }

    /// Which use of the slot this is.
    pub(super) fn incarnation(&self) -> u32 {
        (self.0.load(Ordering::Relaxed) >> 32) as u32
    }

    /// Ends this use of the slot.
    pub(super) fn end(&self) {
        let next = self.incarnation().wrapping_add(1);
        self.0
            .store(u64::from(next) << 32 | EMPTY, Ordering::Relaxed);
    }

    /// Takes the token, if there is one. Owner only.
    pub(super) fn consume(&self) -> bool {
        let base = u64::from(self.incarnation()) << 32;
        self.step(base | TOKEN, base | EMPTY)
    }

    /// Says that the owner waits for a token, in the wait of this epoch. Fails if
    /// there is one.
    pub(super) fn announce(&self, epoch: u32) -> bool {
        let base = u64::from(self.incarnation()) << 32;
        self.step(base | EMPTY, base | u64::from(epoch & EPOCH) | WAITING)
    }

    /// The wait is over: takes the token, if it came.
    pub(super) fn withdraw(&self) {
        let base = u64::from(self.incarnation()) << 32;
        self.0.swap(base | EMPTY, Ordering::AcqRel);
    }

    fn step(&self, from: u64, to: u64) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Leaves a token for one use of the slot. Returns the epoch of the wait that
    /// has to be ended, if the owner waits.
    pub(super) fn give(&self, incarnation: u32) -> Option<u32> {
        let base = u64::from(incarnation) << 32;
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now >> 32 != u64::from(incarnation) {
                return None;
            }
            match self.0.compare_exchange_weak(
                now,
                base | TOKEN,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) if now & STATE == WAITING => return Some(now as u32 & EPOCH),
                Ok(_) => return None,
                Err(other) => now = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_is_one_however_often_it_is_given() {
        let token = Token::new();
        assert_eq!(token.give(0), None);
        assert_eq!(token.give(0), None);
        assert!(token.consume());
        assert!(!token.consume());
    }

    #[test]
    fn who_waits_is_named_by_the_epoch() {
        let token = Token::new();
        assert!(token.announce(0x50));
        assert_eq!(token.give(0), Some(0x50));
        assert!(!token.announce(0x60));
        token.withdraw();
        assert!(!token.consume());
    }

    #[test]
    fn a_token_for_an_earlier_use_is_dropped() {
        let token = Token::new();
        let before = token.incarnation();
        token.end();
        assert_eq!(token.give(before), None);
        assert!(!token.consume());
        token.give(token.incarnation());
        assert!(token.consume());
    }
}
