//! Messages of Unix sockets, with what goes along.

use std::io;

use super::read::Amount;
use super::{Fd, ShortRead};
use crate::sys::socket::ancillary::{self, Along, Arrival, MOST_DESCRIPTORS};
use crate::sys::socket::{self, Fault};

impl Amount for Arrival {
    fn amount(&self) -> usize {
        self.bytes
    }
}

impl Fd {
    /// Receives a message, and so many descriptors at most.
    pub(crate) fn receive_along(&self, buffer: &mut [u8], most: usize) -> io::Result<Arrival> {
        self.read_with(ShortRead::ProvesNothing, |fd| {
            ancillary::receive(fd, buffer, most)
        })
    }

    /// Sends a message as a whole, to the peer, or to an address.
    pub(crate) fn send_along(&self, bytes: &[u8], along: Along<'_>) -> io::Result<usize> {
        check(along)?;
        if along.address.is_none() {
            return self.send_by(|fd| ancillary::send(fd, bytes, along));
        }
        // A full queue is no event for who is not its peer.
        self.write_patiently(|| match ancillary::send(self.open()?, bytes, along) {
            Ok(sent) => Ok(Some(sent)),
            Err(Fault::WouldBlock | Fault::Interrupted) => Ok(None),
            Err(Fault::Error(errno)) => Err(errno.into()),
        })
    }

    /// Writes to a stream until all is written; what goes along goes with the first byte.
    pub(crate) fn write_along(&self, bytes: &[u8], along: Along<'_>) -> io::Result<usize> {
        check(along)?;
        if bytes.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "on a stream something goes along with a byte, or not at all",
            ));
        }
        self.write_with(bytes.len(), |fd, written| match written {
            0 => ancillary::send(fd, bytes, along),
            _ => socket::send(fd, &bytes[written..]),
        })
    }
}

fn check(along: Along<'_>) -> io::Result<()> {
    if along.descriptors.len() > MOST_DESCRIPTORS {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "more descriptors than a message can take along",
        ));
    }
    Ok(())
}
