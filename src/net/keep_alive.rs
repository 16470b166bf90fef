//! Asking a silent peer whether it is still there.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::sys::socket::options;

/// How the system finds out that a peer has gone without a word; see
/// [`TcpStream::set_keepalive`](super::TcpStream::set_keepalive).
///
/// After `idle` without anything from the peer, it is asked. If it does not answer,
/// it is asked again after each `interval`, and after `count` questions the connection
/// ends: reads and writes fail with `TimedOut`. A peer that crashed and came back says
/// so, and they fail with `ConnectionReset`.
///
/// The default is Go's: 15 s, 15 s, 9 times.
///
/// # Examples
///
/// ```
/// use netpoll::net::KeepAlive;
/// use std::time::Duration;
///
/// let keepalive = KeepAlive {
///     idle: Duration::from_secs(60),
///     ..KeepAlive::default()
/// };
/// assert_eq!(keepalive.interval, Duration::from_secs(15));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeepAlive {
    /// How long the peer may be silent before it is asked (`TCP_KEEPIDLE`), in whole
    /// seconds, rounded up; from 1 s to 32,767 s.
    pub idle: Duration,
    /// How long after one question the next comes (`TCP_KEEPINTVL`), in whole seconds,
    /// rounded up; from 1 s to 32,767 s.
    pub interval: Duration,
    /// How many questions without an answer end the connection (`TCP_KEEPCNT`); from
    /// 1 to 127.
    pub count: u32,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(15),
            interval: Duration::from_secs(15),
            count: 9,
        }
    }
}

impl KeepAlive {
    pub(crate) fn set(fd: BorrowedFd<'_>, keepalive: Option<Self>) -> io::Result<()> {
        if let Some(keepalive) = keepalive {
            options::set_keepalive_idle(fd, keepalive.idle)?;
            options::set_keepalive_interval(fd, keepalive.interval)?;
            options::set_keepalive_count(fd, keepalive.count)?;
        }
        options::set_keepalive(fd, keepalive.is_some())
    }

    pub(super) fn get(fd: BorrowedFd<'_>) -> io::Result<Option<Self>> {
        if !options::keepalive(fd)? {
            return Ok(None);
        }
        Ok(Some(Self {
            idle: options::keepalive_idle(fd)?,
            interval: options::keepalive_interval(fd)?,
            count: options::keepalive_count(fd)?,
        }))
    }
}
