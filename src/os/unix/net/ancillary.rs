//! Descriptors and credentials that go along with bytes.

use std::io;
use std::os::fd::OwnedFd;

use super::{SocketAddr, UCred};
use crate::sys::socket::ancillary::Arrival;

/// What came by `recv_with_fds`.
///
/// # Examples
///
/// ```
/// use netpoll::os::unix::net::UnixStream;
/// use std::io::Read;
/// use std::os::fd::AsFd;
///
/// let (left, right) = UnixStream::pair()?;
/// let file = std::fs::File::open("/etc/passwd")?;
/// left.send_with_fds(b"here", &[file.as_fd()])?;
///
/// let mut buffer = [0; 16];
/// let mut came = right.recv_with_fds(&mut buffer, 1)?;
/// assert_eq!(&buffer[..came.length], b"here");
/// let mut file = std::fs::File::from(came.fds.remove(0));
/// file.read_exact(&mut buffer)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct UnixMessage {
    /// How many bytes are in the buffer. Of a stream, or of packets, none is the end.
    pub length: usize,
    /// How many bytes the datagram, or the packet, had. More than `length` if it was
    /// truncated.
    pub full_length: usize,
    /// The descriptors that came along. `exec` closes them (`FD_CLOEXEC`).
    pub fds: Vec<OwnedFd>,
    /// Whether more descriptors came than were asked for, or than the process could open.
    /// Those are closed.
    pub fds_are_truncated: bool,
    /// Who sent it, as far as `set_passcred` asked for it.
    pub credentials: Option<UCred>,
    /// From where, of datagrams; unnamed for what is connected.
    pub address: SocketAddr,
}

impl UnixMessage {
    /// Whether the buffer was too short for the datagram, or the packet. The rest is lost.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.length < self.full_length
    }

    pub(super) fn of(arrival: Arrival, room: usize) -> Self {
        Self {
            length: arrival.bytes.min(room),
            full_length: arrival.bytes,
            fds: arrival.descriptors,
            fds_are_truncated: arrival.lacks_descriptors,
            credentials: arrival.ids.map(UCred::of),
            address: arrival.sender,
        }
    }
}

/// `ancillary_methods!(UnixStream, send_along, example = "..")`: the function of
/// [`Socket`](crate::fd::Socket) that sends bytes with something along. The example makes
/// sockets by the names of `left` and `right`.
macro_rules! ancillary_methods {
    ($Type:ident, $send:ident, example = $example:expr $(,)?) => {
        /// What goes along with bytes.
        impl $Type {
            /// Sends bytes, and descriptors with them: whoever receives the bytes gets
            /// descriptors of their own for the same open files. Returns how many bytes were
            /// sent. Ours stay open, and may be closed as soon as this returns.
            ///
            /// Waits like a write. On a stream the descriptors come with the first byte, so
            /// there must be one; everything is written as by a write.
            ///
            /// # Errors
            ///
            /// As for a write; `InvalidInput` for more than 253 descriptors, and on a stream
            /// without bytes; raw `ETOOMANYREFS` while too many are on their way that nobody
            /// has received.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::io::Write;
            /// use std::os::fd::AsFd;
            #[doc = $example]
            /// let (mut from, to) = netpoll::io::pipe()?;
            /// left.send_with_fds(b"write there", &[to.as_fd()])?;
            /// drop(to);
            ///
            /// let mut came = right.recv_with_fds(&mut [0; 16], 1)?;
            /// std::fs::File::from(came.fds.remove(0)).write_all(b"hello")?;
            /// let mut text = String::new();
            /// std::io::Read::read_to_string(&mut from, &mut text)?;
            /// assert_eq!(text, "hello");
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SCM_RIGHTS")]
            #[doc(alias = "WriteMsgUnix")]
            #[doc(alias = "sendmsg")]
            pub fn send_with_fds(
                &self,
                bytes: &[u8],
                fds: &[std::os::fd::BorrowedFd<'_>],
            ) -> std::io::Result<usize> {
                let along = crate::sys::socket::ancillary::Along {
                    descriptors: fds,
                    ..Default::default()
                };
                self.socket.$send(bytes, along)
            }

            /// Sends bytes, and with them who we say that we are, to a receiver that
            /// [wants to know](Self::set_passcred). Without this it is told who we are.
            ///
            /// Waits like [`send_with_fds`](Self::send_with_fds).
            ///
            /// # Errors
            ///
            /// As for [`send_with_fds`](Self::send_with_fds); `PermissionDenied` for those
            /// that we may not be.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// right.set_passcred(true)?;
            /// let ourselves = left.peer_cred()?; // here, both ends are ours
            /// left.send_with_credentials(b"hello", ourselves)?;
            /// assert_eq!(right.recv_with_fds(&mut [0; 16], 0)?.credentials, Some(ourselves));
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SCM_CREDENTIALS")]
            pub fn send_with_credentials(
                &self,
                bytes: &[u8],
                credentials: $crate::os::unix::net::UCred,
            ) -> std::io::Result<usize> {
                let along = crate::sys::socket::ancillary::Along {
                    ids: Some(credentials.ids()),
                    ..Default::default()
                };
                self.socket.$send(bytes, along)
            }

            /// Receives bytes, and what comes along with them: so many descriptors at most,
            /// and [who sent them](Self::set_passcred). More descriptors than that are
            /// closed, and [reported](super::UnixMessage::fds_are_truncated); none leaks.
            ///
            /// Parks the task, or blocks the thread, until there is something; bounded like
            /// a read. A plain read takes the bytes and closes the descriptors. On a stream a
            /// receive ends before bytes with which other descriptors came.
            ///
            /// # Errors
            ///
            /// As for a read.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::os::fd::AsFd;
            #[doc = $example]
            /// left.send_with_fds(b"more than you want", &[left.as_fd(), left.as_fd()])?;
            /// let came = right.recv_with_fds(&mut [0; 64], 1)?;
            /// assert_eq!((came.length, came.fds.len()), (18, 1));
            /// assert!(came.fds_are_truncated);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SCM_RIGHTS")]
            #[doc(alias = "ReadMsgUnix")]
            #[doc(alias = "recvmsg")]
            pub fn recv_with_fds(
                &self,
                buffer: &mut [u8],
                most: usize,
            ) -> std::io::Result<$crate::os::unix::net::UnixMessage> {
                let arrival = self.socket.receive_along(buffer, most)?;
                Ok($crate::os::unix::net::UnixMessage::of(
                    arrival,
                    buffer.len(),
                ))
            }

            /// Who the peer was when it connected, or when the pair was made. Does not wait.
            /// In std this is not stable.
            ///
            /// # Errors
            ///
            /// `NotConnected` without a peer, and, with [`Closed`](crate::io::Closed), once
            /// the socket is closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// assert_eq!(left.peer_cred()?, right.peer_cred()?); // both are this process
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SO_PEERCRED")]
            pub fn peer_cred(&self) -> std::io::Result<$crate::os::unix::net::UCred> {
                $crate::os::unix::net::ancillary::peer(self.socket.open()?)
            }

            /// Sets whether the system says of each message who sent it
            /// ([`UnixMessage::credentials`](super::UnixMessage::credentials)). Off at first.
            /// Does not wait. A socket of ours without a name gets an abstract one when it
            /// connects or sends afterwards. In std this is not stable.
            ///
            /// # Errors
            ///
            /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// right.set_passcred(true)?;
            /// assert!(right.passcred()?);
            /// left.send_with_fds(b"hello", &[])?;
            /// let sender = right.recv_with_fds(&mut [0; 16], 0)?.credentials.unwrap();
            /// assert_eq!(sender.pid, Some(std::process::id() as i32));
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SO_PASSCRED")]
            pub fn set_passcred(&self, passcred: bool) -> std::io::Result<()> {
                crate::sys::socket::options::set_passcred(self.socket.open()?, passcred)
            }

            /// Whether the system says of each message who sent it. Does not wait.
            ///
            /// # Errors
            ///
            /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
            pub fn passcred(&self) -> std::io::Result<bool> {
                crate::sys::socket::options::passcred(self.socket.open()?)
            }
        }
    };
}

pub(super) use ancillary_methods;

/// Who the peer is. The system knows a socket without one as nobody's.
pub(super) fn peer(fd: std::os::fd::BorrowedFd<'_>) -> io::Result<UCred> {
    const NOBODY: u32 = u32::MAX;
    match crate::sys::socket::raw_options::peer(fd)? {
        (0, NOBODY, NOBODY) => Err(io::ErrorKind::NotConnected.into()),
        ids => Ok(UCred::of(ids)),
    }
}
