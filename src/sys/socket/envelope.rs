//! What goes with a datagram: how it is to be sent, and how it came. And the control
//! messages that say so to the kernel.
//!
//! A socket of IPv6 may send to IPv4, and receive from it. Then the kernel reads, and
//! writes, the control messages of IPv4; see [`Transmit::encode`] and
//! [`Received::decode`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::address::Name;
use super::control::{Control, Message, number, space};
use super::message::Arrived;

/// Explicit congestion notification (RFC 3168): what routers say about congestion to
/// those who can bear to hear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// Not capable of it: a congested router drops the datagram.
    NotCapable = 0,
    /// Capable, `ECT(1)`.
    Capable1 = 1,
    /// Capable, `ECT(0)`: the usual one.
    Capable0 = 2,
    /// A router on the way is congested (`CE`).
    Congested = 3,
}

impl Ecn {
    /// The lower two bits of a traffic class.
    #[must_use]
    pub const fn of_traffic_class(class: u8) -> Self {
        match class & 3 {
            0 => Self::NotCapable,
            1 => Self::Capable1,
            2 => Self::Capable0,
            _ => Self::Congested,
        }
    }
}

/// How a datagram is to be sent: where to, and, where that is asked for, from which
/// address, by which interface, in how many segments, and with which marks. For
/// [`send_msg`](crate::net::UdpSocket::send_msg) and [`Batch::push`](crate::net::Batch::push).
///
/// # Examples
///
/// ```
/// use netpoll::net::{Ecn, Transmit, UdpSocket};
///
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// let how = Transmit::to(socket.local_addr()?).ecn(Ecn::Capable0).hop_limit(3);
/// socket.set_recv_traffic_class(true)?;
/// socket.set_recv_hop_limit(true)?;
/// socket.send_msg(b"hello", &how)?;
///
/// let came = socket.recv_msg(&mut [0; 16])?;
/// assert_eq!(came.ecn(), Some(Ecn::Capable0));
/// assert_eq!(came.hop_limit, Some(3));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "it says how to send, and sends nothing"]
pub struct Transmit {
    address: Option<SocketAddr>,
    segment_size: Option<u16>,
    source: Option<IpAddr>,
    interface: Option<u32>,
    traffic_class: Option<u8>,
    hop_limit: Option<u8>,
}

impl Transmit {
    /// To an address.
    pub const fn to(address: SocketAddr) -> Self {
        let mut this = Self::to_peer();
        this.address = Some(address);
        this
    }

    /// To the [peer](crate::net::UdpSocket::connect).
    pub const fn to_peer() -> Self {
        Self {
            address: None,
            segment_size: None,
            source: None,
            interface: None,
            traffic_class: None,
            hop_limit: None,
        }
    }

    /// As datagrams of so many bytes each, the last of which may be shorter: the system, or
    /// the network card, takes them apart (`UDP_SEGMENT`). At most 64 of them, and 65507
    /// bytes in all. A size of zero, or of no less than there is to send, means one
    /// datagram.
    ///
    /// Sending then fails with `InvalidInput` if a segment is longer than the interface
    /// takes, or there are too many; with raw `EIO` if the interface cannot do it. What
    /// sends anyway is [`send_segments`](crate::net::UdpSocket::send_segments).
    #[doc(alias = "GSO")]
    #[doc(alias = "UDP_SEGMENT")]
    pub const fn segment_size(mut self, bytes: u16) -> Self {
        self.segment_size = Some(bytes);
        self
    }

    /// From an address of this host, which the socket need not be bound to. A server that
    /// is bound to all addresses answers from the one that it was asked at; see
    /// [`Received::reply`].
    #[doc(alias = "IP_PKTINFO")]
    pub const fn source(mut self, address: IpAddr) -> Self {
        self.source = Some(address);
        self
    }

    /// By the interface of this [index](crate::net::Interface::index).
    #[doc(alias = "IP_PKTINFO")]
    pub const fn interface(mut self, index: u32) -> Self {
        self.interface = Some(index);
        self
    }

    /// With this traffic class (IPv6) or type of service (IPv4), whose lower two bits are
    /// the [`Ecn`].
    #[doc(alias = "IP_TOS")]
    #[doc(alias = "IPV6_TCLASS")]
    pub const fn traffic_class(mut self, class: u8) -> Self {
        self.traffic_class = Some(class);
        self
    }

    /// With this mark about congestion; the rest of the traffic class stays as it is
    /// here, zero at first.
    pub const fn ecn(mut self, ecn: Ecn) -> Self {
        let class = match self.traffic_class {
            Some(class) => class & !3,
            None => 0,
        };
        self.traffic_class = Some(class | ecn as u8);
        self
    }

    /// Over so many routers at most, of which there must be one.
    #[doc(alias = "IP_TTL")]
    #[doc(alias = "IPV6_HOPLIMIT")]
    pub const fn hop_limit(mut self, hops: u8) -> Self {
        self.hop_limit = Some(hops);
        self
    }

    /// Where it goes to; `None` for the peer.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Without a size of segments.
    pub(crate) const fn whole(mut self) -> Self {
        self.segment_size = None;
        self
    }

    /// The address and the control messages for a datagram of so many bytes.
    pub(crate) fn encode(&self, length: usize) -> Envelope {
        let mut envelope = Envelope::new();
        envelope.length = length;
        if let Some(address) = &self.address {
            envelope.name = Name::of(address);
        }
        let control = &mut envelope.control;
        if let Some(size) = self.segment_size.filter(|size| *size > 0)
            && length > size.into()
        {
            control.push(libc::SOL_UDP, libc::UDP_SEGMENT, &size.to_ne_bytes());
        }
        // An address of IPv4 that is written as one of IPv6 is one of IPv4 to the kernel.
        // Where there is none, both are told: the kernel reads what is for it.
        let known = self.address.map(|address| address.ip()).or(self.source);
        let version = known.map(|ip| ip.to_canonical().is_ipv4());
        if version != Some(false) {
            self.encode_v4(control);
        }
        if version != Some(true) {
            self.encode_v6(control);
        }
        envelope
    }

    fn encode_v4(&self, control: &mut Control<ROOM>) {
        const LEVEL: i32 = libc::IPPROTO_IP;
        if self.has_place() {
            let source = match self.source.map(|source| source.to_canonical()) {
                Some(IpAddr::V4(source)) => source,
                // The kernel will say that nothing comes from there.
                Some(IpAddr::V6(_)) => Ipv4Addr::BROADCAST,
                None => Ipv4Addr::UNSPECIFIED,
            };
            // in_pktinfo: the interface, the source, and what is for receiving.
            let mut data = [0; 12];
            data[..4].copy_from_slice(&self.interface.unwrap_or(0).to_ne_bytes());
            data[4..8].copy_from_slice(&source.octets());
            control.push(LEVEL, libc::IP_PKTINFO, &data);
        }
        if let Some(class) = self.traffic_class {
            control.push(LEVEL, libc::IP_TOS, &i32::from(class).to_ne_bytes());
        }
        if let Some(hops) = self.hop_limit {
            control.push(LEVEL, libc::IP_TTL, &i32::from(hops).to_ne_bytes());
        }
    }

    fn encode_v6(&self, control: &mut Control<ROOM>) {
        const LEVEL: i32 = libc::IPPROTO_IPV6;
        if self.has_place() {
            let source = match self.source {
                Some(IpAddr::V6(source)) => source,
                Some(IpAddr::V4(source)) => source.to_ipv6_mapped(),
                None => Ipv6Addr::UNSPECIFIED,
            };
            // in6_pktinfo: the source, and the interface.
            let mut data = [0; 20];
            data[..16].copy_from_slice(&source.octets());
            data[16..].copy_from_slice(&self.interface.unwrap_or(0).to_ne_bytes());
            control.push(LEVEL, libc::IPV6_PKTINFO, &data);
        }
        if let Some(class) = self.traffic_class {
            control.push(LEVEL, libc::IPV6_TCLASS, &i32::from(class).to_ne_bytes());
        }
        if let Some(hops) = self.hop_limit {
            control.push(LEVEL, libc::IPV6_HOPLIMIT, &i32::from(hops).to_ne_bytes());
        }
    }

    fn has_place(&self) -> bool {
        self.source.is_some() || self.interface.is_some()
    }
}

/// How a datagram came: from whom, how long it was, and what else the socket was told
/// to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Who sent it.
    pub address: SocketAddr,
    /// How many bytes are in the buffer.
    pub length: usize,
    /// How many bytes it had. More than `length` if it was truncated.
    pub full_length: usize,
    /// If the system joined several datagrams of one sender (see
    /// [`set_gro`](crate::net::UdpSocket::set_gro)): the length of each but for the last,
    /// which may be shorter.
    pub segment_size: Option<usize>,
    /// Where it was sent to, with
    /// [`set_recv_destination`](crate::net::UdpSocket::set_recv_destination).
    pub destination: Option<IpAddr>,
    /// The index of the interface that it came in by; reported with `destination`.
    pub interface: Option<u32>,
    /// Its traffic class (IPv6) or type of service (IPv4), with
    /// [`set_recv_traffic_class`](crate::net::UdpSocket::set_recv_traffic_class).
    pub traffic_class: Option<u8>,
    /// Over how many more routers it could have gone, with
    /// [`set_recv_hop_limit`](crate::net::UdpSocket::set_recv_hop_limit).
    pub hop_limit: Option<u8>,
    /// The address of this host that an answer comes from.
    local: Option<IpAddr>,
}

impl Received {
    /// Whether the buffer was too short for it. The rest is lost.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.length < self.full_length
    }

    /// What routers say about congestion, with
    /// [`set_recv_traffic_class`](crate::net::UdpSocket::set_recv_traffic_class).
    #[must_use]
    pub fn ecn(&self) -> Option<Ecn> {
        self.traffic_class.map(Ecn::of_traffic_class)
    }

    /// How to answer: to the sender, in segments as it came in segments, and from the
    /// address that it was sent to, if that was reported and is one host's.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::UdpSocket;
    ///
    /// let server = UdpSocket::bind("0.0.0.0:0")?;
    /// server.set_recv_destination(true)?;
    /// let client = UdpSocket::bind("127.0.0.1:0")?;
    /// client.connect(("127.0.0.9", server.local_addr()?.port()))?;
    /// client.send(b"hello")?;
    ///
    /// let mut buffer = [0; 16];
    /// let came = server.recv_msg(&mut buffer)?;
    /// server.send_msg(&buffer[..came.length], &came.reply())?;
    /// assert_eq!(client.recv(&mut buffer)?, 5); // from 127.0.0.9, or it would not come
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reply(&self) -> Transmit {
        Transmit {
            source: self.local,
            segment_size: self.segment_size.and_then(|size| size.try_into().ok()),
            ..Transmit::to(self.address)
        }
    }

    /// `None` if the sender is none of IP.
    pub(crate) fn decode(envelope: &Envelope, room: usize) -> Option<Self> {
        let address = envelope.name.address()?;
        let mut received = Self {
            address,
            length: envelope.length.min(room),
            full_length: envelope.length,
            segment_size: None,
            destination: None,
            interface: None,
            traffic_class: None,
            hop_limit: None,
            local: None,
        };
        for message in envelope.control.messages() {
            // Those that are too short, because there was no room, say nothing.
            let _: Option<()> = received.learn(message);
        }
        Some(received)
    }

    fn learn(&mut self, (level, kind, data): Message<'_>) -> Option<()> {
        match (level, kind) {
            (libc::SOL_UDP, libc::UDP_GRO) => {
                let size = usize::try_from(number(data)?).ok()?;
                // One datagram is not joined with anything.
                self.segment_size = Some(size).filter(|size| (1..self.full_length).contains(size));
            }
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let [index, local, destination] = [0, 4, 8].map(|at| data.get(at..at + 4));
                let [local, destination] = [local?, destination?]
                    .map(|ip| ip.first_chunk().map(|ip: &[u8; 4]| Ipv4Addr::from(*ip)));
                self.place(destination?.into(), local?.into(), number(index?)?);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let destination = Ipv6Addr::from(*data.first_chunk::<16>()?);
                let local = destination.into();
                self.place(local, local, number(data.get(16..)?)?);
            }
            (libc::IPPROTO_IP, libc::IP_TOS) | (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                self.traffic_class = u8::try_from(number(data)?).ok();
            }
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                self.hop_limit = u8::try_from(number(data)?).ok();
            }
            _ => {}
        }
        Some(())
    }

    /// A socket of IPv6 that receives from IPv4 is told twice, and knows all addresses as
    /// those of IPv6.
    fn place(&mut self, destination: IpAddr, local: IpAddr, interface: i32) {
        let [destination, local] = [destination, local].map(|ip| match ip {
            IpAddr::V4(ip) if self.address.is_ipv6() => ip.to_ipv6_mapped().into(),
            ip => ip,
        });
        self.destination = Some(destination);
        self.local = Some(local).filter(|local| !local.is_multicast() && !local.is_unspecified());
        self.interface = Some(interface.cast_unsigned());
    }
}

/// Room for the control messages of one datagram, all that the options above ask for: the
/// destination twice, and four numbers.
const ROOM: usize = space(12) + space(20) + 6 * space(4);

/// The address of a datagram, its control messages, and how long it was, as the kernel
/// reads and writes them.
#[derive(Clone, Copy)]
pub(crate) struct Envelope {
    pub(crate) control: Control<ROOM>,
    pub(crate) name: Name,
    /// How long the datagram is; of one that was received, before it was put into the
    /// buffer.
    pub(crate) length: usize,
}

impl Envelope {
    pub(crate) const fn new() -> Self {
        Self {
            control: Control::new(),
            name: Name::none(),
            length: 0,
        }
    }

    /// Takes down what the kernel said that it wrote here.
    pub(crate) fn arrived(&mut self, arrived: Arrived) {
        self.name.set_len(arrived.name);
        self.control.set_len(arrived.control);
        self.length = arrived.bytes;
    }
}
