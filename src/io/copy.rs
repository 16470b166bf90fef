//! `copy`.

use std::io::{ErrorKind, Read, Result, Write};

use super::intake::Intake;
use crate::fd::{Count, Course, Transfer};
use crate::poll::Way;

/// As much as is read at once from one that brings much, in bytes.
const MOST: usize = 64 * 1024;
/// As much as is read at once to begin with.
const FIRST: usize = 16 * 1024;

/// Copies everything from a reader to a writer, until the end of the reader; returns
/// how many bytes that were. In the shape of [`std::io::copy`].
///
/// Parks the task, or blocks the thread, while the reader has nothing and while the
/// writer takes nothing; what bounds either of them bounds this. While it waits for
/// the reader it holds no buffer, so that an idle proxy or echo costs no more than its
/// task; see [Buffers](crate::io#buffers). The writer is not flushed.
///
/// # Inside of the kernel
///
/// Where both are netpoll's own, or references to them, the kernel moves the bytes, and
/// the process never sees them:
///
/// | from | to | by |
/// |---|---|---|
/// | a TCP or Unix stream, or its half that reads | another one, or its half that writes | `splice`, once it brings 16 KiB at a time |
/// | such a stream | [`PipeWriter`](super::PipeWriter), [`ChildStdin`](crate::process::ChildStdin) | `splice`, likewise |
/// | [`PipeReader`](super::PipeReader), [`ChildStdout`](crate::process::ChildStdout) | such a stream, or such a pipe | `splice` |
/// | a regular [`File`](crate::fs::File) | such a stream | `sendfile`, for what is more than 128 KiB |
///
/// Nothing else is different: what bounds reading and writing, errors, the count. What a
/// [`BufReader`](super::BufReader) holds is written, and all that it reads is copied.
///
/// These calls go by the mode of the open file, so a stream is in non-blocking mode while
/// one of them lasts. Those of which somebody else may have a duplicate (that came from std
/// or a descriptor, or went there while clones stayed) are copied. Who duplicates the
/// descriptor by hand, and uses the duplicate at the same time, may find that mode.
///
/// # Errors
///
/// The first error of the reader or the writer, except `Interrupted`, after which it
/// tries again. What was read before is written. `WriteZero` if the writer takes nothing.
///
/// # Examples
///
/// An echo server's task:
///
/// ```
/// use netpoll::io::{self, Read, Write};
/// use netpoll::net::{Shutdown, TcpListener, TcpStream};
/// use netpoll::thread;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut client = TcpStream::connect(listener.local_addr()?)?;
/// thread::spawn(move || {
///     let (stream, _) = listener.accept()?;
///     io::copy(&mut &stream, &mut &stream)
/// });
///
/// client.write_all(b"there and back")?;
/// client.shutdown(Shutdown::Write)?;
/// assert_eq!(io::read_to_string(client)?, "there and back");
/// # io::Result::Ok(())
/// ```
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> Result<u64>
where
    R: ?Sized + Read,
    W: ?Sized + Write,
{
    let mut count = Count::default();
    follow(reader, writer, &mut count)?;
    Ok(count.0)
}

/// [`copy`], told step by step.
pub(super) fn follow<R, W>(reader: &mut R, writer: &mut W, course: &mut impl Course) -> Result<()>
where
    R: ?Sized + Read,
    W: ?Sized + Write,
{
    let mut intake = Intake::new(reader);
    let mut transfer = Transfer::between(intake.reader(), &writer);
    let mut most = FIRST;
    loop {
        if let Some(transfer) = &mut transfer
            && transfer.step(intake.reader(), &writer, course)? > 0
        {
            continue;
        }
        let block = match intake.next(most) {
            Ok(Some(block)) => block,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if course.goes_on(Way::Read, &error) => continue,
            Err(error) => return Err(error),
        };
        course.write_all(writer, &block)?;
        if let Some(transfer) = &mut transfer {
            transfer.has_read(block.len() == most);
        }
        most = next_size(most, block.len());
        intake.done(block);
    }
}

/// Grows while reads are full, and shrinks again when they are not.
fn next_size(most: usize, read: usize) -> usize {
    if read == most {
        (2 * most).min(MOST)
    } else if read < most / 4 {
        (most / 2).max(FIRST)
    } else {
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_follows_what_comes() {
        let mut most = FIRST;
        for _ in 0..5 {
            most = next_size(most, most);
        }
        assert_eq!(most, MOST);
        assert_eq!(next_size(most, most - 1), MOST);
        for _ in 0..5 {
            most = next_size(most, 100);
        }
        assert_eq!(most, FIRST);
    }
}
