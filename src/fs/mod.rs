//! Files and directories, in the shape of [`std::fs`].
//!
//! The kernel cannot say when a file on a disk is ready: epoll refuses such
//! descriptors, and a call blocks its thread until the disk, or a server far away, has
//! answered. So on a task everything here runs on a thread of the pool of
//! [`blocking`](crate::blocking) while the task is parked, and its worker runs others.
//! On any other thread it runs in place. Results, errors and defaults are std's: it is
//! std that does the work.
//!
//! # What it costs
//!
//! A hand-over to a thread of the pool and back: some tens of microseconds. So do much
//! in one call: [`read`], [`write()`], [`copy`], [`File::read_to_end`](std::io::Read) and
//! [`create_dir_all`] take one hand-over each, [`read_dir`] takes one for some hundred
//! entries, and a [`BufWriter`](std::io::BufWriter) makes one write of many.
//!
//! What need not wait does without: reading up to 256 KiB that the kernel has in its
//! cache (on ext4, xfs, btrfs), [`seek`](std::io::Seek) from the start or from the
//! position, [`try_clone`](File::try_clone), and dropping. (The drop closes in place.
//! That can take a moment for the last user of a file that was removed.)
//!
//! # What bounds a call
//!
//! Nothing: there are no deadlines here, and no call is cancelled when its runtime is
//! shut down, but one that waits until other users of the same open file are done with
//! its position. Opening a FIFO waits for its other end, and reading one, or a terminal,
//! waits for data. Each such call takes a thread of the pool, of which there are 512.
//!
//! # Errors
//!
//! Those of std, by kind: `NotFound`, `PermissionDenied`, `AlreadyExists`,
//! `IsADirectory`, `NotADirectory`, `DirectoryNotEmpty`, `StorageFull`,
//! `QuotaExceeded`, `ReadOnlyFilesystem`, `CrossesDevices`, `InvalidInput` (a path with
//! a NUL byte), and others that the system knows. Besides, on a task, `InvalidInput` if
//! `NETPOLL_BLOCKING_THREADS` makes no sense.
//!
//! # Panics
//!
//! On a task, inside of [`no_park`](crate::thread::no_park): everything that runs on
//! the pool, before it has begun.
//!
//! # Not here
//!
//! [`Path::exists`](std::path::Path::exists), [`Path::metadata`](std::path::Path::metadata)
//! and the like are methods of std's type: they block the worker. [`exists`] and
//! [`metadata`] park. File locks came to std after Rust 1.88, which is the oldest that
//! netpoll supports.
//!
//! # Examples
//!
//! ```
//! use netpoll::{fs, thread};
//!
//! # let path = std::env::temp_dir().join(format!("netpoll-fs-{}", std::process::id()));
//! let task = thread::spawn(move || {
//!     fs::write(&path, "kept")?;
//!     let text = fs::read_to_string(&path)?;
//!     fs::remove_file(&path)?;
//!     std::io::Result::Ok(text)
//! });
//! assert_eq!(task.join().unwrap()?, "kept");
//! # Ok::<(), std::io::Error>(())
//! ```

// Only `raw` is excepted.
#![deny(unsafe_code)]

mod dir_builder;
mod file;
mod look;
mod open_file;
mod open_options;
mod raw;
mod read_dir;
mod read_write;
mod send;
mod tree;
pub mod unix;
mod whole;

pub use dir_builder::DirBuilder;
pub use file::File;
#[doc(alias = "realpath")]
pub use look::canonicalize;
#[doc(alias = "Stat")]
pub use look::metadata;
#[doc(alias = "chmod")]
pub use look::set_permissions;
#[doc(alias = "Lstat")]
pub use look::symlink_metadata;
pub use look::{exists, read_link};
pub use open_options::OpenOptions;
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use std::fs::{FileTimes, FileType, Metadata, Permissions};
#[doc(alias = "mkdir")]
pub use tree::create_dir;
#[doc(alias = "MkdirAll")]
pub use tree::create_dir_all;
#[doc(alias = "rmdir")]
pub use tree::remove_dir;
#[doc(alias = "RemoveAll")]
pub use tree::remove_dir_all;
#[doc(alias = "unlink")]
pub use tree::remove_file;
#[expect(deprecated, reason = "std has it still")]
pub use tree::soft_link;
pub use tree::{hard_link, rename};
#[doc(alias = "ReadFile")]
pub use whole::read;
#[doc(alias = "WriteFile")]
pub use whole::write;
pub use whole::{copy, read_to_string};

use std::io;

use crate::sched::run_blocking;

/// Runs what may wait for a disk, on a task on another thread.
fn off_worker<T: Send>(f: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    run_blocking(f)?
}
