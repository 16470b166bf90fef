//! What a path leads to.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use super::off_worker;

/// What the system knows about what a path leads to; links are followed.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `NotFound`; `PermissionDenied` if a directory on the way may not be
/// searched; `NotADirectory`.
///
/// # Examples
///
/// ```
/// assert!(netpoll::fs::metadata("/proc")?.is_dir());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    let path = path.as_ref();
    off_worker(|| std::fs::metadata(path))
}

/// As [`metadata`], but if the path ends in a symbolic link, about the link.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As for [`metadata`].
///
/// # Examples
///
/// ```
/// assert!(netpoll::fs::symlink_metadata("/proc/self")?.is_symlink());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    let path = path.as_ref();
    off_worker(|| std::fs::symlink_metadata(path))
}

/// Whether a path leads to anything; links are followed.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// If it cannot be told: `PermissionDenied`, above all. That nothing is there is not an
/// error.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// assert!(fs::exists("/proc")?);
/// assert!(!fs::exists("/no/such/file")?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn exists<P: AsRef<Path>>(path: P) -> io::Result<bool> {
    let path = path.as_ref();
    off_worker(|| std::fs::exists(path))
}

/// Changes who may do what with a file or directory; links are followed.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `NotFound`; `PermissionDenied` to who does not own it;
/// `ReadOnlyFilesystem`.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-chmod-{}", std::process::id()));
/// fs::write(&path, "precious")?;
/// let mut permissions = fs::metadata(&path)?.permissions();
/// permissions.set_readonly(true);
/// fs::set_permissions(&path, permissions)?;
/// assert!(fs::metadata(&path)?.permissions().readonly());
/// # fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn set_permissions<P: AsRef<Path>>(path: P, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref();
    off_worker(|| std::fs::set_permissions(path, permissions))
}

/// The absolute path to the same place, without links, `.` and `..`.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `NotFound` if nothing is there; `NotADirectory`; `FilesystemLoop`.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// assert_eq!(netpoll::fs::canonicalize("/proc/../proc/.")?, Path::new("/proc"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn canonicalize<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    let path = path.as_ref();
    off_worker(|| std::fs::canonicalize(path))
}

/// Where a symbolic link leads.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `InvalidInput` if it is no link; `NotFound`; `PermissionDenied`.
///
/// # Examples
///
/// ```
/// let id = std::process::id().to_string();
/// assert_eq!(netpoll::fs::read_link("/proc/self")?.as_os_str(), &*id);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_link<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    let path = path.as_ref();
    off_worker(|| std::fs::read_link(path))
}
