//! Who follows a copy while it lasts.

use std::io::{Error, Result, Write};

use crate::poll::Way;

/// Is told what a copy does, and asked what it shall do.
pub(crate) trait Course {
    /// So many bytes were written.
    fn moved(&mut self, bytes: usize);

    /// Reading or writing has failed, and nothing was lost by that. Whether to try it again;
    /// otherwise the copy ends with this error.
    fn goes_on(&mut self, way: Way, error: &Error) -> bool;

    /// Writes all, and says so to [`moved`](Self::moved).
    fn write_all<W: ?Sized + Write>(&mut self, writer: &mut W, bytes: &[u8]) -> Result<()>;
}

/// Counts, and goes on after no error.
#[derive(Default)]
pub(crate) struct Count(pub(crate) u64);

impl Course for Count {
    fn moved(&mut self, bytes: usize) {
        self.0 += bytes as u64;
    }

    fn goes_on(&mut self, _: Way, _: &Error) -> bool {
        false
    }

    fn write_all<W: ?Sized + Write>(&mut self, writer: &mut W, bytes: &[u8]) -> Result<()> {
        // The writer may have a way of its own.
        writer.write_all(bytes)?;
        self.moved(bytes.len());
        Ok(())
    }
}
