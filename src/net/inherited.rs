//! Listeners that were left to this process by whoever started it.

use std::os::fd::OwnedFd;

use super::TcpListener;
use crate::os::unix::net::UnixListener;
use crate::sys::inherited;

/// A descriptor that was left to this process; see [`inherited_listeners`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Inherited {
    /// What `LISTEN_FDNAMES` calls it; empty if it has no name.
    pub name: String,
    /// The descriptor, as it was left: which kind of socket it is, the configuration of
    /// this program and of its starter have to agree on.
    pub fd: OwnedFd,
}

/// The descriptors that were left to this process by whoever started it, in order: systemd's
/// socket activation, or a predecessor that hands over its listeners.
///
/// There are some if `LISTEN_PID` is the number of this process: as many as `LISTEN_FDS`
/// says, from number 3 on, with names from `LISTEN_FDNAMES`, if there is such a variable
/// (with colons in between). They are the caller's from then on, and closed on `exec`.
///
/// Each becomes a [`TcpListener`] or a [`UnixListener`] by `From`, and whatever its mode is,
/// which it shares with whoever left it, accepting waits. For other sockets
/// ([`UdpSocket`](super::UdpSocket), ...) there is [`Inherited::fd`].
///
/// The first call gets all of them, and later ones get none. Make it at the start of `main`:
/// by this protocol the descriptors belong to who asks first, so nothing else in the
/// program may go by these variables. The variables stay as they are, but do not name any
/// child of this process. Does not wait.
///
/// # Examples
///
/// ```
/// use netpoll::net::{TcpListener, inherited_listeners};
///
/// let mut inherited = inherited_listeners().into_iter();
/// let listener = match inherited.next() {
///     Some(left) => TcpListener::from(left),
///     None => TcpListener::bind("127.0.0.1:0")?,
/// };
/// assert!(listener.local_addr()?.ip().is_loopback());
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn inherited_listeners() -> Vec<Inherited> {
    inherited::take()
        .into_iter()
        .map(|(fd, name)| Inherited { name, fd })
        .collect()
}

/// `listener!(TcpListener)`.
macro_rules! listener {
    ($Type:ident) => {
        impl From<Inherited> for $Type {
            /// Takes it for a listener of this kind, on which accepting waits, in whichever
            /// mode it was left. If it is something else, operations say so.
            fn from(inherited: Inherited) -> Self {
                let listener = Self::from(inherited.fd);
                // It fails for one that is closed, which this is not.
                let _ = listener.set_nonblocking(false);
                listener
            }
        }
    };
}

listener!(TcpListener);
listener!(UnixListener);
