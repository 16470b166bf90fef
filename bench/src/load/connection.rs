//! A connection that stays, with requests in flight.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

use super::frames::Frames;
use super::text::Text;
use super::{BUFFER, PATIENCE, Shape, wrong};

pub(super) struct Connection {
    stream: OwnedFd,
    /// Where its part of the text begins.
    start: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    /// What it still has to send.
    pub(super) owed: usize,
    /// What came, where it comes in any order.
    frames: Option<Frames>,
}

impl Connection {
    /// Connects, and echoes once.
    pub(super) fn open(
        address: SocketAddr,
        place: usize,
        shape: Shape,
        text: &Text,
        epoll: &OwnedFd,
    ) -> io::Result<Self> {
        let size = shape.size;
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // With a reset at the end, no port is kept for a minute.
        sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;

        let start = Text::start(place as u64);
        let mut came = vec![0; size];
        stream.write_all(text.part(start, size))?;
        stream.read_exact(&mut came)?;
        text.check(start, &came)?;

        stream.set_nonblocking(true)?;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &stream, EventData::new_u64(place as u64), flags)?;
        Ok(Self {
            stream: stream.into(),
            start,
            sent: size as u64,
            received: size as u64,
            owed: 0,
            frames: shape.any_order.then(Frames::new),
        })
    }

    /// What it would send next.
    #[inline]
    pub(super) fn upcoming<'text>(&self, text: &'text Text, length: usize) -> &'text [u8] {
        text.part(self.start + self.sent + self.owed as u64, length)
    }

    /// Sends what is owed, as far as there is room.
    #[inline]
    pub(super) fn flush(&mut self, text: &Text) -> io::Result<()> {
        while self.owed > 0 {
            let part = text.part(self.start + self.sent, self.owed.min(BUFFER));
            match send(&self.stream, part, SendFlags::NOSIGNAL) {
                Ok(length) => {
                    self.sent += length as u64;
                    self.owed -= length;
                }
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Receives what is there. Returns how many responses are complete by that.
    #[inline]
    pub(super) fn receive(
        &mut self,
        size: usize,
        buffer: &mut [u8],
        text: &Text,
    ) -> io::Result<usize> {
        let before = self.received / size as u64;
        loop {
            let length = match recv(&self.stream, &mut *buffer, RecvFlags::empty()) {
                Ok((_, 0)) => return Err(wrong("the server closed a connection")),
                Ok((_, length)) => length,
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            };
            let came = &buffer[..length];
            match &mut self.frames {
                Some(frames) => {
                    // One that was sent in part cannot have been answered.
                    frames.take(came, size, self.sent / size as u64, self.start, text)?;
                }
                None => text.check(self.start + self.received, came)?,
            }
            self.received += length as u64;
            if self.received > self.sent {
                return Err(wrong("more came back than was sent"));
            }
            if length < buffer.len() {
                break;
            }
        }
        Ok((self.received / size as u64 - before) as usize)
    }
}
