//! What is of Linux alone, in the shape of [`std::os::linux`](https://doc.rust-lang.org/std/os/linux/index.html).

pub use std::os::linux::fs;
#[allow(
    deprecated,
    reason = "whether a name of std is deprecated is std's business"
)]
pub use std::os::linux::raw;

/// Networking that is of Linux alone, in the shape of
/// [`std::os::linux::net`](https://doc.rust-lang.org/std/os/linux/net/index.html).
///
/// # Examples
///
/// ```
/// use netpoll::os::linux::net::SocketAddrExt;
/// use netpoll::os::unix::net::{SocketAddr, UnixListener, UnixStream};
///
/// let name = format!("netpoll example {}", std::process::id());
/// let address = SocketAddr::from_abstract_name(name)?;
/// let listener = UnixListener::bind_addr(&address)?;
/// let stream = UnixStream::connect_addr(&address)?;
/// assert_eq!(
///     stream.peer_addr()?.as_abstract_name(),
///     address.as_abstract_name(),
/// );
/// # drop(listener);
/// # Ok::<(), std::io::Error>(())
/// ```
pub mod net {
    pub use std::os::linux::net::SocketAddrExt;

    pub use crate::fd::TcpStreamExt;
}
