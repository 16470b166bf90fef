//! What the public sockets are made of: an [`Fd`] that clones share.
//!
//! This is also where sockets come in from std and from raw descriptors, and where
//! they go out. Neither fails, and neither leaves a socket in a mode that its next
//! owner does not expect:
//!
//! | | coming in | going out |
//! |---|---|---|
//! | non-blocking mode | asked once; operations then never wait | as the user set it; blocking if they did not |
//! | a listener | put into non-blocking mode, which accepting needs | as above |
//! | `SO_RCVTIMEO`, `SO_SNDTIMEO` | become the timeouts | are set to the timeouts |
//! | deadlines | none | forgotten |
//!
//! A socket without clones goes out with the number that it has. One that has
//! clones goes out as a duplicate; they stay.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::{Fd, Listening};
use crate::poll::Way;
use crate::sys::socket::{self, options};

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Socket(Arc<Fd>);

impl Socket {
    /// A socket that we opened, and that does not accept.
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self(Arc::new(Fd::new(fd)))
    }

    /// A listener that we opened, in non-blocking mode.
    pub(crate) fn new_listener(fd: OwnedFd) -> Self {
        Self(Arc::new(Fd::with(fd, Some(Box::default()))))
    }

    /// A socket from elsewhere. What it cannot be asked, because it is no socket, is
    /// left as it is: operations will say so.
    pub(crate) fn adopt(fd: OwnedFd) -> Self {
        Self(Arc::new(adopt(fd, None)))
    }

    /// A listener from elsewhere.
    pub(crate) fn adopt_listener(fd: OwnedFd) -> Self {
        let fd = adopt(fd, Some(Box::default()));
        let _ = options::set_nonblocking(fd.as_fd(), true);
        Self(Arc::new(fd))
    }

    /// Gives the descriptor away.
    ///
    /// # Panics
    ///
    /// If there are clones, and no descriptor for a duplicate. Sharing the number
    /// instead would be wrong: its new owner may close it while the clones use it.
    pub(crate) fn into_owned(self) -> OwnedFd {
        match Arc::try_unwrap(self.0) {
            Ok(fd) => {
                fd.hand_over(false);
                fd.into_owned()
            }
            Err(shared) => {
                let duplicate = socket::duplicate(shared.as_fd()).unwrap_or_else(|error| {
                    panic!("a socket that has clones cannot become a descriptor: {error}")
                });
                shared.hand_over(true);
                duplicate
            }
        }
    }
}

impl Deref for Socket {
    type Target = Fd;

    #[inline]
    fn deref(&self) -> &Fd {
        &self.0
    }
}

fn adopt(fd: OwnedFd, listening: Option<Box<Listening>>) -> Fd {
    let nonblocking = options::is_nonblocking(fd.as_fd()).unwrap_or(false);
    let read_timeout = options::timeout(fd.as_fd(), options::Timeout::Recv);
    let write_timeout = options::timeout(fd.as_fd(), options::Timeout::Send);
    let mut fd = Fd::with(fd, listening);
    *fd.nonblocking.get_mut() = nonblocking;
    for (way, timeout) in [(Way::Read, read_timeout), (Way::Write, write_timeout)] {
        // The kernel has no timeout of zero either.
        let _ = fd.set_timeout(way, timeout.unwrap_or(None));
    }
    fd
}

impl Fd {
    /// Makes the open socket what its next owner expects. None of it fails, as
    /// long as this is a socket.
    fn hand_over(&self, has_clones: bool) {
        let fd = self.as_fd();
        if let Some(listening) = &self.listening {
            let nonblocking = self.is_nonblocking();
            let _: io::Result<()> = if has_clones {
                listening.share_mode(fd, nonblocking)
            } else {
                options::set_nonblocking(fd, nonblocking)
            };
        }
        let _ = options::set_timeout(fd, options::Timeout::Recv, self.timeout(Way::Read));
        let _ = options::set_timeout(fd, options::Timeout::Send, self.timeout(Way::Write));
    }
}
