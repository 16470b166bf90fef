//! `BufReader`.

use std::fmt;
use std::io::{BufRead, IoSliceMut, Read, Result, Seek, SeekFrom};

use super::CAPACITY;
use super::intake::Intake;
use crate::buf::Block;

/// As much as is read at once, in bytes, however large the buffer may be. A block for
/// more would have to be allocated each time.
const MOST: usize = 1 << 20;

/// Adds a buffer to a reader, in the shape of [`std::io::BufReader`]; the buffer is there
/// only while there are bytes in it.
///
/// Where a task waits for a line or a frame that has not begun yet, it holds no buffer:
/// ten thousand idle connections share a few. See [Buffers](crate::io#buffers) for where
/// they come from.
///
/// Everything that reads parks the task, or blocks the thread, as the reader inside
/// does, and is bounded by its timeouts and deadlines. A read that failed loses nothing:
/// what is in the buffer stays there.
///
/// # Different from std's
///
/// - A reader that netpoll does not know is offered 1 KiB at first, and not at once the
///   whole capacity.
/// - [`seek_relative`](Self::seek_relative) backwards finds nothing of a buffer that was
///   read to its end, and seeks instead. The result is the same.
///
/// # Examples
///
/// ```
/// use netpoll::io::{BufRead, BufReader, Write};
/// use netpoll::net::{TcpListener, TcpStream};
/// use netpoll::thread;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut client = TcpStream::connect(listener.local_addr()?)?;
/// let server = thread::spawn(move || {
///     let (stream, _) = listener.accept()?;
///     BufReader::new(stream).lines().collect::<std::io::Result<Vec<_>>>()
/// });
///
/// client.write_all(b"one\ntwo\n")?;
/// drop(client);
/// assert_eq!(server.join().unwrap()?, ["one", "two"]);
/// # std::io::Result::Ok(())
/// ```
pub struct BufReader<R: ?Sized> {
    /// There while there is something to consume.
    block: Option<Block>,
    /// How much of the block was consumed: less than there is.
    consumed: usize,
    capacity: usize,
    intake: Intake<R>,
}

impl<R: Read> BufReader<R> {
    /// A reader with a buffer of 8 KiB, which it does not have yet.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// A reader with a buffer of so many bytes, which it does not have yet.
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        Self {
            block: None,
            consumed: 0,
            capacity,
            intake: Intake::new(inner),
        }
    }
}

impl<R: ?Sized> BufReader<R> {
    /// The reader inside.
    pub fn get_ref(&self) -> &R {
        self.intake.reader()
    }

    /// The reader inside. What is read from it directly comes after what is in the buffer.
    pub fn get_mut(&mut self) -> &mut R {
        self.intake.reader_mut()
    }

    /// What is in the buffer. Reads nothing; [`fill_buf`](BufRead::fill_buf) does if it is
    /// empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::io::{BufRead, BufReader};
    ///
    /// let mut reader = BufReader::new(&b"abc"[..]);
    /// assert_eq!(reader.buffer(), b"");
    /// reader.fill_buf()?;
    /// assert_eq!(reader.buffer(), b"abc");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn buffer(&self) -> &[u8] {
        match &self.block {
            Some(block) => &block[self.consumed..],
            None => &[],
        }
    }

    /// How many bytes the buffer holds at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The reader inside, without what is in the buffer, which is lost.
    pub fn into_inner(self) -> R
    where
        R: Sized,
    {
        self.intake.into_reader()
    }

    fn discard(&mut self) {
        self.consumed = 0;
        if let Some(block) = self.block.take() {
            self.intake.done(block);
        }
    }
}

impl<R: ?Sized + Seek> BufReader<R> {
    /// Moves the position by so many bytes; within the buffer if it can, otherwise by
    /// seeking.
    ///
    /// # Errors
    ///
    /// Those of [`seek`](Seek::seek), if the target is not in the buffer.
    pub fn seek_relative(&mut self, offset: i64) -> Result<()> {
        let in_buffer = isize::try_from(offset)
            .ok()
            .and_then(|offset| self.consumed.checked_add_signed(offset));
        match (&self.block, in_buffer) {
            (_, Some(at)) if at == self.consumed => Ok(()),
            (Some(block), Some(at)) if at < block.len() => {
                self.consumed = at;
                Ok(())
            }
            (Some(block), Some(at)) if at == block.len() => {
                self.discard();
                Ok(())
            }
            _ => self.seek(SeekFrom::Current(offset)).map(drop),
        }
    }

    /// How far the reader inside is ahead.
    fn ahead(&self) -> i64 {
        self.buffer().len() as i64
    }
}

impl<R: ?Sized + Read> Read for BufReader<R> {
    /// Reads from the buffer, after filling it if it is empty. What asks for at least as
    /// much as the buffer holds goes past an empty buffer.
    fn read(&mut self, target: &mut [u8]) -> Result<usize> {
        if self.block.is_none() && target.len() >= self.capacity {
            return self.intake.bypass().read(target);
        }
        let n = self.fill_buf()?.read(target)?;
        self.consume(n);
        Ok(n)
    }

    fn read_vectored(&mut self, targets: &mut [IoSliceMut<'_>]) -> Result<usize> {
        let room: usize = targets.iter().map(|target| target.len()).sum();
        if self.block.is_none() && room >= self.capacity {
            return self.intake.bypass().read_vectored(targets);
        }
        let n = self.fill_buf()?.read_vectored(targets)?;
        self.consume(n);
        Ok(n)
    }

    fn read_to_end(&mut self, target: &mut Vec<u8>) -> Result<usize> {
        let buffered = self.buffer();
        let n = buffered.len();
        target.extend_from_slice(buffered);
        self.discard();
        Ok(n + self.intake.bypass().read_to_end(target)?)
    }

    fn read_to_string(&mut self, target: &mut String) -> Result<usize> {
        // Into the text itself if it is empty: a copy less.
        let mut bytes = if target.is_empty() {
            std::mem::take(target).into_bytes()
        } else {
            Vec::new()
        };
        let result = self.read_to_end(&mut bytes);
        if target.is_empty() {
            match String::from_utf8(bytes) {
                Ok(text) => *target = text,
                // std finds the words for it.
                Err(error) => {
                    result?;
                    return (&mut error.as_bytes()).read_to_string(target);
                }
            }
            return result;
        }
        result?;
        (&bytes[..]).read_to_string(target)
    }
}

impl<R: ?Sized + Read> BufRead for BufReader<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.block.is_none() {
            self.block = self.intake.next(self.capacity.min(MOST))?;
        }
        Ok(self.buffer())
    }

    fn consume(&mut self, amount: usize) {
        let left = self.buffer().len();
        if amount < left {
            self.consumed += amount;
        } else {
            self.discard();
        }
    }
}

impl<R: ?Sized + Seek> Seek for BufReader<R> {
    /// Seeks in the reader inside, and empties the buffer. `SeekFrom::Current` counts
    /// from what is read next here, not there.
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let ahead = self.ahead();
        let to = match to {
            SeekFrom::Current(offset) => match offset.checked_sub(ahead) {
                Some(offset) => SeekFrom::Current(offset),
                None => {
                    // Too far for one step.
                    self.get_mut().seek(SeekFrom::Current(-ahead))?;
                    self.discard();
                    to
                }
            },
            _ => to,
        };
        let position = self.get_mut().seek(to)?;
        self.discard();
        Ok(position)
    }

    /// The position of what is read next; the buffer stays.
    ///
    /// # Panics
    ///
    /// If the reader inside says that it is nearer to the start than what it has read.
    fn stream_position(&mut self) -> Result<u64> {
        let ahead = self.ahead();
        let position = self.get_mut().stream_position()?;
        Ok(position
            .checked_sub(ahead as u64)
            .expect("the reader is at least as far as what it has read"))
    }

    fn seek_relative(&mut self, offset: i64) -> Result<()> {
        self.seek_relative(offset)
    }
}

impl<R: ?Sized + fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.get_ref())
            .field(
                "buffer",
                &format_args!("{}/{}", self.buffer().len(), self.capacity),
            )
            .finish()
    }
}
