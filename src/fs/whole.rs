//! Whole files, in one call each.

use std::io;
use std::path::Path;

use super::off_worker;

/// Reads a whole file.
///
/// Parks the task, or blocks the thread; one hand-over. No deadline bounds it.
///
/// # Errors
///
/// As in std: those of [`File::open`](super::File::open), and `IsADirectory`.
///
/// # Examples
///
/// ```
/// let name = netpoll::fs::read("/proc/self/comm")?;
/// assert!(name.ends_with(b"\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read<P: AsRef<Path>>(path: P) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    off_worker(|| std::fs::read(path))
}

/// Reads a whole file of text.
///
/// Parks the task, or blocks the thread; one hand-over. No deadline bounds it.
///
/// # Errors
///
/// As for [`read`]; `InvalidData` if it is not UTF-8.
///
/// # Examples
///
/// ```
/// let name = netpoll::fs::read_to_string("/proc/self/comm")?;
/// assert!(!name.trim().is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_to_string<P: AsRef<Path>>(path: P) -> io::Result<String> {
    let path = path.as_ref();
    off_worker(|| std::fs::read_to_string(path))
}

/// Makes these bytes the contents of a file, which is made if it is not there.
///
/// Parks the task, or blocks the thread; one hand-over. No deadline bounds it. A
/// failure on the way leaves a part, and others may see one meanwhile: who needs all or
/// nothing writes another file and [renames](super::rename) it.
///
/// # Errors
///
/// As in std: those of [`File::create`](super::File::create), and `StorageFull`.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-write-{}", std::process::id()));
/// # let next = path.with_extension("next");
/// fs::write(&next, "all of it")?;
/// fs::rename(&next, &path)?;
/// assert_eq!(fs::read(&path)?, b"all of it");
/// # fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> io::Result<()> {
    let (path, contents) = (path.as_ref(), contents.as_ref());
    off_worker(|| std::fs::write(path, contents))
}

/// Makes one file a copy of another, permissions included, and returns how many bytes
/// that are.
///
/// Parks the task, or blocks the thread; one hand-over, for as long as the copy takes.
/// No deadline bounds it.
///
/// # Errors
///
/// As in std: `NotFound`, `PermissionDenied`, `InvalidInput` if `from` is no regular
/// file, `StorageFull`.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-copy-{}", std::process::id()));
/// # let (from, to) = (path.with_extension("from"), path.with_extension("to"));
/// fs::write(&from, "twelve bytes")?;
/// assert_eq!(fs::copy(&from, &to)?, 12);
/// assert_eq!(fs::read(&to)?, b"twelve bytes");
/// # fs::remove_file(&from)?;
/// # fs::remove_file(&to)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<u64> {
    let (from, to) = (from.as_ref(), to.as_ref());
    off_worker(|| std::fs::copy(from, to))
}
