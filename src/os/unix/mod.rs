//! What is of Unix, in the shape of [`std::os::unix`].
//!
//! [`net`] has sockets that park the task; [`fs`] and [`process`] belong to the
//! [files](crate::fs) and [children](crate::process) of netpoll. The rest is std's.

pub mod net;
pub mod thread;

pub use crate::{fs::unix as fs, process::unix as process};
#[allow(
    deprecated,
    reason = "whether a name of std is deprecated is std's business"
)]
pub use std::os::unix::raw;
pub use std::os::unix::{ffi, io};

/// All traits of this module, in the shape of [`std::os::unix::prelude`].
///
/// ```
/// use netpoll::fs::File;
/// use netpoll::os::unix::prelude::*;
///
/// let file = File::open("/etc/passwd")?;
/// let mut start = [0; 1];
/// file.read_exact_at(&mut start, 0)?;
/// assert!(file.as_raw_fd() > 2);
/// # Ok::<(), std::io::Error>(())
/// ```
pub mod prelude {
    pub use super::ffi::{OsStrExt, OsStringExt};
    pub use super::fs::{
        DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt,
    };
    pub use super::io::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
    pub use super::process::{CommandExt, ExitStatusExt};
}
