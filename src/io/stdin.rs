//! Standard input.

use std::convert::Infallible;
use std::fmt;
use std::io::{BufRead, IoSliceMut, IsTerminal, Lines, Read, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::BufReader;
use super::descriptor::Descriptor;
use crate::buf::Block;
use crate::fd::{Source, announce};
use crate::sys::file;
use crate::task::{Lock, Reason, Time};

/// Standard input, in the shape of [`std::io::stdin`].
///
/// A task that reads it is parked until there is something, and its worker runs other
/// tasks; on any other thread it blocks the thread.
///
/// All handles share one buffer, and so do not lose what another one has read ahead.
/// **std's own [`Stdin`](std::io::Stdin) has another buffer**: a program should read one of
/// the two.
///
/// # How it waits
///
/// A pipe, a terminal or a socket is watched by the worker's epoll. Standard input may be
/// shared with other processes, such as the shell, so its mode stays as it is: it is not
/// made non-blocking. (If another process reads it at the same moment, it can block the
/// worker until more comes.) What epoll refuses, a file on a disk or `/dev/null`, is
/// read on a thread of the pool of [`blocking`](crate::blocking).
///
/// At the first use, a duplicate of the descriptor 0 is made and kept: what is put in its
/// place later is not seen. If it is closed, every read finds the end, as in std.
///
/// # Examples
///
/// ```no_run
/// use netpoll::io;
/// use netpoll::thread;
///
/// thread::spawn(|| {
///     for line in io::stdin().lines() {
///         println!("{}", line?.to_uppercase());
///     }
///     io::Result::Ok(())
/// })
/// .join()
/// .unwrap()?;
/// # io::Result::Ok(())
/// ```
#[must_use]
pub fn stdin() -> Stdin {
    static INPUT: OnceLock<Input> = OnceLock::new();
    Stdin {
        input: INPUT.get_or_init(Input::new),
    }
}

/// A handle to standard input; see [`stdin`].
pub struct Stdin {
    input: &'static Input,
}

/// Standard input, for one task or thread alone: [`Stdin::lock`] returns it.
///
/// It may be held while the task waits. It is let go of when it is dropped.
pub struct StdinLock<'a> {
    input: &'a Input,
    /// There until this is dropped.
    reader: Option<BufReader<Raw>>,
}

/// Standard input, of which there is one.
struct Input {
    /// Held by the one `StdinLock` that there is.
    lock: Lock,
    /// There while nobody holds the lock. The mutex is held only to take it out and to
    /// put it back.
    reader: Mutex<Option<BufReader<Raw>>>,
}

/// What is under the buffer; nothing if standard input was closed.
struct Raw(Option<Arc<Descriptor>>);

impl Input {
    fn new() -> Self {
        let stdin = std::io::stdin();
        let descriptor = file::duplicate(stdin.as_fd()).ok();
        announce::<Raw>();
        let raw = Raw(descriptor.map(|fd| Arc::new(Descriptor::shared(fd))));
        Self {
            lock: Lock::new(),
            reader: Mutex::new(Some(BufReader::new(raw))),
        }
    }

    fn lock(&self) -> StdinLock<'_> {
        let mut locked = self.lock.try_lock();
        while !locked {
            // A wait for what another task does, and one that cannot fail: `lock` has no
            // way to say so.
            let Ok(outcome) = self
                .lock
                .wait::<Infallible>(Reason::Join, || Ok(Time::NEVER));
            locked = outcome.is_none();
        }
        let reader = self
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        StdinLock {
            input: self,
            reader,
        }
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match &self.0 {
            Some(descriptor) => descriptor.read(buffer),
            None => Ok(0),
        }
    }
}

impl Source for Raw {
    fn receive(&self, most: usize) -> Result<Block> {
        match &self.0 {
            Some(descriptor) => descriptor.receive(most),
            None => Ok(Block::with_room_for(0)),
        }
    }
}

impl Stdin {
    /// Standard input for the caller alone, until the lock is dropped. Parks the task, or
    /// blocks the thread, while another one has it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use netpoll::io::{self, BufRead};
    ///
    /// let mut input = io::stdin().lock();
    /// let mut name = String::new();
    /// let mut colour = String::new();
    /// input.read_line(&mut name)?;
    /// input.read_line(&mut colour)?;
    /// # io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn lock(&self) -> StdinLock<'static> {
        self.input.lock()
    }

    /// Reads a line, with its end, behind what is in `line`; returns its length. Zero is
    /// the end of the input.
    ///
    /// # Errors
    ///
    /// `InvalidData` for what is not UTF-8; what reading fails with.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use netpoll::io;
    ///
    /// let mut line = String::new();
    /// io::stdin().read_line(&mut line)?;
    /// println!("{} bytes", line.len());
    /// # io::Result::Ok(())
    /// ```
    pub fn read_line(&self, line: &mut String) -> Result<usize> {
        self.lock().read_line(line)
    }

    /// The lines of standard input, without their ends. Holds the lock meanwhile.
    #[must_use]
    pub fn lines(self) -> Lines<StdinLock<'static>> {
        self.lock().lines()
    }

    /// Whether it is a terminal; as [`IsTerminal::is_terminal`], which cannot be
    /// implemented outside of std.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        std::io::stdin().is_terminal()
    }
}

impl StdinLock<'_> {
    /// Whether it is a terminal; see [`Stdin::is_terminal`].
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        std::io::stdin().is_terminal()
    }

    fn reader(&mut self) -> &mut BufReader<Raw> {
        self.reader.as_mut().expect("the lock has the reader")
    }
}

impl Drop for StdinLock<'_> {
    fn drop(&mut self) {
        *self
            .input
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = self.reader.take();
        self.input.lock.unlock();
    }
}

impl Read for StdinLock<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.reader().read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.reader().read_vectored(buffers)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> Result<usize> {
        self.reader().read_to_end(buffer)
    }

    fn read_to_string(&mut self, buffer: &mut String) -> Result<usize> {
        self.reader().read_to_string(buffer)
    }
}

impl BufRead for StdinLock<'_> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        self.reader().fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader().consume(amount);
    }
}

/// Locks it for each call.
impl Read for &Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.lock().read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.lock().read_vectored(buffers)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> Result<usize> {
        self.lock().read_to_end(buffer)
    }

    fn read_to_string(&mut self, buffer: &mut String) -> Result<usize> {
        self.lock().read_to_string(buffer)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.lock().read_exact(buffer)
    }
}

/// Locks it for each call.
impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        (&*self).read_vectored(buffers)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> Result<usize> {
        (&*self).read_to_end(buffer)
    }

    fn read_to_string(&mut self, buffer: &mut String) -> Result<usize> {
        (&*self).read_to_string(buffer)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        (&*self).read_exact(buffer)
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        standard_input()
    }
}

impl AsFd for StdinLock<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        standard_input()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AsRawFd for StdinLock<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The descriptor 0.
fn standard_input() -> BorrowedFd<'static> {
    // Only std may say that it is open for as long as the process.
    static STDIN: OnceLock<std::io::Stdin> = OnceLock::new();
    STDIN.get_or_init(std::io::stdin).as_fd()
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

impl fmt::Debug for StdinLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdinLock").finish_non_exhaustive()
    }
}
