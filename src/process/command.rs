//! `Command`.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

use super::Child;
use crate::sched::{keep_thread, run_blocking};

/// How a process is started, in the shape of [`std::process::Command`].
///
/// Building does not wait. [`spawn`](Self::spawn), [`status`](Self::status) and
/// [`output`](Self::output) do; a command may be started several times. What Unix adds
/// (user, group, closures that run in the child) is in
/// [`CommandExt`](super::unix::CommandExt).
///
/// # Examples
///
/// ```
/// use netpoll::process::Command;
///
/// let output = Command::new("sh")
///     .args(["-c", "echo $GREETING; pwd"])
///     .env("GREETING", "hello")
///     .current_dir("/")
///     .output()?;
/// assert_eq!(output.stdout, b"hello\n/\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Command {
    pub(super) command: std::process::Command,
    /// Which of input, output and error output were set; std does not tell.
    given: [bool; 3],
}

impl Command {
    /// A program, by a path, or by a name that is looked for in `PATH`; without
    /// arguments, in the environment and the directory of this process.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Self {
        Self {
            command: std::process::Command::new(program),
            given: [false; 3],
        }
    }

    /// Adds an argument. It is passed as it is; there is no shell.
    pub fn arg<S: AsRef<OsStr>>(&mut self, argument: S) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, arguments: I) -> &mut Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the child's environment.
    pub fn env<K, V>(&mut self, key: K, value: V) -> &mut Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.command.env(key, value);
        self
    }

    /// Sets variables of the child's environment.
    pub fn envs<I, K, V>(&mut self, variables: I) -> &mut Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.command.envs(variables);
        self
    }

    /// Keeps a variable from the child's environment.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Self {
        self.command.env_remove(key);
        self
    }

    /// Keeps all variables of this process, and those set so far, from the child's
    /// environment.
    pub fn env_clear(&mut self) -> &mut Self {
        self.command.env_clear();
        self
    }

    /// Sets the directory that the child starts in. Whether a program that is given as
    /// a relative path is looked for there is not specified, as in std.
    pub fn current_dir<P: AsRef<Path>>(&mut self, directory: P) -> &mut Self {
        self.command.current_dir(directory);
        self
    }

    /// Sets the child's standard input. Otherwise it is this process's, and for
    /// [`output`](Self::output) there is none.
    pub fn stdin<T: Into<Stdio>>(&mut self, input: T) -> &mut Self {
        self.command.stdin(input);
        self.given[0] = true;
        self
    }

    /// Sets the child's standard output. Otherwise it is this process's, and for
    /// [`output`](Self::output) a pipe.
    pub fn stdout<T: Into<Stdio>>(&mut self, output: T) -> &mut Self {
        self.command.stdout(output);
        self.given[1] = true;
        self
    }

    /// Sets the child's standard error output. Otherwise it is this process's, and for
    /// [`output`](Self::output) a pipe.
    pub fn stderr<T: Into<Stdio>>(&mut self, output: T) -> &mut Self {
        self.command.stderr(output);
        self.given[2] = true;
        self
    }

    /// Starts the process.
    ///
    /// Parks the task while a thread of the pool of [`blocking`](crate::blocking) forks,
    /// or blocks the thread, until the child's program has begun. No deadline bounds it.
    ///
    /// # Errors
    ///
    /// As in std: `NotFound` if there is no such program or directory; `PermissionDenied`
    /// if it may not be run; `InvalidInput` for a NUL byte; `ArgumentListTooLong`; the
    /// system's, if there are no descriptors or processes to spare; what a closure of
    /// [`pre_exec`](super::unix::CommandExt::pre_exec) failed with. There is no child
    /// then. On a task, `InvalidInput` if `NETPOLL_BLOCKING_THREADS` makes no sense.
    ///
    /// # Panics
    ///
    /// On a task, inside of [`no_park`](crate::thread::no_park).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::Command;
    ///
    /// let error = Command::new("/no/such/program").spawn().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// ```
    #[doc(alias = "Start")]
    pub fn spawn(&mut self) -> io::Result<Child> {
        let child = run_blocking(|| {
            let child = self.command.spawn();
            if child.is_ok() {
                // See "Whose child it is" in the module.
                keep_thread();
            }
            child
        })?;
        child.map(Child::started)
    }

    /// Starts the process, reads what it puts out, and waits until it has ended.
    ///
    /// What was not set is a pipe, or empty, for the input.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds it; to have one, spawn,
    /// and set deadlines on the pipes, or use [`Child::wait_timeout`].
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and of [`Child::wait_with_output`]. That the
    /// process fails is no error here: see [`Output::status`].
    ///
    /// # Panics
    ///
    /// As for [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// See [`Command`].
    #[doc(alias = "CombinedOutput")]
    pub fn output(&mut self) -> io::Result<Output> {
        let given = self.given;
        self.set_rest(given, Stdio::null, Stdio::piped);
        let child = self.spawn();
        // What std does without any of these.
        self.set_rest(given, Stdio::inherit, Stdio::inherit);
        child?.wait_with_output()
    }

    /// Sets what the user has not.
    fn set_rest(&mut self, given: [bool; 3], input: fn() -> Stdio, output: fn() -> Stdio) {
        if !given[0] {
            self.command.stdin(input());
        }
        if !given[1] {
            self.command.stdout(output());
        }
        if !given[2] {
            self.command.stderr(output());
        }
    }

    /// Starts the process and waits until it has ended.
    ///
    /// Parks the task, or blocks the thread. No deadline bounds it.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and of [`Child::wait`]. That the process fails is
    /// no error here.
    ///
    /// # Panics
    ///
    /// As for [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::process::Command;
    ///
    /// assert!(Command::new("true").status()?.success());
    /// assert_eq!(Command::new("false").status()?.code(), Some(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Run")]
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// The program.
    #[must_use]
    pub fn get_program(&self) -> &OsStr {
        self.command.get_program()
    }

    /// The arguments, without the program.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.command.get_args()
    }

    /// The variables that were set, and those that were removed, with `None`.
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.command.get_envs()
    }

    /// The directory, if one was set.
    #[must_use]
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.command.get_current_dir()
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.command.fmt(f)
    }
}
