//! `UnixSeqpacketListener`.

use std::path::Path;
use std::{fmt, io};

use super::{SocketAddr, UnixSeqpacket, debug};
use crate::fd::{Socket, listener_methods, socket_methods};
use crate::sys::socket::unix;

/// A socket that listens for connections of [packets](UnixSeqpacket) from this machine.
///
/// In everything else it is a [`UnixListener`](super::UnixListener).
///
/// # Examples
///
/// ```
/// use netpoll::os::linux::net::SocketAddrExt;
/// use netpoll::os::unix::net::{SocketAddr, UnixSeqpacket, UnixSeqpacketListener};
/// use netpoll::thread;
///
/// let name = format!("netpoll packets {}", std::process::id());
/// let address = SocketAddr::from_abstract_name(name)?;
/// let listener = UnixSeqpacketListener::bind_addr(&address)?;
/// thread::spawn(move || -> std::io::Result<()> {
///     for packets in &listener {
///         packets?.send(b"hello")?;
///     }
///     Ok(())
/// });
/// assert_eq!(UnixSeqpacket::connect_addr(&address)?.recv(&mut [0; 16])?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixSeqpacketListener {
    pub(super) socket: Socket,
}

impl UnixSeqpacketListener {
    /// Creates a listener at a path, which must not exist. The backlog is what the system
    /// allows (`net.core.somaxconn`). Does not wait.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if the path exists, `NotFound`, `PermissionDenied`; `InvalidInput` for a
    /// path of more than 107 bytes, or with a NUL byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::os::unix::net::UnixSeqpacketListener;
    ///
    /// let path = std::env::temp_dir().join(format!("netpoll-packets-{}", std::process::id()));
    /// let listener = UnixSeqpacketListener::bind(&path)?;
    /// listener.set_unlink_on_close(true)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenUnix")]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Creates a listener at an address, which may be an abstract name. For an unnamed one the
    /// system chooses such a name. Does not wait.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new_listener(unix::listen_seqpacket(address)?),
        })
    }

    /// The address that the listener is bound to. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the listener is closed.
    #[doc(alias = "Addr")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        unix::local_address(self.socket.open()?)
    }
}

socket_methods!(
    UnixSeqpacketListener,
    example = "\
use netpoll::os::linux::net::SocketAddrExt;
use netpoll::os::unix::net::{SocketAddr, UnixSeqpacketListener};

let name = format!(\"netpoll packets {}\", std::process::id());
let socket = UnixSeqpacketListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;",
);

listener_methods!(
    UnixSeqpacketListener,
    UnixSeqpacket,
    SocketAddr,
    unix::accept,
    example = "\
use netpoll::os::linux::net::SocketAddrExt;
use netpoll::os::unix::net::{SocketAddr, UnixSeqpacket, UnixSeqpacketListener};

let name = format!(\"netpoll packets {}\", std::process::id());
let socket = UnixSeqpacketListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
let client = UnixSeqpacket::connect_addr(&socket.local_addr()?)?;",
);

impl<'a> IntoIterator for &'a UnixSeqpacketListener {
    type Item = io::Result<UnixSeqpacket>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

impl fmt::Debug for UnixSeqpacketListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = [("local", self.local_addr())];
        debug(f, "UnixSeqpacketListener", self, &addresses)
    }
}
