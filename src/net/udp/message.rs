//! Datagrams with what goes with them: control messages, segments.

use std::io;

use super::UdpSocket;
use crate::fd::ShortRead;
use crate::sys::socket::envelope::{Received, Transmit};
use crate::sys::socket::udp;

/// How many datagrams the system makes of one (`UDP_MAX_SEGMENTS`), and how many bytes they
/// have together at most.
const MOST_SEGMENTS: usize = 64;
const MOST_BYTES: usize = 65_507;

/// With what goes along: addresses, marks, segments.
impl UdpSocket {
    /// Receives a datagram, and tells how it came: from whom, whether it was truncated, and
    /// what else the socket was told to report.
    ///
    /// Parks the task, or blocks the thread, until there is one; bounded like a read.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_recv_destination(true)?;
    /// socket.send_to(b"hello", socket.local_addr()?)?;
    ///
    /// let came = socket.recv_msg(&mut [0; 4])?;
    /// assert_eq!(came.address, socket.local_addr()?);
    /// assert_eq!(came.destination, Some(socket.local_addr()?.ip()));
    /// assert!(came.is_truncated());
    /// assert_eq!((came.length, came.full_length), (4, 5));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ReadMsgUDP")]
    #[doc(alias = "recvmsg")]
    pub fn recv_msg(&self, buffer: &mut [u8]) -> io::Result<Received> {
        self.socket.read_with(ShortRead::ProvesNothing, |fd| {
            udp::receive_message(fd, buffer)
        })
    }

    /// Sends a datagram, or several in [segments](Transmit::segment_size), the way that
    /// is asked for. Returns its length.
    ///
    /// Parks the task, or blocks the thread, while the system has no room for it; bounded
    /// like a write.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to); `InvalidInput` for a source or an interface that
    /// this host has not, a hop limit of zero, and where
    /// [segments](Transmit::segment_size) cannot be sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Transmit, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:0")?;
    /// let address = ("127.0.0.1".parse::<std::net::Ipv4Addr>().unwrap(), socket.local_addr()?.port());
    /// let from_elsewhere = Transmit::to(address.into()).source("127.0.0.5".parse().unwrap());
    /// socket.send_msg(b"hello", &from_elsewhere)?;
    /// assert_eq!(socket.recv_from(&mut [0; 16])?.1.ip().to_string(), "127.0.0.5");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "WriteMsgUDP")]
    #[doc(alias = "sendmsg")]
    pub fn send_msg(&self, bytes: &[u8], how: &Transmit) -> io::Result<usize> {
        let envelope = how.encode(bytes.len());
        self.socket
            .send_by(|fd| udp::send_message(fd, bytes, &envelope))
    }

    /// Sends bytes as datagrams of so many each, the last of which may be shorter, and
    /// returns how many bytes were sent. No bytes are one datagram.
    ///
    /// The system, or the network card, takes them apart, up to 64 in one call, which
    /// costs little more than one datagram. Where they refuse, because the interface cannot
    /// do it, or the kernel is older than 4.18, the datagrams are sent in batches. The
    /// size of segments that `how` may have does not count.
    ///
    /// Parks the task, or blocks the thread, while the system has no room; bounded like a
    /// write. What ends it early is told as by [`send_batch`](Self::send_batch).
    ///
    /// # Errors
    ///
    /// As for [`send_msg`](Self::send_msg); `InvalidInput` for a size of zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Transmit, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let to_myself = Transmit::to(socket.local_addr()?);
    /// assert_eq!(socket.send_segments(&[7; 2500], 1000, &to_myself)?, 2500);
    ///
    /// let mut buffer = [0; 1500];
    /// let lengths = [(); 3].map(|()| socket.recv(&mut buffer).unwrap());
    /// assert_eq!(lengths, [1000, 1000, 500]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "GSO")]
    #[doc(alias = "UDP_SEGMENT")]
    pub fn send_segments(&self, bytes: &[u8], size: usize, how: &Transmit) -> io::Result<usize> {
        if size == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "segments have one byte at least",
            ));
        }
        let whole = how.whole();
        // What the system makes segments of: as many of them as it takes.
        let at_once = (MOST_BYTES / size).clamp(1, MOST_SEGMENTS) * size;
        let in_segments = u16::try_from(size).ok().map(|size| how.segment_size(size));
        let mut may_segment = in_segments.is_some() && udp::can_segment(self.socket.open()?);
        self.socket.send_many(bytes.len(), |fd, sent| {
            let rest = &bytes[sent..];
            if may_segment
                && rest.len() > size
                && let Some(how) = &in_segments
            {
                let part = &rest[..at_once.min(rest.len())];
                match udp::send_message(fd, part, &how.encode(part.len())) {
                    Err(fault) if udp::is_refusal_to_segment(fault) => may_segment = false,
                    other => return other,
                }
            }
            if rest.is_empty() {
                return udp::send_message(fd, rest, &whole.encode(0));
            }
            // Their addresses are the same, and so is what depends on the length: nothing.
            let envelope = whole.encode(0);
            let segments = rest.chunks(size);
            let count = udp::send_batch(fd, segments.map(|bytes| (bytes, &envelope)))?;
            Ok(rest.len().min(count * size))
        })
    }
}
