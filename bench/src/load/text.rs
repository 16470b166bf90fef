//! What the clients send: a part of one endless text, which is the same for all
//! connections, from a place of its own on. So what has to come back at a position is
//! known without being kept, and a byte that is lost, doubled or another connection's
//! is found out.

use std::io;

use super::{BUFFER, wrong};

/// Random bytes that repeat after a prime number of them, so that no power of two is a
/// period. Long enough for a whole buffer from any place on.
pub(super) struct Text(Vec<u8>);

const PERIOD: u64 = 65_521;

impl Text {
    pub(super) fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let once: Vec<u8> = (0..PERIOD).map(|_| random.u8(..)).collect();
        let length = once.len() + BUFFER;
        Self(once.into_iter().cycle().take(length).collect())
    }

    /// Where the text of the connection of a number begins.
    pub(super) fn start(connection: u64) -> u64 {
        connection * 7919
    }

    #[inline]
    pub(super) fn part(&self, position: u64, length: usize) -> &[u8] {
        let place = (position % PERIOD) as usize;
        &self.0[place..][..length]
    }

    #[inline]
    pub(super) fn check(&self, position: u64, came: &[u8]) -> io::Result<()> {
        if came == self.part(position, came.len()) {
            Ok(())
        } else {
            Err(wrong("other bytes came back than were sent"))
        }
    }
}
