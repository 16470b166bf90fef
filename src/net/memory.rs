//! A connection in memory.
//!
//! ```text
//!   one end                     lane                      the other end
//!   write --> offer: what nobody has read yet --> read
//!   read  <--                   lane                  <-- write
//! ```
//!
//! A lane holds what one write offers, until it is read: there is no buffer between the
//! ends. Who waits is listed under the lane's lock, which is never held while anybody
//! sleeps.

use std::fmt;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::buf::Block;
use crate::fd::{Cancelled, Closed, Duplex};
use crate::task::{Outcome, Reason, Time, Wait, WaitList};

/// As much as is offered at once, in bytes.
const PORTION: usize = 64 * 1024;

/// Makes a connection in memory: what is written to one end is read from the other. It is
/// for tests, and for code that wants a connection and shall get no socket. Does not wait.
///
/// **Nothing lies in between**: a write waits until all of it was read, by one read or by
/// several. Two ends that both write before they read wait for ever, or until a deadline.
///
/// # Examples
///
/// ```
/// use netpoll::{net, thread};
/// use std::io::{Read, Write};
///
/// let (mut client, mut server) = net::pipe();
/// thread::spawn(move || {
///     let mut request = [0; 4];
///     server.read_exact(&mut request)?;
///     server.write_all(b"pong")
/// });
/// client.write_all(b"ping")?;
/// let mut reply = String::new();
/// client.read_to_string(&mut reply)?;
/// assert_eq!(reply, "pong");
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn pipe() -> (MemoryStream, MemoryStream) {
    let (there, back) = (Arc::<Lane>::default(), Arc::<Lane>::default());
    let end = |input: &Arc<Lane>, output: &Arc<Lane>| MemoryStream {
        end: Arc::new(End {
            input: Arc::clone(input),
            output: Arc::clone(output),
        }),
    };
    (end(&back, &there), end(&there, &back))
}

/// One end of a connection in memory; made by [`pipe`].
///
/// Reading and writing park the task, or block the thread, and go on at the same time on
/// different tasks, also by reference. Clones made by [`try_clone`](Self::try_clone) share
/// an end, which closes when the last of them is dropped.
///
/// | what the other end does | here |
/// |---|---|
/// | shuts down writing | reads return zero, after what was written; writing goes on |
/// | shuts down reading | writes fail with `BrokenPipe`; reading goes on |
/// | closes, or is dropped | both |
///
/// A write that does not get everything across, since the other end stops reading or the
/// deadline comes, returns how much was read, if anything; the rest is taken back. The next
/// write fails.
pub struct MemoryStream {
    end: Arc<End>,
}

struct End {
    input: Arc<Lane>,
    output: Arc<Lane>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.input.change(|state| state.reader = Side::Shut);
        self.output.change(|state| state.writer = Side::Shut);
    }
}

/// One way.
#[derive(Default)]
struct Lane(Mutex<State>);

#[derive(Default)]
struct State {
    reader: Side,
    writer: Side,
    /// What is offered, and how much of it was read.
    offer: Option<(Block, usize)>,
    /// Whether somebody writes, part by part.
    taken: bool,
    read_deadline: Deadline,
    write_deadline: Deadline,
    waiting: WaitList,
}

/// What one end does with a lane.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Side {
    #[default]
    Open,
    /// It was shut down, or dropped.
    Shut,
    /// By `close`.
    Closed,
}

struct Deadline(Time);

impl Default for Deadline {
    fn default() -> Self {
        Self(Time::NEVER)
    }
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, which all who wait look at.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let mut waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.wake_all(Outcome::Woken);
        result
    }

    /// Waits until `look` finds something, or the deadline comes.
    fn wait<T>(
        &self,
        deadline: fn(&State) -> Time,
        mut look: impl FnMut(&mut State) -> Option<Result<T>>,
    ) -> Result<T> {
        let mut look = |state: &mut State| {
            if deadline(state).is_past() {
                return Some(Err(ErrorKind::TimedOut.into()));
            }
            look(state)
        };
        loop {
            if let Some(result) = look(&mut self.state()) {
                return result;
            }
            let wait = Wait::begin(Reason::Turn);
            let waker = wait.waker();
            let until = {
                let mut state = self.state();
                if let Some(result) = look(&mut state) {
                    return result;
                }
                state.waiting.push(waker);
                deadline(&state)
            };
            let outcome = wait.park(until);
            if outcome != Outcome::Woken {
                self.state().waiting.remove(waker);
            }
            if outcome == Outcome::Cancelled {
                return Err(Cancelled::error());
            }
        }
    }

    fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.wait(
            |state| state.read_deadline.0,
            |state| match (state.reader, &mut state.offer) {
                (Side::Closed, _) => Some(Err(Closed::error())),
                (Side::Shut, _) => Some(Ok(0)),
                (Side::Open, Some((block, read))) if *read < block.len() => {
                    let rest = &block[*read..];
                    let n = rest.len().min(buffer.len());
                    buffer[..n].copy_from_slice(&rest[..n]);
                    *read += n;
                    Some(Ok(n))
                }
                _ if state.writer != Side::Open => Some(Ok(0)),
                _ => None,
            },
        )?;
        // Whoever wrote looks whether that was all.
        self.change(|_| ());
        Ok(read)
    }

    fn write(&self, bytes: &[u8]) -> Result<usize> {
        let deadline = |state: &State| state.write_deadline.0;
        // One at a time, so that what two write does not mix.
        self.wait(deadline, |state| {
            if let Some(error) = state.refusal() {
                return Some(Err(error));
            }
            (!std::mem::replace(&mut state.taken, true)).then_some(Ok(()))
        })?;
        let _turn = Turn(self);
        let mut written = 0;
        for part in bytes.chunks(PORTION) {
            let mut block = Block::with_room_for(part.len());
            block.push(part);
            self.change(|state| state.offer = Some((block, 0)));
            let all_read = self.wait(deadline, |state| {
                let (block, read) = state.offer.as_ref()?;
                if *read == block.len() {
                    return Some(Ok(()));
                }
                state.refusal().map(Err)
            });
            let offer = self.change(|state| state.offer.take());
            written += offer.map_or(0, |(_, read)| read);
            match all_read {
                Err(error) if written == 0 => return Err(error),
                Err(_) => break,
                Ok(()) => {}
            }
        }
        Ok(written)
    }
}

/// The right to write.
struct Turn<'a>(&'a Lane);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.offer = None;
            state.taken = false;
        });
    }
}

impl State {
    /// Why nothing can be written.
    fn refusal(&self) -> Option<Error> {
        match (self.writer, self.reader) {
            (Side::Closed, _) => Some(Closed::error()),
            (Side::Open, Side::Open) => None,
            _ => Some(ErrorKind::BrokenPipe.into()),
        }
    }
}

impl MemoryStream {
    /// Another handle to the same end.
    ///
    /// # Errors
    ///
    /// None; the signature is that of sockets.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            end: Arc::clone(&self.end),
        })
    }

    /// Ends the reading direction, the writing direction, or both, for all clones. Does
    /// not wait.
    ///
    /// # Errors
    ///
    /// None; the signature is that of sockets.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{self, Shutdown};
    /// use std::io::Read;
    ///
    /// let (left, mut right) = net::pipe();
    /// left.shutdown(Shutdown::Write)?;
    /// assert_eq!(right.read(&mut [0; 16])?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "CloseWrite")]
    #[doc(alias = "CloseRead")]
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        let shut = |side: &mut Side| {
            if *side == Side::Open {
                *side = Side::Shut;
            }
        };
        if how != Shutdown::Write {
            self.end.input.change(|state| shut(&mut state.reader));
        }
        if how != Shutdown::Read {
            self.end.output.change(|state| shut(&mut state.writer));
        }
        Ok(())
    }

    /// Closes this end, for all clones: who waits is woken with
    /// [`Closed`](crate::io::Closed), and so do later operations fail. Does not wait.
    #[doc(alias = "Close")]
    pub fn close(&self) {
        self.end.input.change(|state| state.reader = Side::Closed);
        self.end.output.change(|state| state.writer = Side::Closed);
    }

    /// Makes reads fail with `TimedOut` from this moment on, also one that waits already.
    /// `None` takes the deadline away. Does not wait.
    ///
    /// # Errors
    ///
    /// None now.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net;
    /// use std::io::{ErrorKind, Read};
    /// use std::time::{Duration, Instant};
    ///
    /// let (mut left, _right) = net::pipe();
    /// left.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// assert_eq!(left.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        let deadline = Deadline(Time::of(deadline));
        self.end
            .input
            .change(|state| state.read_deadline = deadline);
        Ok(())
    }

    /// Makes writes fail with `TimedOut` from this moment on; see
    /// [`set_read_deadline`](Self::set_read_deadline).
    ///
    /// # Errors
    ///
    /// None now.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        let deadline = Deadline(Time::of(deadline));
        self.end
            .output
            .change(|state| state.write_deadline = deadline);
        Ok(())
    }

    /// Sets both deadlines.
    ///
    /// # Errors
    ///
    /// None now.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        self.set_read_deadline(deadline)?;
        self.set_write_deadline(deadline)
    }
}

impl Read for &MemoryStream {
    /// Reads what is offered; waits if nothing is. Zero is the end, or an empty buffer.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.end.input.read(buffer)
    }
}

impl Write for &MemoryStream {
    /// Writes, and waits until the other end has read it. Nothing is nothing: it does not
    /// wait.
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.end.output.write(buffer)
    }

    /// Does nothing: what was written was read.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Read for MemoryStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for MemoryStream {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        (&*self).write(buffer)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Duplex for MemoryStream {
    fn shutdown(&self, how: Shutdown) -> Result<()> {
        // The inherent one.
        MemoryStream::shutdown(self, how)
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream").finish_non_exhaustive()
    }
}
