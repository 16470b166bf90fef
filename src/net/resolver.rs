//! Who turns names into addresses.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::{fmt, io};

use super::target;
use crate::io::Cancelled;
use crate::sched::run_blocking_until;
use crate::task::{Outcome, Time};
use crate::time::Instant;

/// Turns the names of hosts into addresses, for a [`Dialer`](super::Dialer) or a
/// [`ListenConfig`](super::ListenConfig).
///
/// [`SystemResolver`] asks the system. A DNS client takes its place if it implements this
/// trait, which closures do. It runs in place, on the task that dials, and may park there;
/// it is asked for names only, never for what is an address already.
///
/// # Examples
///
/// ```
/// use netpoll::net::{Dialer, Resolver, TcpListener};
/// use std::net::{Ipv4Addr, SocketAddr};
/// use std::time::Instant;
///
/// let resolver = |host: &str, port: u16, _deadline: Option<Instant>| match host {
///     "cache.internal" => Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]),
///     _ => Err(std::io::ErrorKind::NotFound.into()),
/// };
/// let dialer = Dialer::new().resolver(resolver);
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let port = listener.local_addr()?.port();
/// let stream = dialer.dial_tcp(("cache.internal", port))?;
/// assert_eq!(stream.peer_addr()?.port(), port);
/// assert!(dialer.dial_tcp("other.internal:80").is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Resolver: Send + Sync {
    /// The addresses of a host, each with this port, in the order in which they are to be
    /// tried.
    ///
    /// It should fail with `TimedOut` once the deadline has come; nobody else sees to that.
    ///
    /// # Errors
    ///
    /// What it fails with is what dialling fails with.
    #[doc(alias = "LookupIPAddr")]
    #[doc(alias = "LookupNetIP")]
    fn lookup_host(
        &self,
        host: &str,
        port: u16,
        deadline: Option<Instant>,
    ) -> io::Result<Vec<SocketAddr>>;
}

impl<F> Resolver for F
where
    F: Fn(&str, u16, Option<Instant>) -> io::Result<Vec<SocketAddr>> + Send + Sync,
{
    fn lookup_host(
        &self,
        host: &str,
        port: u16,
        deadline: Option<Instant>,
    ) -> io::Result<Vec<SocketAddr>> {
        self(host, port, deadline)
    }
}

/// Asks the system (`getaddrinfo`), which goes by `/etc/hosts`, `/etc/resolv.conf` and
/// `/etc/nsswitch.conf`.
///
/// The question is asked on a thread of the pool of [`blocking`](crate::blocking), while the
/// task is parked, and the deadline bounds the wait. It does not bound the question: the
/// system offers no way to take it back, so after a deadline, or a cancellation, the thread
/// goes on until the system answers or gives up (`timeout` and `attempts` in
/// `/etc/resolv.conf`), and the answer is dropped.
///
/// # Examples
///
/// ```
/// use netpoll::net::{Resolver, SystemResolver};
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_secs(10);
/// let addresses = SystemResolver.lookup_host("localhost", 80, Some(deadline))?;
/// assert!(addresses.iter().all(|address| address.ip().is_loopback()));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn lookup_host(
        &self,
        host: &str,
        port: u16,
        deadline: Option<Instant>,
    ) -> io::Result<Vec<SocketAddr>> {
        let name = (host.to_owned(), port);
        let ask = move || std::net::ToSocketAddrs::to_socket_addrs(&name).map(Vec::from_iter);
        let cause = match run_blocking_until(ask, Time::of(deadline))? {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(error)) => error,
            Err(Outcome::Cancelled) => Cancelled::error(),
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        let host = host.to_owned();
        Err(io::Error::new(cause.kind(), LookupError { host, cause }))
    }
}

/// The addresses of a host, as the system knows them. Of an address, it is itself.
///
/// Parks the task, or blocks the thread, until the system answers; no deadline bounds that
/// but the system's. [`Resolver::lookup_host`] of [`SystemResolver`] takes one.
///
/// # Errors
///
/// What the system says if the name cannot be resolved; std has no kind for it.
///
/// # Examples
///
/// ```
/// let addresses = netpoll::net::lookup_host("localhost")?;
/// assert!(addresses.iter().all(|address| address.is_loopback()));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn lookup_host(host: &str) -> io::Result<Vec<IpAddr>> {
    if let Some(address) = target::literal(host, 0)? {
        return Ok(vec![address.ip()]);
    }
    let addresses = SystemResolver.lookup_host(host, 0, None)?;
    Ok(addresses.iter().map(SocketAddr::ip).collect())
}

/// A name that could not be resolved.
#[derive(Debug)]
struct LookupError {
    host: String,
    cause: io::Error,
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lookup {}: {}", self.host, self.cause)
    }
}

impl Error for LookupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
