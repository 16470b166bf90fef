//! Child processes, in the shape of [`std::process`].
//!
//! What waits parks the task, and its worker runs others; on a thread that runs no task
//! it blocks the thread:
//!
//! | | waits by |
//! |---|---|
//! | [`Command::spawn`] | a thread of the pool of [`blocking`](crate::blocking), which forks |
//! | [`Child::wait`], [`wait_timeout`](Child::wait_timeout) | readiness of a descriptor for the process (`pidfd_open`, Linux 5.3) |
//! | reading and writing [`ChildStdin`], [`ChildStdout`], [`ChildStderr`] | readiness of the pipe |
//! | [`Child::wait_with_output`], [`Command::output`], [`Command::status`] | all of these |
//!
//! A thousand children therefore take no thread while they run. Where the system refuses
//! the descriptor (by its age, a filter, or for want of one to spare), waiting takes a
//! thread of the pool for each child instead, and is not cancelled when its runtime is
//! shut down; [`wait_timeout`](Child::wait_timeout) then looks every 50 ms.
//!
//! Beside std's methods there are bounds: [`Child::wait_timeout`] and
//! [`Child::wait_deadline`], and Go's deadlines on the pipes.
//!
//! # Whose child it is
//!
//! std forks, so a child gets what its thread has: signal mask, priority, processors,
//! namespaces. Here that is a thread of the pool, which runs on the processors that the
//! main thread may use, also where workers are pinned. A thread that has started a child
//! stays until the process ends, since that is what `PR_SET_PDEATHSIG` looks at. Who
//! needs the child to come from the very thread that runs the task uses
//! [`std::process::Command`], which blocks the worker for a millisecond or so, and turns
//! the child into a [`Child`] with `From`.
//!
//! As in std, dropping a [`Child`] neither ends the process nor waits for it. One that
//! nobody waits for stays in the system's table as a zombie when it has ended.
//!
//! # Pipes
//!
//! The parent's ends of pipes are in non-blocking mode, which each duplicate of their
//! descriptors shares. Turning one into a [`Stdio`], an
//! [`OwnedFd`](std::os::fd::OwnedFd) or a number sets it back.
//!
//! Writing to a pipe that nobody reads fails with `BrokenPipe`, since Rust programs
//! ignore SIGPIPE; one that does not is ended by it, as with std. Children do not ignore
//! it.
//!
//! # Examples
//!
//! ```
//! use netpoll::process::{Command, Stdio};
//! use std::io::{Read, Write};
//!
//! let task = netpoll::thread::spawn(|| {
//!     let mut child = Command::new("tr")
//!         .args(["a-z", "A-Z"])
//!         .stdin(Stdio::piped())
//!         .stdout(Stdio::piped())
//!         .spawn()?;
//!     child.stdin.take().unwrap().write_all(b"loud")?;
//!     let mut text = String::new();
//!     child.stdout.take().unwrap().read_to_string(&mut text)?;
//!     assert!(child.wait()?.success());
//!     std::io::Result::Ok(text)
//! });
//! assert_eq!(task.join().unwrap()?, "LOUD");
//! # Ok::<(), std::io::Error>(())
//! ```

// Only `unix` is excepted.
#![deny(unsafe_code)]

mod child;
mod command;
mod pidfd;
mod pipe;
pub mod unix;

pub use child::Child;
#[doc(alias = "exec")]
pub use command::Command;
pub use pipe::{ChildStderr, ChildStdin, ChildStdout};
pub use std::process::{
    CommandArgs, CommandEnvs, ExitCode, ExitStatus, Output, Stdio, Termination, abort, exit, id,
};
