//! Giving a descriptor away.

use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr;

use super::Fd;

impl Fd {
    /// The descriptor alone, which nobody watches any more.
    pub(crate) fn into_owned(self) -> OwnedFd {
        self.registration.deregister(self.fd.as_fd());
        // All fields, so that a new one is not forgotten.
        let Self {
            fd,
            registration,
            read_lock,
            write_lock,
            read_timeout: _,
            write_timeout: _,
            deferred: _,
            nonblocking: _,
        } = &*ManuallyDrop::new(self);
        // SAFETY: each of these is read once, and nobody uses what it was read from
        // again: nobody else has the `Fd`, and its destructor does not run.
        unsafe {
            drop(ptr::read(registration));
            drop(ptr::read(read_lock));
            drop(ptr::read(write_lock));
            ptr::read(fd)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fd;
    use std::io::{Read, Write};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_descriptor_stays_open_and_is_closed_once() {
        let (mut one, other) = UnixStream::pair().unwrap();
        let fd = Fd::new(other.into());
        let number = fd.as_fd().as_raw_fd();
        let mut other = UnixStream::from(fd.into_owned());
        assert_eq!(other.as_raw_fd(), number);
        one.write_all(b"x").unwrap();
        other.read_exact(&mut [0]).unwrap();
        drop(other);
        assert_eq!(one.read(&mut [0]).unwrap(), 0);
    }
}
