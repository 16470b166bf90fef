//! What is sent, so that what comes back can be told from anything else.
//!
//! A byte follows from its connection and its place in it, by a generator that can
//! start anywhere (Steele, Lea and Flood's SplitMix64, eight bytes a step). So a byte
//! that was changed, lost, repeated or swapped, or that belongs to another connection,
//! is not the one expected, and nothing has to be kept of what was sent.
//!
//! With frames, their headers lie over these bytes, at places that follow from the length
//! of a message.

use std::fmt;

use crate::frames::HEADER;

/// The bytes of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pattern {
    seed: u64,
    /// Bytes of a message, if each has a header.
    framed: Option<u64>,
}

/// Bytes in a step of the generator.
const WORD: usize = size_of::<u64>();

impl Pattern {
    /// Of a connection that sends one message after the other, each with a header if it is
    /// given how long they are.
    pub(super) fn of(connection: usize, framed: Option<u64>) -> Self {
        Self {
            seed: mix(connection as u64 + 1),
            framed,
        }
    }

    /// Writes the bytes from this place on.
    pub(super) fn fill(self, offset: u64, bytes: &mut [u8]) {
        self.fill_messages(offset, bytes);
        if let Some(size) = self.framed {
            fill_headers(size, offset, bytes);
        }
    }

    fn fill_messages(self, offset: u64, bytes: &mut [u8]) {
        let (head, body) = bytes.split_at_mut(to_next_word(offset).min(bytes.len()));
        let mut index = offset / WORD as u64;
        if !head.is_empty() {
            let skipped = (offset % WORD as u64) as usize;
            head.copy_from_slice(&self.word(index)[skipped..][..head.len()]);
            index += 1;
        }
        let mut words = body.chunks_exact_mut(WORD);
        for word in &mut words {
            word.copy_from_slice(&self.word(index));
            index += 1;
        }
        let tail = words.into_remainder();
        tail.copy_from_slice(&self.word(index)[..tail.len()]);
    }

    /// Where the first byte is that is not as it should be from this place on.
    pub(super) fn mismatch(self, offset: u64, bytes: &[u8]) -> Option<usize> {
        let mut expected = [0; 512];
        let mut checked = 0;
        for piece in bytes.chunks(expected.len()) {
            let expected = &mut expected[..piece.len()];
            self.fill(offset + checked as u64, expected);
            if piece != expected {
                let place = piece
                    .iter()
                    .zip(expected)
                    .position(|(is, should)| is != should);
                return place.map(|place| checked + place);
            }
            checked += piece.len();
        }
        None
    }

    fn matches(self, offset: u64, bytes: &[u8]) -> bool {
        self.mismatch(offset, bytes).is_none()
    }

    /// How many bytes must agree for a conclusion: as many as have a word of messages
    /// among them, since headers are the same everywhere.
    fn evidence(self) -> usize {
        self.framed.map_or(WORD, |size| {
            WORD + HEADER * WORD.div_ceil(size.min(WORD as u64) as usize)
        })
    }

    fn word(self, index: u64) -> [u8; WORD] {
        mix(self
            .seed
            .wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .to_le_bytes()
    }
}

/// Writes the headers of messages of this size, as far as they lie in these bytes.
fn fill_headers(size: u64, offset: u64, bytes: &mut [u8]) {
    let header = (size as u32).to_be_bytes();
    let frame = HEADER as u64 + size;
    // In the frame in which the bytes begin: this far.
    let begun = (offset % frame) as usize;
    if let Some(rest) = header.get(begun..) {
        let there = rest.len().min(bytes.len());
        bytes[..there].copy_from_slice(&rest[..there]);
    }
    let next = frame as usize - begun;
    for frame in bytes
        .get_mut(next..)
        .unwrap_or_default()
        .chunks_mut(frame as usize)
    {
        let there = header.len().min(frame.len());
        frame[..there].copy_from_slice(&header[..there]);
    }
}

/// How many bytes there are from here to the next step of the generator.
fn to_next_word(offset: u64) -> usize {
    (offset.wrapping_neg() % WORD as u64) as usize
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// What has happened to bytes that are not those expected, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// So many are others, then it goes on as it should.
    Changed(usize),
    /// So many are missing.
    Lost(u64),
    /// They are what came so many bytes before.
    Repeated(u64),
    /// They are those of another connection.
    Foreign(usize),
    Unclear,
}

impl Damage {
    /// How far away the bytes are looked for.
    const FAR: u64 = 1 << 16;

    /// Looks at what came at a place of a connection, one of so many, instead of its own
    /// bytes, from the first wrong one on.
    pub(super) fn of(own: Pattern, connections: usize, offset: u64, bytes: &[u8]) -> Self {
        let evidence = own.evidence();
        let enough = |bytes: &&[u8]| bytes.len() >= evidence;
        let changed = (1..bytes.len()).find(|&n| {
            Some(&bytes[n..])
                .filter(enough)
                .is_some_and(|rest| own.matches(offset + n as u64, &rest[..evidence]))
        });
        if let Some(n) = changed {
            return Damage::Changed(n);
        }
        let Some(bytes) = bytes.get(..evidence) else {
            return Damage::Unclear;
        };
        if let Some(n) = (1..=Self::FAR).find(|n| own.matches(offset + n, bytes)) {
            return Damage::Lost(n);
        }
        if let Some(n) = (1..=Self::FAR.min(offset)).find(|n| own.matches(offset - n, bytes)) {
            return Damage::Repeated(n);
        }
        (0..connections)
            .find(|other| Pattern::of(*other, own.framed).matches(offset, bytes))
            .map_or(Damage::Unclear, Damage::Foreign)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Changed(1) => f.write_str("one byte was changed"),
            Damage::Changed(n) => write!(f, "{n} bytes were changed"),
            Damage::Lost(1) => f.write_str("one byte was lost"),
            Damage::Lost(n) => write!(f, "{n} bytes were lost"),
            Damage::Repeated(n) => write!(f, "what came {n} bytes before came again"),
            Damage::Foreign(other) => write!(f, "it belongs to connection {other}"),
            Damage::Unclear => f.write_str("it is not known where it comes from"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without frames, and with messages of several lengths.
    const FRAMINGS: [Option<u64>; 6] = [None, Some(1), Some(3), Some(8), Some(61), Some(1000)];

    fn bytes(pattern: Pattern, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        pattern.fill(offset, &mut bytes);
        bytes
    }

    #[test]
    fn any_cut_gives_the_same_bytes() {
        for pattern in FRAMINGS.map(|framed| Pattern::of(3, framed)) {
            let all = bytes(pattern, 0, 2000);
            for start in 0..70 {
                for length in (0..70).chain([511, 512, 513, 1200]) {
                    let piece = &all[start..start + length];
                    assert_eq!(
                        bytes(pattern, start as u64, length),
                        piece,
                        "{start}, {length}: {pattern:?}"
                    );
                    assert_eq!(pattern.mismatch(start as u64, piece), None);
                }
            }
        }
    }

    #[test]
    fn messages_stand_behind_their_length() {
        let framed = bytes(Pattern::of(3, Some(300)), 0, 2 * 304);
        let messages = bytes(Pattern::of(3, None), 0, 2 * 304);
        for (framed, messages) in framed.chunks(304).zip(messages.chunks(304)) {
            assert_eq!(framed[..4], [0, 0, 1, 44]);
            assert_eq!(framed[4..], messages[4..]);
        }
    }

    #[test]
    fn one_wrong_byte_is_found_where_it_is() {
        for pattern in FRAMINGS.map(|framed| Pattern::of(1, framed)) {
            for length in [1, 7, 8, 9, 511, 512, 513, 1500] {
                for place in 0..length {
                    let mut wrong = bytes(pattern, 5, length);
                    wrong[place] ^= 0x10;
                    assert_eq!(pattern.mismatch(5, &wrong), Some(place));
                }
            }
        }
    }

    /// What is found wrong with bytes that should be those of a pattern from 100 on.
    fn damage(pattern: Pattern, bytes: &[u8]) -> Damage {
        let place = pattern.mismatch(100, bytes).expect("it is wrong");
        Damage::of(pattern, 10, 100 + place as u64, &bytes[place..])
    }

    #[test]
    fn damage_is_told_apart() {
        for framed in FRAMINGS {
            let pattern = Pattern::of(2, framed);
            let damage = |bytes: &[u8]| damage(pattern, bytes);
            // Enough for a conclusion behind the damage, also with short messages.
            let right = bytes(pattern, 100, 104);

            let mut changed = right.clone();
            changed[20] ^= 1;
            assert_eq!(damage(&changed), Damage::Changed(1));
            changed[21] ^= 1;
            assert_eq!(damage(&changed), Damage::Changed(2));

            let foreign = bytes(Pattern::of(7, framed), 100, 104);
            assert_eq!(damage(&foreign), Damage::Foreign(7));
            assert_eq!(damage(&[0x55; 104]), Damage::Unclear);

            // Too little to tell.
            let last = right[103] ^ 1;
            assert_eq!(Damage::of(pattern, 10, 203, &[last]), Damage::Unclear);
        }
    }

    #[test]
    fn bytes_that_are_missing_or_come_again_are_counted() {
        for framed in [None, Some(61), Some(1000)] {
            let pattern = Pattern::of(2, framed);
            let damage = |bytes: &[u8]| damage(pattern, bytes);
            let right = bytes(pattern, 100, 64);

            let mut lost = right.clone();
            lost.remove(20);
            assert_eq!(damage(&lost), Damage::Lost(1));
            lost.drain(20..25);
            assert_eq!(damage(&lost), Damage::Lost(6));

            let mut repeated = right.clone();
            repeated.insert(20, right[19]);
            assert_eq!(damage(&repeated), Damage::Repeated(1));
        }
    }
}
