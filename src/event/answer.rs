//! Answers that come when the handler has long returned.

use std::fmt;
use std::ops::Deref;

use super::ConnectionHandle;

/// A [`ConnectionHandle`] whose connection waits for it, until it is dropped.
///
/// A connection whose peer has sent all it will ends when all of that is handled. Where a
/// handler hands a request to somebody else and returns, it is not yet answered: this is
/// what keeps the connection. [`Connection::answer_later`](super::Connection::answer_later)
/// makes it.
///
/// A connection that breaks, is closed, or takes too long ends all the same: then writing
/// fails, as it does for every handle.
#[must_use = "an answer is owed only as long as this lives"]
pub struct Answer {
    handle: ConnectionHandle,
}

impl Answer {
    pub(super) fn new(handle: ConnectionHandle) -> Self {
        handle.owe();
        Self { handle }
    }
}

impl Deref for Answer {
    type Target = ConnectionHandle;

    fn deref(&self) -> &ConnectionHandle {
        &self.handle
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.handle.owe_no_more();
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answer").field(&self.handle).finish()
    }
}
