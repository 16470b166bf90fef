//! Listeners that remove their path.

use std::io;

use super::{UnixListener, UnixSeqpacketListener};
use crate::fd::Socket;
use crate::sys::socket::unix;

/// `unlink_methods!(UnixListener)`.
macro_rules! unlink_methods {
    ($Type:ident) => {
        /// Its path.
        impl $Type {
            /// Sets whether the path that the listener is bound to is removed when it ends:
            /// by [`close`](Self::close), or when the last clone is dropped. Off at first, as
            /// in std; in Go it is on. An abstract name needs no removing.
            ///
            /// The path is removed before the socket is closed, so nobody finds it there and
            /// is refused. It is not removed if by then it is another file than it was when
            /// this was called, nor in a child that was forked, nor when the descriptor is
            /// given away, which leaves the path to its new owner.
            ///
            /// Does not park; looks at the file system.
            ///
            /// # Errors
            ///
            /// `NotFound`, and what else looking at the path fails with; `NotConnected`, with
            /// [`Closed`](crate::io::Closed), once the listener is closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use netpoll::os::unix::net::", stringify!($Type), ";")]
            ///
            /// let path = std::env::temp_dir().join(format!("netpoll-unlink-{}", std::process::id()));
            #[doc = concat!("let listener = ", stringify!($Type), "::bind(&path)?;")]
            /// listener.set_unlink_on_close(true)?;
            /// drop(listener);
            /// assert!(!path.exists());
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SetUnlinkOnClose")]
            pub fn set_unlink_on_close(&self, unlink: bool) -> io::Result<()> {
                set(&self.socket, unlink)
            }

            /// Whether the path is removed when the listener ends. Does not wait.
            #[must_use]
            pub fn unlink_on_close(&self) -> bool {
                self.socket.unlinks_on_close()
            }
        }
    };
}

unlink_methods!(UnixListener);
unlink_methods!(UnixSeqpacketListener);

fn set(socket: &Socket, unlink: bool) -> io::Result<()> {
    let address = unix::local_address(socket.open()?)?;
    socket.set_unlink_on_close(address.as_pathname().filter(|_| unlink))
}
