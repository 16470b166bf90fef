//! A file from the number of its descriptor.

#![expect(
    unsafe_code,
    reason = "the trait is unsafe: only the caller knows whose number it is"
)]

use std::os::fd::{FromRawFd, RawFd};

use super::File;

impl FromRawFd for File {
    unsafe fn from_raw_fd(number: RawFd) -> Self {
        // SAFETY: the caller promises that the number is open, and its own to give.
        unsafe { std::fs::File::from_raw_fd(number) }.into()
    }
}
