//! Looking for a cause behind what was put around it, and telling more than one of it.

use std::error::Error;
use std::io;

use super::{Cancelled, Closed};

/// Whether an error, or one that it stems from, has a cause of this type.
pub(crate) fn is_caused_by<T: Error + 'static>(error: &io::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = error.get_ref().map(|cause| cause as _);
    while let Some(cause) = next {
        if cause.is::<T>() {
            return true;
        }
        // The source of an `io::Error` is that of what is inside of it.
        next = match cause.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|cause| cause as _),
            None => cause.source(),
        };
    }
    false
}

/// An error that is reported more than once.
pub(crate) fn again(error: &io::Error) -> io::Error {
    if Closed::is_cause_of(error) {
        return Closed::error();
    }
    if Cancelled::is_cause_of(error) {
        return Cancelled::error();
    }
    match error.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
