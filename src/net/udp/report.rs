//! What a socket is told to report of the datagrams that it receives.

use std::io;
use std::os::fd::BorrowedFd;

use super::UdpSocket;
use crate::sys::socket::{self, raw_options};

/// What is reported of datagrams that come. All of it is off at first; none of these wait.
/// They fail with `NotConnected`, and [`Closed`](crate::io::Closed), once the socket is
/// closed.
impl UdpSocket {
    /// Sets whether the system reports where datagrams were sent to, and which interface
    /// they came in by: [`Received::destination`](crate::net::Received::destination). With
    /// it, [`reply`](crate::net::Received::reply) answers from the address that was asked.
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
    /// let socket = UdpSocket::bind("[::]:0")?;
    /// socket.set_recv_destination(true)?;
    /// socket.send_to(b"hello", ("::1", socket.local_addr()?.port()))?;
    ///
    /// let came = socket.recv_msg(&mut [0; 16])?;
    /// assert_eq!(came.destination.unwrap().to_string(), "::1");
    /// assert!(came.interface.is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "IP_PKTINFO")]
    #[doc(alias = "IPV6_RECVPKTINFO")]
    pub fn set_recv_destination(&self, on: bool) -> io::Result<()> {
        self.report(raw_options::DESTINATION_V4, raw_options::DESTINATION_V6, on)
    }

    /// Sets whether the system reports the traffic class of datagrams, and with it the
    /// [`Ecn`](crate::net::Ecn):
    /// [`Received::traffic_class`](crate::net::Received::traffic_class).
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with.
    #[doc(alias = "IP_RECVTOS")]
    #[doc(alias = "IPV6_RECVTCLASS")]
    pub fn set_recv_traffic_class(&self, on: bool) -> io::Result<()> {
        self.report(
            raw_options::TRAFFIC_CLASS_V4,
            raw_options::TRAFFIC_CLASS_V6,
            on,
        )
    }

    /// Sets whether the system reports over how many more routers datagrams could have
    /// gone: [`Received::hop_limit`](crate::net::Received::hop_limit).
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with.
    #[doc(alias = "IP_RECVTTL")]
    #[doc(alias = "IPV6_RECVHOPLIMIT")]
    pub fn set_recv_hop_limit(&self, on: bool) -> io::Result<()> {
        self.report(raw_options::HOP_LIMIT_V4, raw_options::HOP_LIMIT_V6, on)
    }

    /// Sets whether the system joins datagrams that come from one sender in a row, and
    /// are equally long (`UDP_GRO`, generic receive offload). Then one receive brings up
    /// to 64 KiB, and [`Received::segment_size`](crate::net::Received::segment_size) says
    /// where to take it apart.
    ///
    /// Only for sockets on which everybody receives by [`recv_msg`](Self::recv_msg) or
    /// [`recv_batch`](Self::recv_batch), with room for 65535 bytes: others see datagrams
    /// that nobody sent.
    ///
    /// # Errors
    ///
    /// Raw `ENOPROTOOPT` from a kernel older than 5.0.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Batch, Transmit, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_gro(true)?;
    /// let to_myself = Transmit::to(socket.local_addr()?);
    /// socket.send_segments(&[7; 2500], 1000, &to_myself)?;
    ///
    /// let mut lengths = Vec::new();
    /// let mut batch = Batch::new(8, 65535);
    /// while lengths.len() < 3 {
    ///     socket.recv_batch(&mut batch)?;
    ///     for datagram in batch.iter() {
    ///         lengths.extend(datagram.segments().map(<[u8]>::len));
    ///     }
    /// }
    /// assert_eq!(lengths, [1000, 1000, 500]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "GRO")]
    #[doc(alias = "UDP_GRO")]
    pub fn set_gro(&self, on: bool) -> io::Result<()> {
        raw_options::set(self.socket.open()?, raw_options::GRO, on.into())
    }

    /// Whether the system joins datagrams.
    ///
    /// # Errors
    ///
    /// As for [`set_gro`](Self::set_gro).
    pub fn gro(&self) -> io::Result<bool> {
        Ok(raw_options::get(self.socket.open()?, raw_options::GRO)? != 0)
    }

    /// Sets an option that has a name for each version of IP.
    fn report(&self, v4: raw_options::Name, v6: raw_options::Name, on: bool) -> io::Result<()> {
        let fd: BorrowedFd<'_> = self.socket.open()?;
        if socket::local_address(fd)?.is_ipv4() {
            return raw_options::set(fd, v4, on.into());
        }
        // It may receive from IPv4 as well. If it may not, nothing is lost.
        let _ = raw_options::set(fd, v4, on.into());
        raw_options::set(fd, v6, on.into())
    }
}
