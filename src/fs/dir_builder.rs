//! `DirBuilder`.

use std::fmt;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::off_worker;

/// How a directory is made, in the shape of [`std::fs::DirBuilder`].
///
/// `mode` is that of std's [`DirBuilderExt`]. Only [`create`](Self::create) waits.
///
/// # Examples
///
/// ```
/// use netpoll::fs::{self, DirBuilder};
/// use std::os::unix::fs::DirBuilderExt;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-builder-{}", std::process::id()));
/// DirBuilder::new().recursive(true).mode(0o700).create(path.join("a/b"))?;
/// assert!(fs::metadata(path.join("a"))?.is_dir());
/// # fs::remove_dir_all(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct DirBuilder(std::fs::DirBuilder);

impl DirBuilder {
    /// Makes one directory, for everybody that the process's mask allows.
    #[expect(clippy::new_without_default, reason = "std has no default either")]
    #[must_use]
    pub fn new() -> Self {
        Self(std::fs::DirBuilder::new())
    }

    /// Whether those that it lies in are made too, and one that is there is no error.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.0.recursive(recursive);
        self
    }

    /// Makes the directory.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds it.
    ///
    /// # Errors
    ///
    /// As in std: `AlreadyExists`, `NotFound`, `PermissionDenied`, `NotADirectory`,
    /// `StorageFull`.
    pub fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let path = path.as_ref();
        off_worker(|| self.0.create(path))
    }
}

impl DirBuilderExt for DirBuilder {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }
}

impl fmt::Debug for DirBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
