//! Whether io_uring is there: many systems forbid it.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Room for `struct io_uring_params`, which has 120 bytes.
#[repr(C, align(8))]
struct Parameters([u8; 256]);

/// Sets up a ring, and lets it go.
pub(super) fn probe() -> Result<(), String> {
    let mut parameters = Parameters([0; 256]);
    let entries: libc::c_uint = 1;
    // SAFETY: the kernel reads and writes the parameters, which live through the call
    // and are longer than it knows them; all zeros ask for nothing special.
    let result = unsafe { libc::syscall(libc::SYS_io_uring_setup, entries, &raw mut parameters) };
    if result < 0 {
        let error = io::Error::last_os_error();
        return Err(format!("io_uring is not to be had here ({error})"));
    }
    // SAFETY: the call has just made this descriptor, for us alone.
    drop(unsafe { OwnedFd::from_raw_fd(result as libc::c_int) });
    let Parameters(_) = parameters;
    Ok(())
}
