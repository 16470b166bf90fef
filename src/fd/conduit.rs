//! Pipes that bytes pass through on their way from one socket to another.
//!
//! `splice` has a pipe at one side, always. So what goes from socket to socket goes
//! through a pipe of ours, which is there only while there are bytes in it: one that has
//! been emptied waits on a shelf of its thread for the next who needs one, and one that
//! has not is closed. So nobody gets another one's bytes.
//!
//! A pipe costs two descriptors, and one that waits for a slow peer costs them as long as
//! that takes. Hence there are at most [`MOST`], and who gets none copies.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sys::socket::Fault;
use crate::sys::{fork, splice};

/// As many of these pipes as there are in the process.
const MOST: usize = 256;
/// As many as wait on the shelf of one thread.
const SHELF: usize = 8;

static COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHELVED: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
}

/// A pipe, counted.
struct Ends {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Ends {
    fn new() -> Option<Self> {
        let one_more = |count| (count < MOST).then_some(count + 1);
        let relaxed = Ordering::Relaxed;
        COUNT.fetch_update(relaxed, relaxed, one_more).ok()?;
        match splice::pipe() {
            Ok((reader, writer)) => Some(Self { reader, writer }),
            Err(_) => {
                COUNT.fetch_sub(1, Ordering::Relaxed);
                None
            }
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A pipe of the caller's own, and how many bytes are in it.
pub(super) struct Conduit {
    /// There is none only while the rest is dropped.
    ends: Option<Ends>,
    held: usize,
}

impl Conduit {
    /// An empty one; none if there are too many, or no descriptors for it.
    pub(super) fn take() -> Option<Self> {
        let shelved = SHELVED.try_with(|shelf| shelf.borrow_mut().pop());
        let ends = shelved.ok().flatten().or_else(Ends::new)?;
        Some(Self {
            ends: Some(ends),
            held: 0,
        })
    }

    fn ends(&self) -> &Ends {
        self.ends.as_ref().expect("it is not being dropped")
    }

    /// How many bytes are in it.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes at most so many bytes from a descriptor.
    pub(super) fn fill(&mut self, from: BorrowedFd<'_>, most: usize) -> Result<usize, Fault> {
        let n = splice::splice(from, self.ends().writer.as_fd(), most)?;
        self.held += n;
        Ok(n)
    }

    /// Gives as many bytes to a descriptor as it takes.
    pub(super) fn pour(&mut self, to: BorrowedFd<'_>) -> Result<usize, Fault> {
        let n = splice::splice(self.ends().reader.as_fd(), to, self.held)?;
        self.held -= n;
        Ok(n)
    }

    /// Reads what is in it, if that is anything.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held == 0 {
            return Ok(0);
        }
        let most = buffer.len().min(self.held);
        let n = splice::read(self.ends().reader.as_fd(), &mut buffer[..most])?;
        self.held -= n;
        Ok(n)
    }
}

impl Drop for Conduit {
    fn drop(&mut self) {
        let ends = self.ends.take();
        // A forked child's pipes are its parent's too.
        if self.held > 0 || fork::is_child() {
            return;
        }
        let Some(ends) = ends else { return };
        // A thread that ends has no shelf any more.
        let _ = SHELVED.try_with(|shelf| {
            let mut shelf = shelf.borrow_mut();
            if shelf.len() < SHELF {
                shelf.push(ends);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::{self, unix};

    #[test]
    fn a_pipe_with_bytes_in_it_serves_nobody_else() {
        let (left, right) = unix::stream_pair().unwrap();
        socket::send(left.as_fd(), b"left over").unwrap();
        let mut conduit = Conduit::take().unwrap();
        assert_eq!(conduit.fill(right.as_fd(), 100), Ok(9));
        let number = |conduit: &Conduit| {
            use std::os::fd::AsRawFd;
            conduit.ends().reader.as_raw_fd()
        };
        drop(conduit);
        let mut next = Conduit::take().unwrap();
        socket::send(left.as_fd(), b"fresh").unwrap();
        assert_eq!(next.fill(right.as_fd(), 100), Ok(5));
        let mut buffer = [0; 100];
        assert_eq!(next.read(&mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"fresh");
        // One that was emptied is used again.
        let emptied = number(&next);
        drop(next);
        assert_eq!(number(&Conduit::take().unwrap()), emptied);
    }
}
