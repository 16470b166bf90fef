//! What all sockets have.

/// `socket_methods!(TcpStream, example = "..")`.
macro_rules! socket_methods {
    ($Type:ident, example = $example:expr $(,)?) => {
        impl $Type {
            /// Another handle to the same socket, with the same mode, timeouts and
            /// deadlines. Does not wait.
            ///
            /// # Errors
            ///
            /// None now; the signature is std's. No descriptor is needed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// let clone = socket.try_clone()?;
            /// assert_eq!(format!("{clone:?}"), format!("{socket:?}"));
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_clone(&self) -> std::io::Result<Self> {
                Ok(Self {
                    socket: self.socket.clone(),
                })
            }

            /// Closes the socket, for all clones. Who waits on it is woken with
            /// [`Closed`](crate::io::Closed), later operations fail so. Closing again
            /// does nothing.
            ///
            /// Does not wait. What was written is still sent by the system; what a
            /// listener has not accepted is refused. The descriptor's number is
            /// freed when the last clone is dropped.
            ///
            /// # Examples
            ///
            /// ```
            /// use netpoll::io::Closed;
            /// use netpoll::thread;
            #[doc = $example]
            /// let clone = socket.try_clone()?;
            /// let waiting = thread::spawn(move || clone.wait_readable());
            /// socket.close();
            /// assert!(Closed::is_cause_of(&waiting.join().unwrap().unwrap_err()));
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "Close")]
            pub fn close(&self) {
                self.socket.close();
            }

            /// Whether operations return `WouldBlock` instead of waiting. For all clones,
            /// and for whoever has a duplicate of the descriptor, as in std. Does not wait.
            ///
            /// Such operations never let other tasks run, so a loop of them has to say
            /// [`yield_now`](crate::thread::yield_now).
            /// [`wait_readable`](Self::wait_readable) waits in either mode.
            ///
            /// # Errors
            ///
            /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// socket.set_nonblocking(true)?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_nonblocking(&self, nonblocking: bool) -> std::io::Result<()> {
                self.socket.set_nonblocking(nonblocking)
            }

            /// The error that waits at the socket, which is cleared. Does not wait.
            ///
            /// # Errors
            ///
            /// What `getsockopt(SO_ERROR)` fails with; `NotConnected`, with
            /// [`Closed`](crate::io::Closed), once the socket is closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// assert!(socket.take_error()?.is_none());
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SO_ERROR")]
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.socket.take_error()
            }

            /// Waits until there is something to read, to accept, or to learn: the end,
            /// an error. Holds no buffer meanwhile, and takes nothing.
            ///
            /// Parks the task, or blocks the thread. It is bounded like a read, and ends
            /// with [`close`](Self::close). Who reads at the same time may be faster, so
            /// that the read which follows waits again.
            ///
            /// With [`as_fd`](std::os::fd::AsFd::as_fd), it is how to make a system call
            /// of one's own: call it with `MSG_DONTWAIT`, and wait here for `EAGAIN`.
            ///
            /// # Errors
            ///
            /// `WouldBlock` after the read timeout, `TimedOut` after the deadline,
            /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is
            /// closed; [`Cancelled`](crate::io::Cancelled) in a task whose runtime ends.
            ///
            /// # Examples
            ///
            /// ```
            /// use netpoll::thread;
            /// use std::time::Duration;
            #[doc = $example]
            /// let clone = socket.try_clone()?;
            /// let waiting = thread::spawn(move || clone.wait_readable());
            /// thread::sleep(Duration::from_millis(1));
            /// socket.close(); // or something to read
            /// assert!(waiting.join().unwrap().is_err());
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "RawConn")]
            pub fn wait_readable(&self) -> std::io::Result<()> {
                self.socket.wait_ready(crate::poll::Way::Read)
            }

            /// How much the system keeps until it is read (`SO_RCVBUF`), in bytes. Does
            /// not wait.
            ///
            /// # Errors
            ///
            /// What `getsockopt` fails with; `NotConnected`, with
            /// [`Closed`](crate::io::Closed), once the socket is closed.
            pub fn recv_buffer_size(&self) -> std::io::Result<usize> {
                crate::sys::socket::options::recv_buffer_size(self.socket.open()?)
            }

            /// Sets how much the system keeps until it is read (`SO_RCVBUF`), in bytes.
            /// The system takes twice of it, for its own needs, within its limits
            /// (`net.core.rmem_max`). Does not wait. Connections that a listener accepts
            /// from then on have what it has.
            ///
            /// # Errors
            ///
            /// What `setsockopt` fails with; `NotConnected`, with
            /// [`Closed`](crate::io::Closed), once the socket is closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// socket.set_recv_buffer_size(16 * 1024)?;
            /// assert_eq!(socket.recv_buffer_size()?, 32 * 1024);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SetReadBuffer")]
            pub fn set_recv_buffer_size(&self, bytes: usize) -> std::io::Result<()> {
                crate::sys::socket::options::set_recv_buffer_size(self.socket.open()?, bytes)
            }

            /// How much the system takes before a write waits (`SO_SNDBUF`), in bytes.
            /// Does not wait.
            ///
            /// # Errors
            ///
            /// What `getsockopt` fails with; `NotConnected`, with
            /// [`Closed`](crate::io::Closed), once the socket is closed.
            pub fn send_buffer_size(&self) -> std::io::Result<usize> {
                crate::sys::socket::options::send_buffer_size(self.socket.open()?)
            }

            /// Sets how much the system takes before a write waits (`SO_SNDBUF`), in
            /// bytes. The system takes twice of it, for its own needs, within its limits
            /// (`net.core.wmem_max`). Does not wait. Connections that a listener accepts
            /// from then on have what it has.
            ///
            /// # Errors
            ///
            /// What `setsockopt` fails with; `NotConnected`, with
            /// [`Closed`](crate::io::Closed), once the socket is closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// socket.set_send_buffer_size(16 * 1024)?;
            /// assert_eq!(socket.send_buffer_size()?, 32 * 1024);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SetWriteBuffer")]
            pub fn set_send_buffer_size(&self, bytes: usize) -> std::io::Result<()> {
                crate::sys::socket::options::set_send_buffer_size(self.socket.open()?, bytes)
            }
        }
    };
}

pub(crate) use socket_methods;
