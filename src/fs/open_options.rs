//! `OpenOptions`.

use std::fmt;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::File;

/// How a file is opened, in the shape of [`std::fs::OpenOptions`].
///
/// `mode` and `custom_flags` are those of std's [`OpenOptionsExt`]. Only
/// [`open`](Self::open) waits.
///
/// # Examples
///
/// ```
/// use netpoll::fs::{self, OpenOptions};
/// use std::io::Write;
/// use std::os::unix::fs::OpenOptionsExt;
///
/// # let path = std::env::temp_dir().join(format!("netpoll-options-{}", std::process::id()));
/// let mut options = OpenOptions::new();
/// options.append(true).create(true).mode(0o600);
/// options.open(&path)?.write_all(b"one ")?;
/// options.open(&path)?.write_all(b"two")?;
/// assert_eq!(fs::read_to_string(&path)?, "one two");
/// # fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct OpenOptions(std::fs::OpenOptions);

impl OpenOptions {
    /// Options that are all off. Nothing can be opened so: at least one of
    /// [`read`](Self::read), [`write`](Self::write) and [`append`](Self::append) must
    /// be on.
    #[expect(clippy::new_without_default, reason = "std has no default either")]
    #[must_use]
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    /// Whether the file can be read.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.0.read(read);
        self
    }

    /// Whether the file can be written, from its start, over what is there.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.0.write(write);
        self
    }

    /// Whether all that is written goes to the end of the file, wherever that is then.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.0.append(append);
        self
    }

    /// Whether the file is emptied; needs [`write`](Self::write).
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.0.truncate(truncate);
        self
    }

    /// Whether the file is made if it is not there; needs [`write`](Self::write) or
    /// [`append`](Self::append).
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.0.create(create);
        self
    }

    /// Whether the file must not be there yet, and is made. [`create`](Self::create)
    /// and [`truncate`](Self::truncate) do not matter then.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.0.create_new(create_new);
        self
    }

    /// Opens a file so.
    ///
    /// Parks the task, or blocks the thread; for a FIFO, until its other end is opened.
    /// No deadline bounds it.
    ///
    /// # Errors
    ///
    /// As in std: `NotFound`, `PermissionDenied`, `AlreadyExists`, `IsADirectory`,
    /// `NotADirectory`, `ReadOnlyFilesystem`, `StorageFull`; `InvalidInput` if the
    /// options make no sense together, or the path has a NUL byte; the system's, if
    /// there is no descriptor to spare.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::fs::OpenOptions;
    /// use std::io::ErrorKind;
    ///
    /// let error = OpenOptions::new().open("/dev/null").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// ```
    pub fn open<P: AsRef<Path>>(&self, path: P) -> io::Result<File> {
        File::open_with(&self.0, path.as_ref())
    }
}

impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }

    fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.0.custom_flags(flags);
        self
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
