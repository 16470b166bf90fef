//! What Unix adds to processes, in the shape of [`std::os::unix::process`].

#![expect(
    unsafe_code,
    reason = "closures that run in the child are unsafe to add"
)]

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;

use super::Command;

pub use std::os::unix::process::{ExitStatusExt, parent_id};

/// What Unix adds to a [`Command`], in the shape of
/// [`std::os::unix::process::CommandExt`]. (Only std can implement std's.)
///
/// # Examples
///
/// ```
/// use netpoll::process::Command;
/// use netpoll::process::unix::CommandExt;
///
/// let output = Command::new("sh").arg0("other").args(["-c", "echo $0"]).output()?;
/// assert_eq!(output.stdout, b"other\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait CommandExt: private::Sealed {
    /// Makes the child run as this user. Started by root, it then has no other groups.
    ///
    /// Without the right to do so, starting it fails with `PermissionDenied`.
    fn uid(&mut self, id: u32) -> &mut Command;

    /// Makes the child run as this group.
    ///
    /// Without the right to do so, starting it fails with `PermissionDenied`.
    fn gid(&mut self, id: u32) -> &mut Command;

    /// Adds a closure that runs in the child, after the fork and before its program
    /// begins. If it fails, starting the process fails with its error.
    ///
    /// The child is forked by a thread of the pool of [`blocking`](crate::blocking), and
    /// has only that thread. In there, netpoll's operations panic, or run in place, and a
    /// panic ends the child.
    ///
    /// # Safety
    ///
    /// As in std: other threads may have held locks, that of the allocator included, at
    /// the moment of the fork. The closure must do only what is allowed after a fork of
    /// a process with several threads (functions that are safe in signal handlers), and
    /// descriptors that it finds open are not its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::Command;
    /// use netpoll::process::unix::CommandExt;
    ///
    /// let mut command = Command::new("true");
    /// // SAFETY: a system call, which is allowed there.
    /// unsafe {
    ///     command.pre_exec(|| match libc::setsid() {
    ///         -1 => Err(std::io::Error::last_os_error()),
    ///         _ => Ok(()),
    ///     });
    /// }
    /// assert!(command.status()?.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static;

    /// Runs the command in the place of this process: all its tasks and threads are gone.
    /// Returns only if that fails, as [`Command::spawn`] does. What has been changed on the
    /// way stays so then, as in std: inputs and outputs, what a closure of
    /// [`pre_exec`](Self::pre_exec) did, and SIGPIPE, which is not ignored any more.
    ///
    /// Runs in place, without parking.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::Command;
    /// use netpoll::process::unix::CommandExt;
    ///
    /// let error = Command::new("/no/such/program").exec();
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// ```
    #[doc(alias = "execvp")]
    fn exec(&mut self) -> io::Error;

    /// Sets what the child finds as its own name, in the place of the program's.
    fn arg0<S: AsRef<OsStr>>(&mut self, name: S) -> &mut Command;

    /// Puts the child into this process group; zero makes one of its own, so that what is
    /// typed at a terminal (`Ctrl-C`) does not reach it.
    fn process_group(&mut self, group: i32) -> &mut Command;
}

impl CommandExt for Command {
    fn uid(&mut self, id: u32) -> &mut Command {
        self.command.uid(id);
        self
    }

    fn gid(&mut self, id: u32) -> &mut Command {
        self.command.gid(id);
        self
    }

    unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller promises what std asks for.
        unsafe { self.command.pre_exec(f) };
        self
    }

    fn exec(&mut self) -> io::Error {
        self.command.exec()
    }

    fn arg0<S: AsRef<OsStr>>(&mut self, name: S) -> &mut Command {
        self.command.arg0(name);
        self
    }

    fn process_group(&mut self, group: i32) -> &mut Command {
        self.command.process_group(group);
        self
    }
}

mod private {
    /// Keeps others from implementing a trait to which std may add methods.
    pub trait Sealed {}

    impl Sealed for super::Command {}
}
