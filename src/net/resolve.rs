//! From names to addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{io, iter, option, slice, vec};

use super::Target;
use crate::sched::run_blocking;

/// What can be turned into socket addresses, in the shape of
/// [`std::net::ToSocketAddrs`].
///
/// The same types implement it as in std, with the same results and the same errors.
/// It is a trait of its own, because std's resolves names on the calling thread, and
/// that may be a worker's: a name server that takes five seconds would stop all
/// tasks of the worker.
///
/// | from | |
/// |---|---|
/// | [`SocketAddr`], [`SocketAddrV4`], [`SocketAddrV6`], `&[SocketAddr]` | as it is |
/// | `(IpAddr, u16)`, `(Ipv4Addr, u16)`, `(Ipv6Addr, u16)` | as it is |
/// | `(&str, u16)`, `(String, u16)` | an [`IpAddr`], or a name to resolve |
/// | `str`, `String` | a [`SocketAddr`], or `name:port` |
///
/// # Examples
///
/// Your own types, as in std:
///
/// ```
/// use netpoll::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
///
/// struct Replicas(Vec<SocketAddr>);
///
/// impl ToSocketAddrs for Replicas {
///     type Iter = std::vec::IntoIter<SocketAddr>;
///     fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
///         Ok(self.0.clone().into_iter())
///     }
/// }
///
/// let listener = TcpListener::bind(("localhost", 0))?;
/// let replicas = Replicas(vec![listener.local_addr()?]);
/// assert_eq!(TcpStream::connect(&replicas)?.peer_addr()?, replicas.0[0]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait ToSocketAddrs {
    /// The iterator over the addresses.
    type Iter: Iterator<Item = SocketAddr>;

    /// The addresses that this stands for; there may be none.
    ///
    /// Does not wait, but for the resolution of a name. That parks the task while a
    /// thread of the pool of [`blocking`](crate::blocking) asks the system, or blocks
    /// the calling thread if it runs no task. No deadline bounds it but those of the
    /// system (`timeout` and `attempts` in `/etc/resolv.conf`).
    ///
    /// # Errors
    ///
    /// - `InvalidInput` if the text has no port, one that is no number below 65,536,
    ///   or a NUL byte.
    /// - What the system says if the name cannot be resolved; std has no kind for it.
    /// - On a task, `InvalidInput` if `NETPOLL_BLOCKING_THREADS` makes no sense.
    ///
    /// # Panics
    ///
    /// Where the resolution of a name parks inside of
    /// [`no_park`](crate::thread::no_park).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
    ///
    /// let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 443));
    /// assert!(("127.0.0.1", 443).to_socket_addrs()?.eq([local]));
    ///
    /// // Names are resolved off the worker.
    /// let task = netpoll::thread::spawn(|| "localhost:443".to_socket_addrs());
    /// assert!(task.join().unwrap()?.all(|address| address.ip().is_loopback()));
    ///
    /// let error = "127.0.0.1".to_socket_addrs().unwrap_err();
    /// assert_eq!(error.to_string(), "invalid socket address");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "getaddrinfo")]
    #[doc(alias = "LookupHost")]
    #[doc(alias = "ResolveTCPAddr")]
    fn to_socket_addrs(&self) -> io::Result<Self::Iter>;

    /// What this stands for before any name is resolved: what a
    /// [`Dialer`](super::Dialer) and a [`ListenConfig`](super::ListenConfig) ask for, which
    /// resolve names by a [`Resolver`](super::Resolver) of their own, within a deadline.
    /// std has no such method.
    ///
    /// Unless a type has its own, it gives what [`to_socket_addrs`](Self::to_socket_addrs)
    /// does, and waits like that. Text is only taken apart, which does not wait.
    ///
    /// # Errors
    ///
    /// As for [`to_socket_addrs`](Self::to_socket_addrs); `InvalidInput` for text that is
    /// not `host:service`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Target, ToSocketAddrs};
    ///
    /// let target = "example.org:http".to_target()?;
    /// assert!(matches!(target, Target::Name { .. }));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn to_target(&self) -> io::Result<Target> {
        Ok(Target::Addresses(self.to_socket_addrs()?.collect()))
    }
}

/// What is an address already, which std only puts into another form.
macro_rules! as_in_std {
    ($($type:ty),* $(,)?) => {$(
        impl ToSocketAddrs for $type {
            type Iter = option::IntoIter<SocketAddr>;

            fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
                std::net::ToSocketAddrs::to_socket_addrs(self)
            }
        }
    )*};
}

as_in_std! {
    SocketAddr, SocketAddrV4, SocketAddrV6,
    (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16),
}

impl ToSocketAddrs for (&str, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let (host, port) = *self;
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)].into_iter());
        }
        let name = (host.to_owned(), port);
        run_blocking(move || std::net::ToSocketAddrs::to_socket_addrs(&name))?
    }

    fn to_target(&self) -> io::Result<Target> {
        Ok(Target::Name {
            host: self.0.to_owned(),
            service: self.1.to_string(),
        })
    }
}

impl ToSocketAddrs for (String, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (&*self.0, self.1).to_socket_addrs()
    }

    fn to_target(&self) -> io::Result<Target> {
        (&*self.0, self.1).to_target()
    }
}

impl ToSocketAddrs for str {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        if let Ok(address) = self.parse() {
            return Ok(vec![address].into_iter());
        }
        let host_and_port = self
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        match host_and_port {
            Some(host_and_port) => host_and_port.to_socket_addrs(),
            // There is nothing to resolve: std says at once what is wrong.
            None => std::net::ToSocketAddrs::to_socket_addrs(self),
        }
    }

    fn to_target(&self) -> io::Result<Target> {
        Target::parse(self)
    }
}

impl ToSocketAddrs for String {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (**self).to_socket_addrs()
    }

    fn to_target(&self) -> io::Result<Target> {
        (**self).to_target()
    }
}

impl<'a> ToSocketAddrs for &'a [SocketAddr] {
    type Iter = iter::Cloned<slice::Iter<'a, SocketAddr>>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.iter().cloned())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    type Iter = T::Iter;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (**self).to_socket_addrs()
    }

    fn to_target(&self) -> io::Result<Target> {
        (**self).to_target()
    }
}
