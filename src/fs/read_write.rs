//! Reading, writing and seeking.
//!
//! A read looks at what the kernel has in memory, and hands over what it has not; a
//! write is handed over, since it may wait for room.

use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use super::open_file::{Cached, Turn};
use super::{File, off_worker};
use crate::task;

impl File {
    pub(super) fn turn(&self) -> io::Result<Option<Turn<'_>>> {
        self.open_file.turn(&self.file)
    }

    /// Reads at the position.
    fn read_here(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let turn = self.turn()?;
        let cached = match &turn {
            Some(_) => self.open_file.read_cached(&self.file, buffers, None),
            None => Cached::First(0),
        };
        self.read_rest(cached, buffers, |rest| (&self.file).read_vectored(rest))
    }

    /// Reads what was not in memory. It would be no error to return what was; but
    /// files fill the buffers of their readers, and many rely on it.
    fn read_rest(
        &self,
        cached: Cached,
        mut buffers: &mut [IoSliceMut<'_>],
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> io::Result<usize> + Send,
    ) -> io::Result<usize> {
        match cached {
            Cached::All(n) => Ok(n),
            Cached::First(0) => off_worker(|| read(buffers)),
            Cached::First(n) => {
                IoSliceMut::advance_slices(&mut buffers, n);
                // The error comes again with the next read.
                Ok(n + off_worker(|| read(buffers)).unwrap_or(0))
            }
        }
    }
}

impl Read for &File {
    /// Reads at the position, and moves it; zero is the end, or an empty buffer. A
    /// regular file fills the buffer unless it ends before.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buffer)])
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let result = self.read_here(buffers);
        task::spend();
        result
    }

    /// Reads to the end, in one hand-over.
    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let _turn = self.turn()?;
        off_worker(|| (&self.file).read_to_end(buffer))
    }

    /// Reads to the end, in one hand-over.
    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        let _turn = self.turn()?;
        off_worker(|| (&self.file).read_to_string(buffer))
    }
}

impl Write for &File {
    /// Writes at the position, or at the end if the file was opened to append.
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let _turn = self.turn()?;
        off_worker(|| (&self.file).write(buffer))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let _turn = self.turn()?;
        off_worker(|| (&self.file).write_vectored(buffers))
    }

    /// Does nothing, as in std: nothing is kept back. See [`File::sync_all`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    /// Moves the position. In place, but for [`SeekFrom::End`], which asks for the
    /// length.
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let turn = self.turn()?;
        match (turn, position) {
            (Some(_turn), SeekFrom::Start(_) | SeekFrom::Current(_)) => (&self.file).seek(position),
            (_turn, _) => off_worker(|| (&self.file).seek(position)),
        }
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buffer)
    }

    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buffer)
    }
}

impl Write for File {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self).write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        (&*self).seek(position)
    }
}

impl FileExt for File {
    /// Reads at an offset; the position stays where it is.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let buffers = &mut [IoSliceMut::new(buffer)];
        // What the kernel would not take for an offset is left to the call below.
        let cached = match self.open_file.is_regular(&self.file)? {
            true if i64::try_from(offset).is_ok() => {
                self.open_file
                    .read_cached(&self.file, buffers, Some(offset))
            }
            _ => Cached::First(0),
        };
        let done = match cached {
            Cached::All(n) | Cached::First(n) => n as u64,
        };
        let result = self.read_rest(cached, buffers, |rest| {
            self.file.read_at(&mut rest[0], offset + done)
        });
        task::spend();
        result
    }

    /// Writes at an offset, or at the end if the file was opened to append; the
    /// position stays where it is.
    fn write_at(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
        off_worker(|| self.file.write_at(buffer, offset))
    }
}
