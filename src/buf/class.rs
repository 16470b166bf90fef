//! The sizes of blocks: powers of two.
//!
//! ```text
//!  class     0      1      2     ...    10
//!  bytes   1 Ki   2 Ki   4 Ki    ...   1 Mi
//! ```
//!
//! Smaller blocks would save little beside the page that a task costs anyway. What
//! is larger is rare, and is allocated and freed as it is asked for.

/// The number of classes.
pub(super) const CLASSES: usize = 11;

const SMALLEST: usize = 1 << 10;
const LARGEST: usize = SMALLEST << (CLASSES - 1);

/// One of the sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    /// The smallest class whose blocks have room for this many bytes.
    #[inline]
    pub(super) fn with_room_for(bytes: usize) -> Option<Self> {
        if bytes > LARGEST {
            return None;
        }
        let size = bytes.max(SMALLEST).next_power_of_two();
        Some(Self((size / SMALLEST).trailing_zeros() as u8))
    }

    /// The class of blocks of exactly this size.
    #[inline]
    pub(super) fn of(size: usize) -> Option<Self> {
        Self::with_room_for(size).filter(|class| class.size() == size)
    }

    /// In bytes.
    #[inline]
    pub(super) fn size(self) -> usize {
        SMALLEST << self.0
    }

    #[inline]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..CLASSES).map(|index| Self(index as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_room_and_the_one_below_has_not() {
        for bytes in [0, 1, 1023, 1024, 1025, 8192, 8193, LARGEST - 1, LARGEST] {
            let class = Class::with_room_for(bytes).unwrap();
            assert!(class.size() >= bytes);
            assert!(class.index() == 0 || class.size() / 2 < bytes, "{bytes}");
            assert_eq!(Class::of(class.size()), Some(class));
        }
        assert_eq!(Class::with_room_for(LARGEST + 1), None);
        assert_eq!(Class::of(LARGEST + 1), None);
        assert_eq!(Class::of(1025), None);
    }

    #[test]
    fn classes_are_numbered_by_size() {
        let sizes: Vec<usize> = Class::all().map(Class::size).collect();
        assert_eq!(sizes.first(), Some(&SMALLEST));
        assert_eq!(sizes.last(), Some(&LARGEST));
        assert!(
            Class::all()
                .enumerate()
                .all(|(i, class)| class.index() == i)
        );
    }
}
