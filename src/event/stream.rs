//! What connections are made of.

use std::os::fd::OwnedFd;

use crate::net::TcpStream;
use crate::os::unix::net::UnixStream;

/// A connection of any kind, for [`EventLoop::adopt`](super::EventLoop::adopt).
#[derive(Debug)]
pub struct Stream {
    pub(super) fd: OwnedFd,
    /// A short read proves nothing.
    pub(super) sticky: bool,
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self {
            fd: stream.into(),
            sticky: false,
        }
    }
}

macro_rules! streams {
    ($($Type:ty),*) => {$(
        impl From<$Type> for Stream {
            fn from(stream: $Type) -> Self {
                Self {
                    fd: stream.into(),
                    sticky: true,
                }
            }
        }
    )*};
}

streams!(
    UnixStream,
    std::net::TcpStream,
    std::os::unix::net::UnixStream,
    OwnedFd
);
