//! The error of an operation that was cancelled.

use std::error::Error;
use std::{fmt, io};

use super::cause::is_caused_by;

/// The cause of an [`io::Error`] from an operation that would have had to wait, in
/// a task that shall come to its end: its runtime is being shut down.
///
/// The error's kind is [`Other`](io::ErrorKind::Other), and never `Interrupted`,
/// which `read_exact` and `write_all` would try again for ever.
///
/// ```
/// use netpoll::io::Cancelled;
/// use netpoll::net::TcpListener;
/// use std::time::{Duration, Instant};
///
/// let runtime = netpoll::Builder::new().workers(1).build()?;
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let acceptor = runtime.spawn(move || listener.accept().map(drop));
/// runtime.shutdown(Instant::now() + Duration::from_secs(10));
/// assert!(Cancelled::is_cause_of(&acceptor.join().unwrap().unwrap_err()));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancelled;

impl Cancelled {
    /// Whether an error came from an operation that was cancelled.
    #[must_use]
    pub fn is_cause_of(error: &io::Error) -> bool {
        is_caused_by::<Cancelled>(error)
    }

    pub(crate) fn error() -> io::Error {
        io::Error::other(Cancelled)
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation was cancelled")
    }
}

impl Error for Cancelled {}
