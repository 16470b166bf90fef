//! How much to read at once.

/// One page.
const LEAST: usize = 4 << 10;
/// Sixteen pages.
const MOST: usize = 64 << 10;

/// How much to read at once, told from how much came: a peer that fills what it is
/// offered is offered twice as much the next time, up to 16 pages, and one that used
/// a quarter or less of it half as much, down to one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hint(usize);

impl Default for Hint {
    fn default() -> Self {
        Self(LEAST)
    }
}

impl Hint {
    /// In bytes.
    pub(super) fn size(self) -> usize {
        self.0
    }

    /// Learns that so many bytes came when so many were offered.
    pub(super) fn learn(&mut self, came: usize, offered: usize) {
        if came >= self.0 {
            self.0 = MOST.min(self.0 * 2);
        } else if came < offered && came <= self.0 / 4 {
            self.0 = LEAST.max(self.0 / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_doubles_and_what_is_not_used_shrinks_again() {
        let mut hint = Hint::default();
        let mut sizes = vec![hint.size()];
        for _ in 0..5 {
            hint.learn(hint.size(), hint.size());
            sizes.push(hint.size());
        }
        assert_eq!(sizes, [4, 8, 16, 32, 64, 64].map(|pages| pages << 10));
        hint.learn(MOST / 2, MOST);
        assert_eq!(hint.size(), MOST, "half of it is enough to keep it");
        for _ in 0..5 {
            hint.learn(10, hint.size());
        }
        assert_eq!(hint.size(), LEAST);
    }

    /// What was left in a block says nothing about how much there was to read.
    #[test]
    fn a_small_offer_that_was_filled_changes_nothing() {
        let mut hint = Hint(MOST);
        hint.learn(100, 100);
        assert_eq!(hint.size(), MOST);
    }
}
