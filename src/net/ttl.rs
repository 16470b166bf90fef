//! The time-to-live of packets, which every socket over IP has.

/// `ttl_methods!(TcpStream)`.
macro_rules! ttl_methods {
    ($Type:ident) => {
        impl $Type {
            /// Sets the time-to-live of packets that are sent: over how many routers
            /// they may go (`IP_TTL`). Does not wait.
            ///
            /// # Errors
            ///
            /// What `setsockopt` fails with; `NotConnected`, with
            /// [`Closed`](crate::io::Closed), once the socket is closed.
            pub fn set_ttl(&self, ttl: u32) -> std::io::Result<()> {
                crate::sys::socket::options::set_ttl(self.socket.open()?, ttl)
            }

            /// The time-to-live of packets that are sent. Does not wait.
            ///
            /// # Errors
            ///
            /// What `getsockopt` fails with; `NotConnected`, with
            /// [`Closed`](crate::io::Closed), once the socket is closed.
            pub fn ttl(&self) -> std::io::Result<u32> {
                crate::sys::socket::options::ttl(self.socket.open()?)
            }
        }
    };
}

pub(super) use ttl_methods;
