//! Signals of the operating system, for tasks to wait for.
//!
//! [`Signals`] waits for some of them, [`ctrl_c`] for one. The handler that runs in the
//! kernel's own time only notes the signal and wakes who waits; what follows runs on a task,
//! where everything is allowed.
//!
//! From the first time that a signal is waited for it does not do what it would have done
//! without: Ctrl-C ends the process no more, then or later, and also when the [`Signals`] is
//! gone. Other handlers that were there before run as well.
//!
//! Like the kernel's, these signals are not counted: the same one, twice before anybody has
//! looked, is one.
//!
//! # Examples
//!
//! A server that ends in good order:
//!
//! ```
//! use netpoll::net::TcpListener;
//! use netpoll::signal::{Signal, Signals};
//! use netpoll::thread;
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let stop = Signals::new([Signal::INTERRUPT, Signal::TERMINATE])?;
//! let closes = listener.try_clone()?;
//! thread::spawn(move || {
//!     let signal = stop.recv()?;
//!     println!("stopping: {signal}");
//!     closes.close();
//!     std::io::Result::Ok(())
//! });
//! # let myself = std::process::id().to_string();
//! # std::process::Command::new("kill").args(["-TERM", &myself]).status()?;
//!
//! for stream in listener.incoming() {
//!     let Ok(stream) = stream else { break };
//!     thread::spawn(move || netpoll::io::copy(&mut &stream, &mut &stream));
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use signal_hook::SigId;
use signal_hook::low_level::{pipe, unregister};

use crate::fd::{Fd, ShortRead};
use crate::poll::Way;
use crate::sys::pipe::duplicate;
use crate::sys::socket::{self, Fault, unix};
use crate::task::Time;

/// A signal, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

macro_rules! signals {
    ($($(#[$doc:meta])* $NAME:ident = $number:ident;)*) => {
        impl Signal {
            $($(#[$doc])* pub const $NAME: Signal = Signal(libc::$number);)*

            /// The name by which the system knows it, if it is one of the constants here.
            fn name(self) -> Option<&'static str> {
                match self {
                    $(Signal::$NAME => Some(stringify!($number)),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    /// Somebody typed Ctrl-C.
    #[doc(alias = "SIGINT")]
    INTERRUPT = SIGINT;
    /// Somebody wishes that the process ends.
    #[doc(alias = "SIGTERM")]
    TERMINATE = SIGTERM;
    /// The terminal is gone; to servers: read the configuration anew.
    #[doc(alias = "SIGHUP")]
    HANGUP = SIGHUP;
    /// Somebody typed Ctrl-\.
    #[doc(alias = "SIGQUIT")]
    QUIT = SIGQUIT;
    /// Of the program's own meaning.
    #[doc(alias = "SIGUSR1")]
    USER_1 = SIGUSR1;
    /// Of the program's own meaning.
    #[doc(alias = "SIGUSR2")]
    USER_2 = SIGUSR2;
    /// A child has ended, stopped or continued.
    #[doc(alias = "SIGCHLD")]
    CHILD = SIGCHLD;
    /// The terminal has another size.
    #[doc(alias = "SIGWINCH")]
    WINDOW_CHANGE = SIGWINCH;
    /// A timer of the process.
    #[doc(alias = "SIGALRM")]
    ALARM = SIGALRM;
    /// Somebody wrote to a pipe or socket that nobody reads.
    #[doc(alias = "SIGPIPE")]
    PIPE = SIGPIPE;
}

impl Signal {
    /// The signal of a number.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Signal({name})"),
            None => write!(f, "Signal({})", self.0),
        }
    }
}

/// Some signals, noted from the moment this is made; see the [module](self).
///
/// Several of these may ask for the same signal: each gets it. It takes two descriptors, and
/// one for each signal.
#[doc(alias = "Notify")]
#[doc(alias = "NotifyContext")]
pub struct Signals {
    fd: Fd,
    noted: Vec<Noted>,
}

/// One signal.
struct Noted {
    signal: Signal,
    came: Arc<AtomicBool>,
    handlers: Vec<SigId>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        for handler in self.handlers.drain(..) {
            unregister(handler);
        }
    }
}

impl Signals {
    /// Begins to note signals. Does not wait.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for those that cannot be handled, or only at once: `SIGKILL`,
    /// `SIGSTOP`, `SIGILL`, `SIGFPE`, `SIGSEGV`, and numbers that are no signals. The
    /// system's, if there are no descriptors to spare.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::signal::{Signal, Signals};
    ///
    /// let kill = Signal::from_raw(9);
    /// let error = Signals::new([kill]).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(signals: impl IntoIterator<Item = Signal>) -> Result<Self> {
        let (reader, writer) = unix::stream_pair()?;
        let mut noted: Vec<Noted> = Vec::new();
        for signal in signals {
            if noted.iter().any(|noted| noted.signal == signal) {
                continue;
            }
            if signal_hook::consts::FORBIDDEN.contains(&signal.0) {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "this signal cannot be waited for",
                ));
            }
            let came = Arc::new(AtomicBool::new(false));
            let mut one = Noted {
                signal,
                came: Arc::clone(&came),
                handlers: Vec::new(),
            };
            // In this order: whoever is woken finds the note.
            one.handlers
                .push(signal_hook::flag::register(signal.0, came)?);
            let bell = duplicate(writer.as_fd())?;
            one.handlers.push(pipe::register(signal.0, bell)?);
            noted.push(one);
        }
        Ok(Self {
            fd: Fd::new(reader),
            noted,
        })
    }

    /// Waits for the next of the signals. Of several that came, those that were asked for
    /// first come first.
    ///
    /// Parks the task, or blocks the thread; bounded by the deadline, ended by
    /// [`close`](Self::close). Of several who wait here, one gets the signal.
    ///
    /// # Errors
    ///
    /// `TimedOut` after the deadline; `NotConnected`, with [`Closed`](crate::io::Closed),
    /// once it is closed; [`Cancelled`](crate::io::Cancelled) in a task whose runtime ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::signal::{Signal, Signals};
    /// use std::process::Command;
    ///
    /// let signals = Signals::new([Signal::USER_1, Signal::HANGUP])?;
    /// let myself = std::process::id().to_string();
    /// Command::new("kill").args(["-HUP", &myself]).status()?;
    /// assert_eq!(signals.recv()?, Signal::HANGUP);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recv(&self) -> Result<Signal> {
        let mut next = None;
        self.fd.read_with(ShortRead::ProvesNothing, |fd| {
            next = self.take();
            if next.is_none() {
                // Whatever comes after the bell was rung is found by a further look.
                silence(fd)?;
                next = self.take();
            }
            next.map(|_| 1_usize).ok_or(Fault::WouldBlock)
        })?;
        Ok(next.expect("that is what the wait was for"))
    }

    /// The next of the signals that came, if one did. Does not wait.
    #[must_use]
    pub fn try_recv(&self) -> Option<Signal> {
        self.take()
    }

    fn take(&self) -> Option<Signal> {
        let came = |noted: &&Noted| noted.came.swap(false, Ordering::AcqRel);
        self.noted.iter().find(came).map(|noted| noted.signal)
    }

    /// Makes [`recv`](Self::recv) fail with `TimedOut` from this moment on, also one that
    /// waits already. `None` takes the deadline away. Does not wait.
    ///
    /// # Errors
    ///
    /// None now.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::signal::{Signal, Signals};
    /// use std::time::{Duration, Instant};
    ///
    /// let signals = Signals::new([Signal::USER_2])?;
    /// signals.set_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// assert_eq!(signals.recv().unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        self.fd.set_deadline(Way::Read, Time::of(deadline));
        Ok(())
    }

    /// Ends waiting: who waits is woken with [`Closed`](crate::io::Closed), and so do later
    /// calls fail. Does not wait.
    #[doc(alias = "Stop")]
    pub fn close(&self) {
        self.fd.close();
    }
}

/// Takes away what the handlers have written.
fn silence(fd: std::os::fd::BorrowedFd<'_>) -> std::result::Result<(), Fault> {
    loop {
        match socket::receive(fd, &mut [0; 64]) {
            Ok(64) | Err(Fault::Interrupted) => {}
            Ok(_) | Err(Fault::WouldBlock) => return Ok(()),
            Err(fault) => return Err(fault),
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals = self.noted.iter().map(|noted| noted.signal);
        f.debug_tuple("Signals")
            .field(&signals.collect::<Vec<_>>())
            .finish()
    }
}

/// Waits until somebody types Ctrl-C, or sends `SIGINT`.
///
/// Parks the task, or blocks the thread. One that came before the call is not noticed; who
/// must not miss one makes a [`Signals`] first.
///
/// # Errors
///
/// As for [`Signals::new`] and [`Signals::recv`].
///
/// # Examples
///
/// ```no_run
/// netpoll::thread::spawn(|| {
///     netpoll::signal::ctrl_c()?;
///     println!("going down");
///     std::io::Result::Ok(())
/// });
/// ```
pub fn ctrl_c() -> Result<()> {
    Signals::new([Signal::INTERRUPT])?.recv().map(drop)
}
