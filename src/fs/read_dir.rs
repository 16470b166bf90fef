//! What is in a directory.
//!
//! Entries are fetched many at a time, since each hand-over to the pool costs more than
//! the entry. What type each is comes along, which costs nothing where the file system
//! keeps types in its directories, as most do.

use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::vec;

use super::off_worker;

/// As many entries as are fetched at a time.
const BATCH: usize = 256;

/// The entries of a directory, in the order that the system has them, without `.` and
/// `..`.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `NotFound`, `NotADirectory`, `PermissionDenied`; the system's, if there is
/// no descriptor to spare.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// for entry in fs::read_dir("/proc/self/task")? {
///     let entry = entry?;
///     assert!(entry.file_type()?.is_dir());
///     assert!(entry.file_name().to_str().unwrap().parse::<u32>().is_ok());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_dir<P: AsRef<Path>>(path: P) -> io::Result<ReadDir> {
    let path = path.as_ref();
    off_worker(|| {
        let mut directory = ReadDir {
            directory: std::fs::read_dir(path)?,
            batch: Vec::new().into_iter(),
            ended: false,
        };
        directory.fetch();
        Ok(directory)
    })
}

/// The entries of a directory, in the shape of [`std::fs::ReadDir`].
///
/// A step parks the task, or blocks the thread, once for 256 entries. What is made or
/// removed meanwhile may or may not be seen.
///
/// # Errors
///
/// Each entry is a result, as in std: reading on may fail.
pub struct ReadDir {
    directory: std::fs::ReadDir,
    batch: vec::IntoIter<io::Result<DirEntry>>,
    /// Nothing comes after the batch.
    ended: bool,
}

impl ReadDir {
    /// Fetches the next entries. May wait for a disk.
    fn fetch(&mut self) {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(entry) = self.directory.next() else {
                self.ended = true;
                break;
            };
            let failed = entry.is_err();
            batch.push(entry.map(DirEntry::new));
            if failed {
                break;
            }
        }
        self.batch = batch.into_iter();
    }
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0 && !self.ended {
            let fetched = off_worker(|| {
                self.fetch();
                Ok(())
            });
            if let Err(error) = fetched {
                self.ended = true;
                return Some(Err(error));
            }
        }
        self.batch.next()
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.directory.fmt(f)
    }
}

/// An entry of a directory, in the shape of [`std::fs::DirEntry`].
///
/// `ino` is that of std's [`DirEntryExt`].
pub struct DirEntry {
    entry: std::fs::DirEntry,
    file_type: Option<FileType>,
}

impl DirEntry {
    fn new(entry: std::fs::DirEntry) -> Self {
        let file_type = entry.file_type().ok();
        Self { entry, file_type }
    }

    /// The path that was given to [`read_dir`], with the entry's name after it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name of the entry.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// What the system knows about the entry; about a link, if it is one.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds it.
    ///
    /// # Errors
    ///
    /// As in std: `NotFound` if it has been removed.
    pub fn metadata(&self) -> io::Result<Metadata> {
        off_worker(|| self.entry.metadata())
    }

    /// What type the entry is of; a link is a link.
    ///
    /// Known already, nearly always. Otherwise it parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// As for [`metadata`](Self::metadata).
    pub fn file_type(&self) -> io::Result<FileType> {
        match self.file_type {
            Some(file_type) => Ok(file_type),
            None => off_worker(|| self.entry.file_type()),
        }
    }
}

impl DirEntryExt for DirEntry {
    fn ino(&self) -> u64 {
        self.entry.ino()
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}
