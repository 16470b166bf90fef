//! Datagrams over IP.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::net::{RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, sockopt};

use super::envelope::{Envelope, Received};
use super::message::{self, MOST_MESSAGES, Outgoing, Room};
use super::{Errno, Fault, family, raw_options};
use crate::sys::fallback::Feature;

/// A new UDP socket that is bound to an address, in blocking mode: every call that
/// could wait has a flag.
pub(crate) fn bind(address: &SocketAddr) -> io::Result<OwnedFd> {
    let fd = new(address)?;
    rustix::net::bind(&fd, address)?;
    Ok(fd)
}

fn new(address: &SocketAddr) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(
        family(address),
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(ipproto::UDP),
    )?)
}

/// Sets the peer. Does not wait.
pub(crate) fn connect(fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    Ok(rustix::net::connect(fd, address)?)
}

/// Receives one datagram, and tells from whom.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<(usize, SocketAddr), Fault> {
    receive(fd, buffer, RecvFlags::empty())
}

/// Receives one datagram, tells from whom, and leaves it there.
pub(crate) fn peek_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<(usize, SocketAddr), Fault> {
    receive(fd, buffer, RecvFlags::PEEK)
}

fn receive(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> Result<(usize, SocketAddr), Fault> {
    let (_, length, sender) = rustix::net::recvfrom(fd, buffer, RecvFlags::DONTWAIT | flags)?;
    let sender = sender.ok_or(Fault::Error(Errno::INVAL))?;
    let sender = SocketAddr::try_from(sender).map_err(Fault::Error)?;
    Ok((length, sender))
}

/// Sends one datagram.
pub(crate) fn send_to(
    fd: BorrowedFd<'_>,
    bytes: &[u8],
    address: &SocketAddr,
) -> Result<usize, Fault> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(rustix::net::sendto(fd, bytes, flags, address)?)
}

/// Receives one datagram, and what came with it.
pub(crate) fn receive_message(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received, Fault> {
    let mut envelope = Envelope::new();
    let room = buffer.len();
    let arrived = message::receive(
        fd,
        &mut [IoSliceMut::new(buffer)],
        envelope.name.room(),
        envelope.control.room(),
        libc::MSG_TRUNC,
    )?;
    envelope.arrived(arrived);
    Received::decode(&envelope, room).ok_or(Fault::Error(Errno::INVAL))
}

/// Receives as many datagrams as there are, but no more than there are envelopes, each
/// into its part of the memory.
pub(crate) fn receive_batch(
    fd: BorrowedFd<'_>,
    memory: &mut [u8],
    size: usize,
    envelopes: &mut [Envelope],
) -> Result<usize, Fault> {
    let mut arrived = [None; MOST_MESSAGES];
    let rooms = memory
        .chunks_mut(size)
        .zip(&mut *envelopes)
        .map(|(bytes, envelope)| Room {
            bytes,
            name: envelope.name.room(),
            control: envelope.control.room(),
        });
    let came = |at: usize, what| arrived[at] = Some(what);
    let count = message::receive_many(fd, rooms, libc::MSG_TRUNC, came)?;
    for (envelope, arrived) in envelopes.iter_mut().zip(arrived) {
        if let Some(arrived) = arrived {
            envelope.arrived(arrived);
        }
    }
    Ok(count)
}

/// Sends one datagram the way that an envelope says.
pub(crate) fn send_message(
    fd: BorrowedFd<'_>,
    bytes: &[u8],
    envelope: &Envelope,
) -> Result<usize, Fault> {
    message::send(fd, outgoing(bytes, envelope))
}

/// Sends as many datagrams as there is room for, and returns how many.
pub(crate) fn send_batch<'a>(
    fd: BorrowedFd<'_>,
    datagrams: impl Iterator<Item = (&'a [u8], &'a Envelope)>,
) -> Result<usize, Fault> {
    message::send_many(
        fd,
        datagrams.map(|(bytes, envelope)| outgoing(bytes, envelope)),
    )
}

fn outgoing<'a>(bytes: &'a [u8], envelope: &'a Envelope) -> Outgoing<'a> {
    Outgoing {
        bytes,
        name: envelope.name.as_bytes(),
        control: envelope.control.as_bytes(),
    }
}

/// Whether the system takes datagrams apart, so that [`Transmit::segment_size`] is
/// understood. One that does not would send all in one piece.
///
/// [`Transmit::segment_size`]: super::Transmit::segment_size
pub(crate) fn can_segment(fd: BorrowedFd<'_>) -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        !Feature::UdpSegment.is_forced_off() && raw_options::get(fd, raw_options::SEGMENT).is_ok()
    })
}

/// Whether the system refused to take a datagram apart, and would send its parts: the
/// segments are longer than the interface takes, or it has no checksums.
pub(crate) fn is_refusal_to_segment(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::Error(Errno::INVAL | Errno::IO | Errno::MSGSIZE | Errno::OPNOTSUPP)
    )
}

/// A new socket that receives what is sent to a group, bound to the group's address so
/// that it receives nothing else; others may bind to it as well.
pub(crate) fn bind_group(group: &SocketAddr) -> io::Result<OwnedFd> {
    let fd = new(group)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    rustix::net::bind(&fd, group)?;
    Ok(fd)
}
