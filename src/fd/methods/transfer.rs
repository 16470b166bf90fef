//! What sockets have that transfer data, but listeners have not: two directions,
//! with a timeout and a deadline each.

/// `transfer_methods!(TcpStream, example = "..")`.
macro_rules! transfer_methods {
    ($Type:ident, example = $example:expr $(,)?) => {
        impl $Type {
            /// Bounds each read from now on, as std does: one that had to wait for longer
            /// fails with `WouldBlock`. `None` takes the bound away. Does not wait.
            ///
            /// # Errors
            ///
            /// `InvalidInput` for zero.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::io::ErrorKind;
            /// use std::time::Duration;
            #[doc = $example]
            /// socket.set_read_timeout(Some(Duration::from_millis(5)))?;
            /// assert_eq!(socket.peek(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_read_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.socket.set_timeout(crate::poll::Way::Read, timeout)
            }

            /// Bounds each write from now on; see [`set_read_timeout`](Self::set_read_timeout).
            ///
            /// # Errors
            ///
            /// `InvalidInput` for zero.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::time::Duration;
            #[doc = $example]
            /// socket.set_write_timeout(Some(Duration::from_secs(10)))?;
            /// assert_eq!(socket.write_timeout()?, Some(Duration::from_secs(10)));
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_write_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.socket.set_timeout(crate::poll::Way::Write, timeout)
            }

            /// The bound of each read. Does not wait.
            ///
            /// # Errors
            ///
            /// None now; the signature is std's.
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.socket.timeout(crate::poll::Way::Read))
            }

            /// The bound of each write. Does not wait.
            ///
            /// # Errors
            ///
            /// None now; the signature is std's.
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.socket.timeout(crate::poll::Way::Write))
            }

            /// Makes reads fail with `TimedOut` from this moment on, also when data is
            /// there, and also those that wait already. `None` takes the deadline away,
            /// and reading works again. Any task may set it, at any time. Does not wait.
            ///
            /// # Errors
            ///
            /// None now.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::io::ErrorKind;
            /// use std::time::{Duration, Instant};
            #[doc = $example]
            /// socket.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
            /// assert_eq!(socket.peek(&mut [0; 16]).unwrap_err().kind(), ErrorKind::TimedOut);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SetReadDeadline")]
            pub fn set_read_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                self.socket
                    .set_deadline(crate::poll::Way::Read, crate::task::Time::of(deadline));
                Ok(())
            }

            /// Makes writes fail with `TimedOut` from this moment on; see
            /// [`set_read_deadline`](Self::set_read_deadline). A write to a stream that has
            /// written something when the deadline comes returns how much; the next one
            /// fails.
            ///
            /// # Errors
            ///
            /// None now.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::io::ErrorKind;
            /// use std::time::Instant;
            #[doc = $example]
            /// socket.set_write_deadline(Some(Instant::now()))?;
            /// assert_eq!(socket.wait_writable().unwrap_err().kind(), ErrorKind::TimedOut);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SetWriteDeadline")]
            pub fn set_write_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                self.socket
                    .set_deadline(crate::poll::Way::Write, crate::task::Time::of(deadline));
                Ok(())
            }

            /// Sets both deadlines; see [`set_read_deadline`](Self::set_read_deadline).
            ///
            /// # Errors
            ///
            /// None now.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::io::ErrorKind;
            /// use std::time::Instant;
            #[doc = $example]
            /// socket.set_deadline(Some(Instant::now()))?;
            /// assert_eq!(socket.wait_readable().unwrap_err().kind(), ErrorKind::TimedOut);
            /// assert_eq!(socket.wait_writable().unwrap_err().kind(), ErrorKind::TimedOut);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SetDeadline")]
            pub fn set_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                self.set_read_deadline(deadline)?;
                self.set_write_deadline(deadline)
            }

            /// Waits until there is room for something to write, or an error to learn.
            /// Writes nothing.
            ///
            /// Parks the task, or blocks the thread. It is bounded like a write, and ends
            /// with [`close`](Self::close). See [`wait_readable`](Self::wait_readable).
            ///
            /// # Errors
            ///
            /// `WouldBlock` after the write timeout, `TimedOut` after the deadline,
            /// `NotConnected`, with [`Closed`](crate::io::Closed), once the socket is
            /// closed; [`Cancelled`](crate::io::Cancelled) in a task whose runtime ends.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// socket.wait_writable()?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "RawConn")]
            pub fn wait_writable(&self) -> std::io::Result<()> {
                self.socket.wait_ready(crate::poll::Way::Write)
            }
        }
    };
}

pub(crate) use transfer_methods;
