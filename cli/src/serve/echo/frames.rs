//! Which frames have come; see [`crate::frames`] for what they are.

use std::error::Error;
use std::fmt;
use std::io;

use crate::frames::{HEADER, LONGEST};

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Front {
    /// How many whole frames are at the front.
    pub(super) frames: u64,
    /// How long they are together.
    pub(super) len: usize,
    /// How much there has to be behind them before there is more to do.
    pub(super) need: usize,
}

/// Looks at the beginning of what has come, `there` bytes in all. Behind that beginning
/// nothing is looked for, so there may be more frames than it says.
pub(super) fn look(beginning: &[u8], there: usize) -> Result<Front, TooLong> {
    let mut front = Front {
        frames: 0,
        len: 0,
        need: HEADER,
    };
    while let Some(header) = header_at(beginning, front.len) {
        match length(header) {
            Ok(len) if front.len + len <= there => {
                front.frames += 1;
                front.len += len;
            }
            Ok(len) => {
                front.need = len;
                break;
            }
            // Those in front of it come first.
            Err(_) if front.frames > 0 => break,
            Err(too_long) => return Err(too_long),
        }
    }
    Ok(front)
}

fn header_at(bytes: &[u8], at: usize) -> Option<[u8; HEADER]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// How long the frame is that has this header, the header included.
pub(super) fn length(header: [u8; HEADER]) -> Result<usize, TooLong> {
    let message = u32::from_be_bytes(header);
    match message as usize {
        length @ 0..=LONGEST => Ok(HEADER + length),
        _ => Err(TooLong(message)),
    }
}

/// A message is longer than any may be. It says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong(u32);

impl TooLong {
    /// Whether this is what an error is about.
    pub(super) fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|cause| cause.is::<Self>())
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its length is said to be {}, and {LONGEST} is the most; does the client send \
             frames?",
            self.0
        )
    }
}

impl Error for TooLong {}

impl From<TooLong> for io::Error {
    fn from(too_long: TooLong) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, too_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u32).to_be_bytes(), message].concat()
    }

    fn looked(bytes: &[u8]) -> (u64, usize, usize) {
        let front = look(bytes, bytes.len()).unwrap();
        (front.frames, front.len, front.need)
    }

    #[test]
    fn whole_frames_are_found_and_what_the_next_one_needs() {
        let two = [frame(b"hello"), frame(b"")].concat();
        assert_eq!(looked(&[]), (0, 0, HEADER));
        assert_eq!(looked(&two[..3]), (0, 0, HEADER));
        assert_eq!(looked(&two[..4]), (0, 0, 9));
        assert_eq!(looked(&two[..8]), (0, 0, 9));
        assert_eq!(looked(&two[..9]), (1, 9, HEADER));
        assert_eq!(looked(&two[..12]), (1, 9, HEADER));
        assert_eq!(looked(&two), (2, 13, HEADER));
        assert_eq!(
            looked(&[&two[..], &frame(b"world")[..6]].concat()),
            (2, 13, 9)
        );
    }

    #[test]
    fn a_frame_may_go_on_behind_the_beginning() {
        let front = look(&frame(b"hello")[..6], 20).unwrap();
        assert_eq!((front.frames, front.len, front.need), (1, 9, HEADER));
    }

    #[test]
    fn the_longest_is_allowed_and_a_longer_one_is_found_when_it_is_first() {
        let header = |length: usize| (length as u32).to_be_bytes();
        assert_eq!(looked(&header(LONGEST)).2, HEADER + LONGEST);
        let too_long = header(LONGEST + 1);
        assert!(look(&too_long, 4).is_err());
        assert!(look(&[0xff; 4], 4).is_err());
        let behind = [&frame(b"hello"), &too_long[..]].concat();
        assert_eq!(looked(&behind), (1, 9, HEADER));
    }
}
