//! `Child`.

use std::fmt;
use std::io::{self, Read};
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};

use super::pidfd::Process;
use super::{ChildStderr, ChildStdin, ChildStdout};
use crate::task::{self, Time};
use crate::thread;

/// A process that was started, in the shape of [`std::process::Child`].
///
/// When it is dropped, the process goes on, and nobody waits for it any more; see the
/// [module](super).
///
/// # Examples
///
/// ```
/// use netpoll::process::Command;
///
/// let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn()?;
/// assert_eq!(child.wait()?.code(), Some(3));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Child {
    process: Process,
    /// The parent's end of the child's standard input, if it is
    /// [piped](super::Stdio::piped).
    pub stdin: Option<ChildStdin>,
    /// The parent's end of the child's standard output, if it is piped.
    pub stdout: Option<ChildStdout>,
    /// The parent's end of the child's standard error output, if it is piped.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    pub(super) fn started(child: std::process::Child) -> Self {
        Self::new(child, Process::started)
    }

    fn new(mut child: std::process::Child, process: fn(std::process::Child) -> Process) -> Self {
        Self {
            stdin: child.stdin.take().map(ChildStdin::from),
            stdout: child.stdout.take().map(ChildStdout::from),
            stderr: child.stderr.take().map(ChildStderr::from),
            process: process(child),
        }
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends the process, by SIGKILL. Does not wait until it has ended.
    ///
    /// Nothing happens to one that was waited for, and never to another process that has
    /// got its number meanwhile.
    ///
    /// # Errors
    ///
    /// None if the process has ended, as in std. `PermissionDenied` if it has become
    /// another user's.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::Command;
    /// use netpoll::process::unix::ExitStatusExt;
    ///
    /// let mut child = Command::new("sleep").arg("60").spawn()?;
    /// child.kill()?;
    /// assert_eq!(child.wait()?.signal(), Some(9));
    /// child.kill()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Waits until the process has ended, and says how. Says it again if called again.
    ///
    /// Closes the child's standard input first, if it is still in
    /// [`stdin`](Self::stdin), so that a child that reads to the end comes to its end.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds it; see
    /// [`wait_timeout`](Self::wait_timeout).
    ///
    /// # Errors
    ///
    /// As in std, the system's, if somebody else has waited for the process, or if
    /// SIGCHLD is ignored. On a task, [`Cancelled`](crate::io::Cancelled) when its
    /// runtime is shut down. In a destructor that runs because of a panic, `TimedOut`
    /// after a second, which the worker is blocked for.
    ///
    /// # Panics
    ///
    /// On a task, if it has to wait inside of [`no_park`](crate::thread::no_park).
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        let status = self.process.wait(Time::NEVER)?;
        Ok(status.expect("never does not come"))
    }

    /// As [`wait`](Self::wait), for so long at most: `None` if the process has not ended
    /// by then. It goes on; [`kill`](Self::kill) ends it.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::Command;
    /// use std::time::Duration;
    ///
    /// let mut child = Command::new("sleep").arg("60").spawn()?;
    /// let status = match child.wait_timeout(Duration::from_millis(10))? {
    ///     Some(status) => status,
    ///     None => {
    ///         child.kill()?;
    ///         child.wait()?
    ///     }
    /// };
    /// assert!(!status.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "CommandContext")]
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        drop(self.stdin.take());
        self.process.wait(Time::now().after(timeout))
    }

    /// As [`wait`](Self::wait), until this moment at most; see
    /// [`wait_timeout`](Self::wait_timeout).
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As for [`wait`](Self::wait).
    #[doc(alias = "CommandContext")]
    pub fn wait_deadline(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        drop(self.stdin.take());
        self.process.wait(Time::of(Some(deadline)))
    }

    /// How the process has ended, if it has. Does not wait, and leaves
    /// [`stdin`](Self::stdin) open.
    ///
    /// # Errors
    ///
    /// As in std, the system's, if somebody else has waited for the process.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::{Command, Stdio};
    ///
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
    /// assert_eq!(child.try_wait()?, None);
    /// let status = child.wait()?;
    /// assert_eq!(child.try_wait()?, Some(status));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Closes the child's standard input, reads its outputs to their ends, as far as they
    /// are piped, and waits until it has ended. However much it writes to which, it is
    /// never held up.
    ///
    /// Parks the task, or blocks the thread. If both outputs are piped, a task (a thread)
    /// of its own reads one of them. The deadlines of the pipes bound the reading, and
    /// nothing else does.
    ///
    /// # Errors
    ///
    /// Those of reading, and of [`wait`](Self::wait); the process goes on then. Those of
    /// [`thread::Builder::spawn_scoped`].
    ///
    /// # Panics
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::{Command, Stdio};
    ///
    /// let child = Command::new("sh")
    ///     .args(["-c", "echo out; echo err >&2"])
    ///     .stdout(Stdio::piped())
    ///     .stderr(Stdio::piped())
    ///     .spawn()?;
    /// let output = child.wait_with_output()?;
    /// assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "CombinedOutput")]
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        match (self.stdout.take(), self.stderr.take()) {
            (Some(out), Some(err)) => read_both((out, &mut stdout), (err, &mut stderr))?,
            (out, err) => {
                if let Some(mut out) = out {
                    out.read_to_end(&mut stdout)?;
                }
                if let Some(mut err) = err {
                    err.read_to_end(&mut stderr)?;
                }
            }
        }
        Ok(Output {
            status: self.wait()?,
            stdout,
            stderr,
        })
    }
}

/// Reads both to their ends at once: a child that finds one pipe full does not come to
/// write to the other.
fn read_both(
    one: (ChildStdout, &mut Vec<u8>),
    other: (ChildStderr, &mut Vec<u8>),
) -> io::Result<()> {
    let ((mut one, to), (mut other, to_other)) = (one, other);
    let read_other = move || other.read_to_end(to_other);
    let mut read_one = || one.read_to_end(to);
    const PANICKED: &str = "reading does not panic";
    let (one, other) = if task::is_task() {
        thread::scope(|scope| {
            let other = thread::Builder::new().spawn_scoped(scope, read_other)?;
            io::Result::Ok((read_one(), other.join().expect(PANICKED)))
        })?
    } else {
        // A thread does not start the runtime for this.
        std::thread::scope(|scope| {
            let other = std::thread::Builder::new().spawn_scoped(scope, read_other)?;
            io::Result::Ok((read_one(), other.join().expect(PANICKED)))
        })?
    };
    one.and(other).map(drop)
}

impl From<std::process::Child> for Child {
    /// A child that std has started, with its pipes; they come into non-blocking mode.
    fn from(child: std::process::Child) -> Self {
        Self::new(child, Process::from_elsewhere)
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}
