//! Sockets of Unix, in the shape of [`std::os::unix::net`].
//!
//! The types here have std's names, std's methods and std's defaults; an operation that
//! would block parks the task, as in [`net`](crate::net). Beside std's methods
//! there are deadlines, `close`, `wait_readable`, and what else the sockets of
//! [`net`](crate::net) have. [`SocketAddr`] is std's.
//!
//! Conversions from and to std and descriptors work
//! [as there](crate::net#from-and-to-std).
//!
//! Beyond std there are connections that keep messages apart ([`UnixSeqpacket`]),
//! descriptors that go along with bytes ([`recv_with_fds`](UnixStream::recv_with_fds)), who
//! the peer is ([`peer_cred`](UnixStream::peer_cred)), and listeners that
//! [remove their path](UnixListener::set_unlink_on_close).
//!
//! # Where the system does not say when
//!
//! Two things can have to wait on Unix without any event that would end the wait:
//! connecting to a listener whose backlog is full, and sending a datagram by address
//! ([`UnixDatagram::send_to`]) to a socket whose queue is full. They are tried again after
//! pauses that grow from 0.1 ms to 50 ms, and notice within one pause that a deadline
//! moved, or the socket was closed.

mod ancillary;
mod connect;
mod convert;
mod credentials;
mod datagram;
mod listener;
mod seqpacket;
mod seqpacket_listener;
mod stream;
mod unlink;

pub use std::os::unix::net::SocketAddr;

pub use ancillary::UnixMessage;
pub(crate) use connect::connect;
#[doc(alias = "SO_PEERCRED")]
#[doc(alias = "SCM_CREDENTIALS")]
pub use credentials::UCred;
#[doc(alias = "unixgram")]
pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
#[doc(alias = "unixpacket")]
#[doc(alias = "UnixConn")]
#[doc(alias = "UnixSeqpacketConn")]
#[doc(alias = "SOCK_SEQPACKET")]
pub use seqpacket::UnixSeqpacket;
pub use seqpacket_listener::Incoming as IncomingSeqpacket;
#[doc(alias = "unixpacket")]
#[doc(alias = "SOCK_SEQPACKET")]
pub use seqpacket_listener::UnixSeqpacketListener;
#[doc(alias = "UnixConn")]
pub use stream::UnixStream;

use std::os::fd::{AsRawFd, RawFd};
use std::{fmt, io};

/// What std's sockets of Unix look like: they show what they are made of.
fn debug(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    socket: &impl AsRawFd,
    addresses: &[(&str, io::Result<SocketAddr>)],
) -> fmt::Result {
    #[derive(Debug)]
    #[allow(dead_code, reason = "it is read where it is shown")]
    struct FileDesc(OwnedFd);

    #[derive(Debug)]
    #[allow(dead_code, reason = "it is read where it is shown")]
    struct OwnedFd {
        fd: RawFd,
    }

    let fd = socket.as_raw_fd();
    let mut debug = f.debug_struct(name);
    debug.field("fd", &FileDesc(OwnedFd { fd }));
    for (name, address) in addresses {
        if let Ok(address) = address {
            debug.field(name, address);
        }
    }
    debug.finish()
}
