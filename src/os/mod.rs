//! What is of the operating system, in the shape of [`std::os`]: the sockets of
//! Unix, and descriptors.
//!
//! The paths are std's, and each module here has all stable names that its namesake in
//! std has. Most of them *are* std's; those that would block are ours:
//!
//! | | |
//! |---|---|
//! | [`unix::net`] | sockets that park the task; addresses are std's |
//! | [`linux::net`] | [`TcpStreamExt`](linux::net::TcpStreamExt) for our `TcpStream`; names of addresses |
//! | [`unix::thread`] | std's; a task has no thread of its own, see there |
//! | [`mod@fd`], [`raw`], everything else | std's |
//!
//! # Examples
//!
//! ```
//! use netpoll::os::fd::{AsRawFd, OwnedFd};
//! use netpoll::os::unix::net::UnixStream;
//! use std::io::{Read, Write};
//!
//! let (mut left, mut right) = UnixStream::pair()?;
//! left.write_all(b"hello")?;
//! assert_eq!(right.read(&mut [0; 16])?, 5);
//!
//! let number = left.as_raw_fd();
//! assert_eq!(OwnedFd::from(left).as_raw_fd(), number);
//! # Ok::<(), std::io::Error>(())
//! ```

#![deny(unsafe_code)]

pub mod linux;
pub mod unix;

pub use std::os::{fd, raw};
