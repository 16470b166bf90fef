//! What Unix adds to files, in the shape of [`std::os::unix::fs`].
//!
//! The traits are std's, and netpoll's types implement them. The functions park the
//! task, or block the thread, like all of [`fs`](super).
//!
//! # Examples
//!
//! ```
//! use netpoll::fs::File;
//! use netpoll::fs::unix::{FileExt, MetadataExt};
//!
//! let file = File::open("/etc/passwd")?;
//! let mut start = [0; 4];
//! file.read_exact_at(&mut start, 0)?;
//! assert_eq!(file.metadata()?.nlink(), 1);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::off_worker;

pub use std::os::unix::fs::{
    DirBuilderExt, DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt,
};

/// Makes a symbolic link to `original`, which need not be there.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `AlreadyExists`; `NotFound` if what the link would lie in is not there;
/// `PermissionDenied`; `StorageFull`.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let link = std::env::temp_dir().join(format!("netpoll-symlink-{}", std::process::id()));
/// fs::unix::symlink("/proc/self", &link)?;
/// assert_eq!(fs::read_link(&link)?.as_os_str(), "/proc/self");
/// # fs::remove_file(&link)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn symlink<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    let (original, link) = (original.as_ref(), link.as_ref());
    off_worker(|| std::os::unix::fs::symlink(original, link))
}

/// Changes the owner of a file, its group, or both; `None` leaves it as it is. Links
/// are followed.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `PermissionDenied` to nearly all but root; `NotFound`;
/// `ReadOnlyFilesystem`.
///
/// # Examples
///
/// ```
/// let error = netpoll::fs::unix::chown("/no/such/file", Some(0), None).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// ```
pub fn chown<P: AsRef<Path>>(path: P, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    let path = path.as_ref();
    off_worker(|| std::os::unix::fs::chown(path, uid, gid))
}

/// As [`chown`], for an open file.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As for [`chown`].
pub fn fchown<F: AsFd>(fd: F, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    let fd = fd.as_fd();
    off_worker(|| std::os::unix::fs::fchown(fd, uid, gid))
}

/// As [`chown`], but if the path ends in a symbolic link, for the link.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As for [`chown`].
pub fn lchown<P: AsRef<Path>>(path: P, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    let path = path.as_ref();
    off_worker(|| std::os::unix::fs::lchown(path, uid, gid))
}

/// Makes a directory the root of the whole process.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `PermissionDenied` to all but root; `NotFound`; `NotADirectory`.
///
/// # Examples
///
/// ```
/// assert!(netpoll::fs::unix::chroot("/no/such/directory").is_err());
/// ```
pub fn chroot<P: AsRef<Path>>(directory: P) -> io::Result<()> {
    let directory = directory.as_ref();
    off_worker(|| std::os::unix::fs::chroot(directory))
}
