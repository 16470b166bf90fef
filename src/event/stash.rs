//! What was received and not consumed.

use crate::buf::LinkBuffer;

/// What was received and not consumed. A few bytes, which many connections may have at
/// once, take no more than they are.
#[derive(Default)]
pub(super) enum Stash {
    #[default]
    Nothing,
    Few(Box<[u8]>),
    Many(Box<LinkBuffer>),
}

/// So many are few.
const FEW: usize = 512;

impl Stash {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Few(bytes) => bytes.len(),
            Self::Many(buffer) => buffer.len(),
        }
    }

    pub(super) fn into_buffer(self) -> LinkBuffer {
        match self {
            Self::Nothing => LinkBuffer::new(),
            Self::Few(bytes) => LinkBuffer::from(&*bytes),
            Self::Many(buffer) => *buffer,
        }
    }

    /// Adds the next `n` bytes of a buffer, as a copy.
    pub(super) fn add(&mut self, from: &mut LinkBuffer, n: usize) {
        if n == 0 {
            return;
        }
        let before = self.len();
        if before + n <= FEW {
            let mut bytes = Vec::with_capacity(before + n);
            if let Self::Few(old) = self {
                bytes.extend_from_slice(old);
            }
            bytes.extend_from_slice(from.try_next(n).unwrap_or_default());
            *self = Self::Few(bytes.into());
            return;
        }
        let mut buffer = match std::mem::take(self) {
            Self::Many(buffer) => buffer,
            few => Box::new(few.into_buffer()),
        };
        from.copy(n, &mut buffer);
        *self = Self::Many(buffer);
    }

    /// Puts all of a buffer where nothing is.
    pub(super) fn put(&mut self, all: &mut LinkBuffer) {
        debug_assert_eq!(self.len(), 0);
        let n = all.len();
        if n <= FEW || all.has_foreign() {
            return self.add(all, n);
        }
        // The memory may be shared with others that were received in the same phase.
        all.shrink_to_fit();
        *self = Self::Many(Box::new(std::mem::take(all)));
    }

    /// Moves all of it to the end of a buffer.
    pub(super) fn move_to(&mut self, to: &mut LinkBuffer) {
        self.append_to(to);
        to.flush();
    }

    /// The same where slices of the buffer may be alive, and nothing waits to be flushed.
    pub(super) fn append_to(&mut self, to: &LinkBuffer) {
        if self.len() > 0 {
            to.append_flushed(std::mem::take(self).into_buffer());
        }
    }
}
