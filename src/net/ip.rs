//! `IpSocket`.

use std::os::fd::AsRawFd;
use std::{fmt, io};

use super::{ScopedIpAddr, ttl_methods};
use crate::fd::{Socket, socket_methods, transfer_methods};
use crate::sys::socket::{self, raw_ip, raw_options, udp};

/// A socket for packets of IP of a protocol that the system leaves to programs, or speaks
/// as well, as ICMP. It takes the privilege `CAP_NET_RAW`.
///
/// What is received, and sent, is the packet without the header of IP. All sockets of a
/// protocol receive each packet of it, whomever it is for.
///
/// Timeouts, deadlines and `close` bound what waits, as for a
/// [`UdpSocket`](super::UdpSocket).
///
/// # Examples
///
/// A ping, of ICMP:
///
/// ```
/// use netpoll::net::IpSocket;
/// use std::net::Ipv4Addr;
///
/// const ICMP: u8 = 1;
/// let Ok(socket) = IpSocket::bind(ICMP, Ipv4Addr::LOCALHOST) else {
///     return Ok(()); // not permitted
/// };
/// let mut request = [8, 0, 0, 0, 0x12, 0x34, 0, 1];
/// let sum: u32 = request.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
/// let checksum = !((sum >> 16) + sum) as u16;
/// request[2..4].copy_from_slice(&checksum.to_be_bytes());
/// socket.send_to(&request, Ipv4Addr::LOCALHOST)?;
///
/// let mut buffer = [0; 64];
/// loop {
///     let (length, from) = socket.recv_from(&mut buffer)?;
///     // The first byte of a reply is zero; the socket sees the request too.
///     if buffer[0] == 0 && buffer[4..length] == request[4..] {
///         assert_eq!(from, Ipv4Addr::LOCALHOST.into());
///         break;
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct IpSocket {
    pub(super) socket: Socket,
}

impl IpSocket {
    /// Creates a socket for packets of a protocol that come to an address of this host, or to
    /// any for the unspecified one. The address says which version of IP it is. (The system
    /// makes the socket first and binds it then; what comes in between is received whatever
    /// its address.) Does not wait.
    ///
    /// # Errors
    ///
    /// `PermissionDenied`; `AddrNotAvailable`; `InvalidInput` for protocol zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::IpSocket;
    /// use std::io::ErrorKind;
    /// use std::net::Ipv6Addr;
    ///
    /// match IpSocket::bind(253, Ipv6Addr::UNSPECIFIED) {
    ///     Ok(socket) => assert_eq!(socket.local_addr()?.ip, Ipv6Addr::UNSPECIFIED),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenIP")]
    pub fn bind(protocol: u8, address: impl Into<ScopedIpAddr>) -> io::Result<Self> {
        let fd = raw_ip::bind(protocol, &address.into().with_port(0))?;
        Ok(Self {
            socket: Socket::new(fd),
        })
    }

    /// Sets the peer: [`send`](Self::send) sends to it, and only what comes from it is
    /// received. Does not wait.
    ///
    /// # Errors
    ///
    /// `NetworkUnreachable`, `AddrNotAvailable`.
    #[doc(alias = "DialIP")]
    pub fn connect(&self, address: impl Into<ScopedIpAddr>) -> io::Result<()> {
        let fd = self.socket.open()?;
        // The port of these sockets is the protocol. A peer with port zero would be none to
        // `getpeername`.
        let protocol = socket::local_address(fd)?.port();
        udp::connect(fd, &address.into().with_port(protocol))
    }

    /// Receives a packet without its header, and tells from whom. Returns its length, or
    /// that of the buffer if it is longer; the rest is lost.
    ///
    /// Parks the task, or blocks the thread, until there is one; bounded like a read.
    ///
    /// # Errors
    ///
    /// `WouldBlock` after the read timeout, and in non-blocking mode; `TimedOut` after the
    /// deadline; `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is
    /// closed.
    #[doc(alias = "ReadFromIP")]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, ScopedIpAddr)> {
        self.receive(buffer, false)
    }

    /// Receives a packet like [`recv_from`](Self::recv_from), and leaves it there.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, ScopedIpAddr)> {
        self.receive(buffer, true)
    }

    /// Receives a packet like [`recv_from`](Self::recv_from).
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_from(buffer)?.0)
    }

    /// Receives a packet like [`recv`](Self::recv), and leaves it there.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.peek_from(buffer)?.0)
    }

    fn receive(&self, buffer: &mut [u8], peek: bool) -> io::Result<(usize, ScopedIpAddr)> {
        let receive = |fd: std::os::fd::BorrowedFd<'_>| raw_ip::receive_from(fd, buffer, peek);
        let (length, sender) = self.socket.receive_from(receive)?;
        Ok((length, sender.into()))
    }

    /// Sends a packet, before which the system puts a header, unless [we
    /// do](Self::set_header_included). Returns its length.
    ///
    /// Parks the task, or blocks the thread, while the system has no room for it; bounded
    /// like a write.
    ///
    /// # Errors
    ///
    /// Raw `EMSGSIZE` for one that is too long; `NetworkUnreachable`; `WouldBlock` after
    /// the write timeout, and in non-blocking mode; `TimedOut` after the deadline;
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
    #[doc(alias = "WriteToIP")]
    pub fn send_to(&self, bytes: &[u8], address: impl Into<ScopedIpAddr>) -> io::Result<usize> {
        let address = address.into().with_port(0);
        self.socket.send_by(|fd| udp::send_to(fd, bytes, &address))
    }

    /// Sends a packet to the [peer](Self::connect). Returns its length.
    ///
    /// Waits like [`send_to`](Self::send_to).
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to); raw `EDESTADDRREQ` without a peer.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send_datagram(bytes)
    }

    /// Sets whether what is sent begins with a header of IP (`IP_HDRINCL`). The system fills
    /// in its checksum, and its length, and with IPv4 source and identification where they
    /// are zero. What is received comes without one all the same. Off at first. Does not
    /// wait.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with; `NotConnected`, with [`Closed`](crate::io::Closed),
    /// once the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::IpSocket;
    /// use std::net::Ipv4Addr;
    ///
    /// let Ok(socket) = IpSocket::bind(253, Ipv4Addr::LOCALHOST) else {
    ///     return Ok(()); // not permitted
    /// };
    /// socket.set_header_included(true)?;
    /// assert!(socket.header_included()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "IP_HDRINCL")]
    pub fn set_header_included(&self, on: bool) -> io::Result<()> {
        let fd = self.socket.open()?;
        raw_options::set(fd, self.header_option()?, on.into())
    }

    /// Whether what is sent begins with a header of IP. Does not wait.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with; `NotConnected`, with [`Closed`](crate::io::Closed),
    /// once the socket is closed.
    pub fn header_included(&self) -> io::Result<bool> {
        let fd = self.socket.open()?;
        Ok(raw_options::get(fd, self.header_option()?)? != 0)
    }

    fn header_option(&self) -> io::Result<raw_options::Name> {
        Ok(match self.local_addr()?.ip.is_ipv4() {
            true => raw_options::HEADER_INCLUDED_V4,
            false => raw_options::HEADER_INCLUDED_V6,
        })
    }

    /// The address that the socket is bound to. Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
    pub fn local_addr(&self) -> io::Result<ScopedIpAddr> {
        Ok(socket::local_address(self.socket.open()?)?.into())
    }

    /// The address of the [peer](Self::connect). Does not wait.
    ///
    /// # Errors
    ///
    /// `NotConnected` without one.
    #[doc(alias = "RemoteAddr")]
    pub fn peer_addr(&self) -> io::Result<ScopedIpAddr> {
        Ok(socket::peer_address(self.socket.open()?)?.into())
    }
}

socket_methods!(
    IpSocket,
    example = "\
use netpoll::net::IpSocket;
use std::net::Ipv4Addr;

let Ok(socket) = IpSocket::bind(253, Ipv4Addr::LOCALHOST) else {
    return Ok(()); // not permitted
};",
);

transfer_methods!(
    IpSocket,
    example = "\
use netpoll::net::IpSocket;
use std::net::Ipv4Addr;

let Ok(socket) = IpSocket::bind(253, Ipv4Addr::LOCALHOST) else {
    return Ok(()); // not permitted
};",
);

ttl_methods!(IpSocket);

impl fmt::Debug for IpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("IpSocket");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address.ip);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}
