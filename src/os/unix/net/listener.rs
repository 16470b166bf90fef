//! `UnixListener`.

use std::path::Path;
use std::{fmt, io};

use super::{SocketAddr, UnixStream, debug};
use crate::fd::{Socket, listener_methods, socket_methods};
use crate::sys::socket::unix;

/// A socket that listens for connections from this machine, in the shape of
/// [`std::os::unix::net::UnixListener`].
///
/// Clones made by [`try_clone`](Self::try_clone) share one socket; it is closed
/// when the last of them is dropped, or by [`close`](Self::close). The path that it is bound
/// to stays, as in std: remove it before binding again.
///
/// # Examples
///
/// ```
/// use netpoll::os::unix::net::{UnixListener, UnixStream};
/// use netpoll::thread;
/// use std::io::{Read, Write};
///
/// let path = std::env::temp_dir().join(format!("netpoll-example-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// thread::spawn(move || -> std::io::Result<()> {
///     for stream in &listener {
///         stream?.write_all(b"hello")?;
///     }
///     Ok(())
/// });
///
/// let mut greeting = String::new();
/// UnixStream::connect(&path)?.read_to_string(&mut greeting)?;
/// assert_eq!(greeting, "hello");
/// std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixListener {
    pub(super) socket: Socket,
}

impl UnixListener {
    /// Creates a listener at a path, which must not exist. The backlog is what the system
    /// allows (`net.core.somaxconn`). Does not wait.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if the path exists, `NotFound`, `PermissionDenied`; `InvalidInput` for a
    /// path of more than 107 bytes, or with a NUL byte.
    #[doc(alias = "ListenUnix")]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Creates a listener at an address, which may be an abstract name: those are not in the
    /// file system, and free again when the listener is closed. Does not wait.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new_listener(unix::listen(address)?),
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
    UnixListener,
    example = "\
use netpoll::os::linux::net::SocketAddrExt;
use netpoll::os::unix::net::{SocketAddr, UnixListener};

let name = format!(\"netpoll {}\", std::process::id());
let socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;",
);

listener_methods!(
    UnixListener,
    UnixStream,
    SocketAddr,
    unix::accept,
    example = "\
use netpoll::os::linux::net::SocketAddrExt;
use netpoll::os::unix::net::{SocketAddr, UnixListener, UnixStream};

let name = format!(\"netpoll {}\", std::process::id());
let socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
let client = UnixStream::connect_addr(&socket.local_addr()?)?;",
);

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "UnixListener", self, &[("local", self.local_addr())])
    }
}
