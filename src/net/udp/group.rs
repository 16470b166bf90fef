//! A socket that receives what is sent to a group.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use super::UdpSocket;
use crate::fd::Socket;
use crate::sys::socket::{options, udp};

impl UdpSocket {
    /// Creates a socket that receives what is sent to a group, at the group's address and
    /// port, by the interface of this [index](crate::net::Interface::index); by the one
    /// that the system chooses for `None`. As many sockets of this host as like can do so.
    /// What the socket itself sends to the group is not received on this host, until
    /// [`set_multicast_loop_v4`](Self::set_multicast_loop_v4), or `_v6`, says so.
    ///
    /// Does not wait.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the address is none of a group; raw `ENODEV` without such an
    /// interface; what [`bind`](Self::bind) fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let group = "224.0.0.251:5353".parse().unwrap();
    /// let loopback = netpoll::net::interfaces()?.into_iter().find(|one| one.is_loopback()).unwrap();
    /// let socket = UdpSocket::bind_multicast(group, Some(loopback.index))?;
    /// assert_eq!(socket.local_addr()?, group);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ListenMulticastUDP")]
    pub fn bind_multicast(group: SocketAddr, interface: Option<u32>) -> io::Result<Self> {
        if !group.ip().is_multicast() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not the address of a group",
            ));
        }
        let fd = udp::bind_group(&group)?;
        let index = interface.unwrap_or(0);
        match group.ip() {
            IpAddr::V4(ip) => {
                options::join_multicast_v4_by(fd.as_fd(), &ip, index)?;
                options::set_multicast_loop_v4(fd.as_fd(), false)?;
            }
            IpAddr::V6(ip) => {
                options::join_multicast_v6(fd.as_fd(), &ip, index)?;
                options::set_multicast_interface_v6(fd.as_fd(), index)?;
                options::set_multicast_loop_v6(fd.as_fd(), false)?;
            }
        }
        Ok(Self {
            socket: Socket::new(fd),
        })
    }
}
