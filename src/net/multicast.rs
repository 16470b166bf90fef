//! One datagram for many: broadcast and multicast.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::UdpSocket;
use crate::sys::socket::options;

/// None of these wait. They fail with what the system call fails with; with
/// `NotConnected`, and [`Closed`](crate::io::Closed), once the socket is closed.
impl UdpSocket {
    /// Whether datagrams may be sent to broadcast addresses (`SO_BROADCAST`). Off at first.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert!(!socket.broadcast()?);
    /// socket.set_broadcast(true)?;
    /// assert!(socket.broadcast()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        options::set_broadcast(self.socket.open()?, broadcast)
    }

    /// The value of `SO_BROADCAST`.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with.
    pub fn broadcast(&self) -> io::Result<bool> {
        options::broadcast(self.socket.open()?)
    }

    /// Whether this host receives what it sends to groups of IPv4 (`IP_MULTICAST_LOOP`).
    /// On at first.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with.
    pub fn set_multicast_loop_v4(&self, multicast_loop: bool) -> io::Result<()> {
        options::set_multicast_loop_v4(self.socket.open()?, multicast_loop)
    }

    /// The value of `IP_MULTICAST_LOOP`.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        options::multicast_loop_v4(self.socket.open()?)
    }

    /// Over how many routers datagrams to groups of IPv4 may go (`IP_MULTICAST_TTL`).
    /// One at first: not beyond the local network.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        options::set_multicast_ttl_v4(self.socket.open()?, ttl)
    }

    /// The value of `IP_MULTICAST_TTL`.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        options::multicast_ttl_v4(self.socket.open()?)
    }

    /// Whether this host receives what it sends to groups of IPv6
    /// (`IPV6_MULTICAST_LOOP`). On at first.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with, for a socket of IPv4.
    pub fn set_multicast_loop_v6(&self, multicast_loop: bool) -> io::Result<()> {
        options::set_multicast_loop_v6(self.socket.open()?, multicast_loop)
    }

    /// The value of `IPV6_MULTICAST_LOOP`.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with, for a socket of IPv4.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        options::multicast_loop_v6(self.socket.open()?)
    }

    /// Joins a group of IPv4: what is sent to it is received from now on. The interface is
    /// named by its address; `0.0.0.0` leaves it to the system.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an address that is no group's; raw `ENODEV` if there is no such
    /// interface; `AddrInUse` if the socket is a member already.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Ipv4Addr, UdpSocket};
    ///
    /// let group = Ipv4Addr::new(224, 0, 0, 251);
    /// let socket = UdpSocket::bind("0.0.0.0:0")?;
    /// socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    /// socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenMulticastUDP")]
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        options::join_multicast_v4(self.socket.open()?, group, interface)
    }

    /// Joins a group of IPv6. The interface is named by its index; 0 leaves it to the system.
    ///
    /// # Errors
    ///
    /// As for [`join_multicast_v4`](Self::join_multicast_v4).
    #[doc(alias = "ListenMulticastUDP")]
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        options::join_multicast_v6(self.socket.open()?, group, interface)
    }

    /// Leaves a group of IPv4, with the interface that it was joined with.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` if the socket is no member.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        options::leave_multicast_v4(self.socket.open()?, group, interface)
    }

    /// Leaves a group of IPv6, with the interface that it was joined with.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` if the socket is no member.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        options::leave_multicast_v6(self.socket.open()?, group, interface)
    }
}
