//! `File`.

use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::SystemTime;

use super::open_file::{Cached, OpenFile, Turn};
use super::{OpenOptions, off_worker};
use crate::task;

/// An open file, in the shape of [`std::fs::File`].
///
/// Opening, reading, writing and asking park the task, or block the thread; no
/// deadline bounds them. See the [module](super) for what that costs, and for what
/// need not wait.
///
/// A file is closed when its handle is dropped, and errors are ignored there: who wants
/// to know calls [`sync_all`](Self::sync_all) first.
///
/// It may be used from several tasks at once, by reference. Those that use the position
/// of a regular file (which clones share) then take turns; those that say where, by
/// [`FileExt`], do not.
///
/// # Examples
///
/// ```
/// use netpoll::fs::File;
/// use std::io::{Read, Seek, Write};
///
/// # let path = std::env::temp_dir().join(format!("netpoll-file-{}", std::process::id()));
/// let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
/// file.write_all(b"hello, world")?;
/// file.seek(std::io::SeekFrom::Start(7))?;
/// let mut text = String::new();
/// file.read_to_string(&mut text)?;
/// assert_eq!(text, "world");
/// # netpoll::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct File {
    file: std::fs::File,
    open_file: Arc<OpenFile>,
}

impl File {
    pub(super) fn open_with(options: &std::fs::OpenOptions, path: &Path) -> io::Result<Self> {
        off_worker(|| {
            let file = Self::from(options.open(path)?);
            file.open_file.look(&file.file);
            Ok(file)
        })
    }

    /// Opens a file to read it.
    ///
    /// Parks the task, or blocks the thread; for a FIFO, until somebody writes to it.
    ///
    /// # Errors
    ///
    /// As in std: `NotFound`, `PermissionDenied`, and those of
    /// [`OpenOptions::open`]. A directory can be opened; reading it fails with
    /// `IsADirectory`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::File;
    /// use std::io::ErrorKind;
    ///
    /// assert!(File::open("/proc/self/stat").is_ok());
    /// assert_eq!(File::open("/no/such/file").unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    pub fn open<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file to write it: one that is not there is made, one that is there is
    /// emptied.
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// As in std: `NotFound` if its directory is not there, `PermissionDenied`,
    /// `IsADirectory`, and those of [`OpenOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::{self, File};
    /// use std::io::Write;
    ///
    /// # let path = std::env::temp_dir().join(format!("netpoll-create-{}", std::process::id()));
    /// File::create(&path)?.write_all(b"new")?;
    /// assert_eq!(fs::read(&path)?, b"new");
    /// # fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn create<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
    }

    /// Makes a file, to read and write it, that must not be there yet: of several who
    /// try at once, one succeeds.
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; otherwise as for [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::File;
    ///
    /// let error = File::create_new("/proc/self/stat").unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    /// ```
    pub fn create_new<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
    }

    /// How else a file can be opened: a new [`OpenOptions`].
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::File;
    ///
    /// let null = File::options().read(true).write(true).open("/dev/null")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Waits until what was written, and what is known about the file, is on the disk
    /// (`fsync`).
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// What writing back fails with, once: `StorageFull`, an error of the disk;
    /// `InvalidInput` for what cannot be synced, such as a FIFO.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::File;
    /// use std::io::Write;
    ///
    /// # let path = std::env::temp_dir().join(format!("netpoll-sync-{}", std::process::id()));
    /// let mut journal = File::create(&path)?;
    /// journal.write_all(b"committed")?;
    /// journal.sync_all()?;
    /// # netpoll::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "fsync")]
    pub fn sync_all(&self) -> io::Result<()> {
        off_worker(|| self.file.sync_all())
    }

    /// As [`sync_all`](Self::sync_all), without what is not needed to read the data
    /// again, such as times (`fdatasync`).
    ///
    /// # Errors
    ///
    /// As for [`sync_all`](Self::sync_all).
    #[doc(alias = "fdatasync")]
    pub fn sync_data(&self) -> io::Result<()> {
        off_worker(|| self.file.sync_data())
    }

    /// Makes the file so many bytes long: cuts it off, or appends zeros, which take no
    /// room on most disks. The position stays where it is.
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it was not opened to write, or the length is more than 2⁶³ - 1;
    /// `FileTooLarge`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::File;
    ///
    /// # let path = std::env::temp_dir().join(format!("netpoll-len-{}", std::process::id()));
    /// let file = File::create(&path)?;
    /// file.set_len(1 << 30)?;
    /// assert_eq!(file.metadata()?.len(), 1 << 30);
    /// # netpoll::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "truncate")]
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        off_worker(|| self.file.set_len(size))
    }

    /// What the system knows about the file.
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// What `statx` fails with.
    #[doc(alias = "Stat")]
    pub fn metadata(&self) -> io::Result<Metadata> {
        off_worker(|| self.file.metadata())
    }

    /// Another handle to the same open file, which shares its position.
    ///
    /// Does not wait.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor to spare.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::File;
    /// use std::io::{Seek, SeekFrom};
    ///
    /// let mut file = File::open("/etc/passwd")?;
    /// let mut clone = file.try_clone()?;
    /// file.seek(SeekFrom::Start(5))?;
    /// assert_eq!(clone.stream_position()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            file: self.file.try_clone()?,
            open_file: Arc::clone(&self.open_file),
        })
    }

    /// Changes who may do what with the file.
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` to who does not own it; `ReadOnlyFilesystem`.
    #[doc(alias = "fchmod")]
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        off_worker(|| self.file.set_permissions(permissions))
    }

    /// Changes when the file was read and written last.
    ///
    /// Parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` to who does not own it; `ReadOnlyFilesystem`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::{File, FileTimes};
    /// use std::time::SystemTime;
    ///
    /// # let path = std::env::temp_dir().join(format!("netpoll-times-{}", std::process::id()));
    /// let file = File::create(&path)?;
    /// file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH))?;
    /// assert_eq!(file.metadata()?.modified()?, SystemTime::UNIX_EPOCH);
    /// # netpoll::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "futimens")]
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        off_worker(|| self.file.set_times(times))
    }

    /// Changes when the file was written last.
    ///
    /// # Errors
    ///
    /// As for [`set_times`](Self::set_times).
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }

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

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        Self {
            file,
            open_file: Arc::new(OpenFile::new()),
        }
    }
}

impl From<File> for std::fs::File {
    fn from(file: File) -> Self {
        file.file
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        std::fs::File::from(fd).into()
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> Self {
        file.file.into()
    }
}

impl From<File> for Stdio {
    /// What a child reads from, or writes to.
    fn from(file: File) -> Self {
        file.file.into()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        self.file.into_raw_fd()
    }
}
