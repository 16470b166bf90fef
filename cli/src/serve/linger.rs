//! Closing without destroying the last reply.
//!
//! Who closes a TCP socket that has unread input sends a reset, which overtakes what the
//! client has not received yet. So a server that ends a connection first says that there
//! will be no more, and throws away what still comes, for a while. An event loop does that
//! by itself, see [`linger`](netpoll::event::Options::linger); this is for tasks, within
//! the same bounds.

use std::io::Read;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::stream::Stream;

/// So long at most.
const TIME: Duration = Duration::from_secs(2);

/// So many bytes at most.
const BYTES: usize = 4 << 20;

/// What is thrown away at once.
const PIECE: usize = 4 << 10;

/// Parks the task until the client has closed, too, or the bounds are reached, the deadline
/// of a stop among them. Not inlined, for its buffer shall not lie under those that wait.
#[cold]
#[inline(never)]
pub(super) fn linger(mut stream: &Stream) {
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let end = Instant::now() + TIME;
    let mut bytes = BYTES;
    let mut piece = [0; PIECE];
    while bytes > 0 {
        // Not by a deadline: a stop may set a later one meanwhile.
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match stream.read(&mut piece) {
            Ok(read @ 1..) => bytes = bytes.saturating_sub(read),
            Ok(0) | Err(_) => return,
        }
    }
}
