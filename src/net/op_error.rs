//! `OpError`: what went wrong, and with which addresses.

use std::borrow::Cow;
use std::error::Error;
use std::{fmt, io};

use super::Addr;
use crate::sys::socket::Errno;

/// What is inside of the errors of [`Dialer`](super::Dialer) and
/// [`ListenConfig`](super::ListenConfig): the operation, the network, the addresses, and
/// the cause.
///
/// The error's [`kind`](io::Error::kind) is that of its cause, as it would be without this
/// around it. [`raw_os_error`](io::Error::raw_os_error) is the cause's alone: ask
/// [`cause`](Self::cause) for it. [`Cancelled::is_cause_of`](crate::io::Cancelled::is_cause_of)
/// looks through this.
///
/// The constructors with std's names ([`TcpStream::connect`](super::TcpStream::connect), ...)
/// have std's plain errors.
///
/// # Examples
///
/// ```
/// use netpoll::net::{Dialer, OpError};
/// use std::io::ErrorKind;
///
/// let error = Dialer::new().dial_tcp("127.0.0.1:1").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
/// assert_eq!(error.to_string(), "dial tcp 127.0.0.1:1: connection refused");
///
/// let details = OpError::of(&error).unwrap();
/// assert_eq!(details.operation(), "dial");
/// assert_eq!(details.destination().unwrap().as_ip().unwrap().port(), 1);
/// assert!(details.cause().raw_os_error().is_some());
/// ```
#[derive(Debug)]
pub struct OpError {
    operation: &'static str,
    network: Cow<'static, str>,
    source: Option<Addr>,
    destination: Option<Addr>,
    cause: io::Error,
}

impl OpError {
    pub(super) fn wrap(
        operation: &'static str,
        network: impl Into<Cow<'static, str>>,
        source: Option<Addr>,
        destination: Option<Addr>,
        cause: io::Error,
    ) -> io::Error {
        let kind = cause.kind();
        let error = Self {
            operation,
            network: network.into(),
            source,
            destination,
            cause,
        };
        io::Error::new(kind, error)
    }

    /// What is inside of an error, if it came from [`Dialer`](super::Dialer) or
    /// [`ListenConfig`](super::ListenConfig).
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// `"dial"` or `"listen"`.
    #[must_use]
    #[doc(alias = "Op")]
    pub fn operation(&self) -> &str {
        self.operation
    }

    /// The network, by its name in Go: `"tcp"`, `"udp6"`, `"unix"`, ...
    #[must_use]
    #[doc(alias = "Net")]
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The local address that was asked for when dialling, if there was one.
    #[must_use]
    #[doc(alias = "Source")]
    pub fn source_address(&self) -> Option<&Addr> {
        self.source.as_ref()
    }

    /// The address that was dialled, or listened on; none if it did not come to that.
    #[must_use]
    #[doc(alias = "Addr")]
    pub fn destination(&self) -> Option<&Addr> {
        self.destination.as_ref()
    }

    /// What the operation failed with.
    #[must_use]
    #[doc(alias = "Unwrap")]
    pub fn cause(&self) -> &io::Error {
        &self.cause
    }

    /// Whether a deadline came, of the dialer's or the system's own.
    #[must_use]
    #[doc(alias = "Timeout")]
    pub fn is_timeout(&self) -> bool {
        self.cause.kind() == io::ErrorKind::TimedOut
    }

    /// Whether the same may succeed a little later, though nobody changes anything about
    /// it: a deadline came, something was interrupted or would have had to wait, or there
    /// was no descriptor left, of the process or of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Dialer, OpError};
    ///
    /// let error = Dialer::new().dial_tcp("127.0.0.1:1").unwrap_err();
    /// assert!(!OpError::of(&error).unwrap().is_temporary(), "nobody listens there");
    /// ```
    #[must_use]
    #[doc(alias = "Temporary")]
    pub fn is_temporary(&self) -> bool {
        let passes = matches!(
            self.cause.kind(),
            io::ErrorKind::TimedOut | io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
        );
        let raw = self.cause.raw_os_error();
        passes
            || [Errno::MFILE, Errno::NFILE]
                .map(|errno| Some(errno.raw_os_error()))
                .contains(&raw)
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operation, self.network)?;
        match (&self.source, &self.destination) {
            (Some(source), Some(destination)) => write!(f, " {source}->{destination}")?,
            (Some(address), None) | (None, Some(address)) => write!(f, " {address}")?,
            (None, None) => {}
        }
        write!(f, ": {}", plain(&self.cause))
    }
}

/// A cause as it stands in the middle of a sentence, without its number.
fn plain(cause: &io::Error) -> String {
    let text = cause.to_string();
    let Some(raw) = cause.raw_os_error() else {
        return text;
    };
    let text = text
        .strip_suffix(&format!(" (os error {raw})"))
        .unwrap_or(&text);
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

impl Error for OpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_temporary() {
        let is_temporary = |cause: io::Error| {
            let error = OpError::wrap("dial", "tcp", None, None, cause);
            OpError::of(&error).unwrap().is_temporary()
        };
        for errno in [
            Errno::MFILE,
            Errno::NFILE,
            Errno::AGAIN,
            Errno::INTR,
            Errno::TIMEDOUT,
        ] {
            assert!(is_temporary(errno.into()), "{errno}");
        }
        for errno in [Errno::CONNREFUSED, Errno::ACCESS, Errno::NOENT] {
            assert!(!is_temporary(errno.into()), "{errno}");
        }
        assert!(is_temporary(io::ErrorKind::TimedOut.into()));
        assert!(!is_temporary(io::ErrorKind::InvalidInput.into()));
    }
}
