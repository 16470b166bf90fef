//! The path of a listener, removed when the listener is closed.
//!
//! It is removed before the socket is closed: whoever finds the path finds somebody
//! listening, and whoever binds to it anew cannot lose it to us. As it can be renamed, or
//! replaced, by anybody at any time, it is removed only if it is still the file that it
//! was when this was asked for.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct UnlinkOnClose(Mutex<Option<Bound>>);

#[derive(Debug)]
struct Bound {
    path: PathBuf,
    file: File,
    /// A child that was forked has the socket, and not the path.
    process: u32,
}

/// Device and inode.
type File = (u64, u64);

fn file_at(path: &Path) -> io::Result<File> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl UnlinkOnClose {
    fn bound(&self) -> MutexGuard<'_, Option<Bound>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what is to be removed.
    pub(super) fn set(&self, path: Option<&Path>) -> io::Result<()> {
        let bound = match path {
            None => None,
            Some(path) => Some(Bound {
                // The working directory may be another one by then.
                path: std::path::absolute(path)?,
                file: file_at(path)?,
                process: std::process::id(),
            }),
        };
        *self.bound() = bound;
        Ok(())
    }

    pub(super) fn is_set(&self) -> bool {
        self.bound().is_some()
    }

    /// Removes it, once.
    pub(super) fn unlink(&self) {
        let Some(bound) = self.bound().take() else {
            return;
        };
        let is_ours = bound.process == std::process::id();
        if is_ours && file_at(&bound.path).is_ok_and(|file| file == bound.file) {
            // There is nobody to tell that it could not be.
            let _ = fs::remove_file(&bound.path);
        }
    }
}
