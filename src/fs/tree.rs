//! Making, moving and removing.

use std::io;
use std::path::Path;

use super::off_worker;

/// Makes a directory.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `AlreadyExists`; `NotFound` if what it would lie in is not there;
/// `PermissionDenied`; `StorageFull`.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-mkdir-{}", std::process::id()));
/// fs::create_dir(&path)?;
/// assert_eq!(fs::create_dir(&path).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
/// # fs::remove_dir(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn create_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    off_worker(|| std::fs::create_dir(path))
}

/// Makes a directory, and those that it lies in, as far as they are not there. Several
/// may do so at once.
///
/// Parks the task, or blocks the thread; one hand-over. No deadline bounds it.
///
/// # Errors
///
/// As for [`create_dir`], but that a directory is there already is not an error. What
/// was made before a failure stays.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-mkdir-all-{}", std::process::id()));
/// fs::create_dir_all(path.join("a/b/c"))?;
/// fs::create_dir_all(path.join("a/b"))?;
/// # fs::remove_dir_all(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    off_worker(|| std::fs::create_dir_all(path))
}

/// Removes a directory that is empty.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `DirectoryNotEmpty`, `NotFound`, `NotADirectory`, `PermissionDenied`.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-rmdir-{}", std::process::id()));
/// fs::create_dir(&path)?;
/// fs::remove_dir(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn remove_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    off_worker(|| std::fs::remove_dir(path))
}

/// Removes a directory with all that is in it. Links are removed, and not followed.
///
/// Parks the task, or blocks the thread; one hand-over, for as long as it takes. No
/// deadline bounds it.
///
/// # Errors
///
/// As for [`remove_dir`] and [`remove_file`], for the first that cannot be removed. What
/// was removed before is gone.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-rm-r-{}", std::process::id()));
/// fs::create_dir_all(path.join("a/b"))?;
/// fs::remove_dir_all(&path)?;
/// assert!(!fs::exists(&path)?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    off_worker(|| std::fs::remove_dir_all(path))
}

/// Removes a file, or a link. Who has the file open goes on using it.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `NotFound`, `IsADirectory`, `PermissionDenied` by the directory.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-rm-{}", std::process::id()));
/// fs::write(&path, "")?;
/// fs::remove_file(&path)?;
/// assert!(!fs::exists(&path)?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn remove_file<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    off_worker(|| std::fs::remove_file(path))
}

/// Gives a file or a directory another name, in the place of what has it: others see
/// either the one or the other there.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `NotFound`; `CrossesDevices` between file systems; `IsADirectory`,
/// `NotADirectory`, `DirectoryNotEmpty` where the one cannot replace the other;
/// `PermissionDenied`.
///
/// # Examples
///
/// See [`write`](super::write).
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    off_worker(|| std::fs::rename(from, to))
}

/// Gives a file a further name.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As in std: `NotFound`, `AlreadyExists`, `CrossesDevices`, `TooManyLinks`;
/// `PermissionDenied`, also for a directory.
///
/// # Examples
///
/// ```
/// use netpoll::fs;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-link-{}", std::process::id()));
/// # let (first, second) = (path.with_extension("first"), path.with_extension("second"));
/// fs::write(&first, "shared")?;
/// fs::hard_link(&first, &second)?;
/// fs::remove_file(&first)?;
/// assert_eq!(fs::read(&second)?, b"shared");
/// # fs::remove_file(&second)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn hard_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    let (original, link) = (original.as_ref(), link.as_ref());
    off_worker(|| std::fs::hard_link(original, link))
}

/// Makes a symbolic link.
///
/// Parks the task, or blocks the thread. No deadline bounds it.
///
/// # Errors
///
/// As for [`unix::symlink`](super::unix::symlink).
#[deprecated(note = "as in std: use `netpoll::fs::unix::symlink`")]
pub fn soft_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    super::unix::symlink(original, link)
}
