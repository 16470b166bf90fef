//! `File`.

use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::SystemTime;

use super::open_file::OpenFile;
use super::{OpenOptions, off_worker};

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
/// [`FileExt`](std::os::unix::fs::FileExt), do not.
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
    pub(super) file: std::fs::File,
    pub(super) open_file: Arc<OpenFile>,
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
