//! What listeners have.

/// `listener_methods!(TcpListener, TcpStream, SocketAddr, accept_call, example = "..")`:
/// the call takes one connection from a descriptor.
macro_rules! listener_methods {
    ($Type:ident, $Stream:ident, $Address:ty, $accept:path, example = $example:expr $(,)?) => {
        impl $Type {
            /// Accepts a connection, and waits for one if there is none.
            ///
            /// Parks the task, or blocks the thread, until there is one, the deadline of
            /// [`set_deadline`](Self::set_deadline) comes, or the listener is closed.
            /// Connections that were aborted before they could be accepted are skipped.
            ///
            /// # Errors
            ///
            /// - Without a descriptor to spare (`EMFILE`, `ENFILE`), or memory, what the
            ///   system says, as in std. The first such error comes at once. The next in a
            ///   row waits 10 ms before it tries, then 50, 100, 200, 500, and 1000 ms from
            ///   then on, so that a loop that goes on does not spin.
            /// - `TimedOut` after the deadline, `WouldBlock` in non-blocking mode,
            ///   `NotConnected` (with [`Closed`](crate::io::Closed)) once the listener is
            ///   closed; [`Cancelled`](crate::io::Cancelled) in a task whose runtime ends.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $example]
            /// let (stream, _peer) = socket.accept()?;
            /// assert!(stream.take_error()?.is_none());
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "Accept")]
            pub fn accept(&self) -> std::io::Result<($Stream, $Address)> {
                let (fd, peer) = self.socket.accept($accept)?;
                let stream = $Stream::from_socket(crate::fd::Socket::new(fd));
                Ok((stream, peer))
            }

            /// The connections that come in, one after the other, as an iterator that
            /// waits for each like [`accept`](Self::accept).
            ///
            /// As in std it goes on after errors; it ends when the listener is
            /// [closed](Self::close), or the task's runtime is shut down.
            ///
            /// # Examples
            ///
            /// ```
            /// use netpoll::thread;
            #[doc = $example]
            /// for stream in socket.incoming() {
            ///     let stream = stream?;
            ///     thread::spawn(move || drop(stream)); // or serve it
            ///     # break;
            /// }
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn incoming(&self) -> Incoming<'_> {
                Incoming { listener: self }
            }

            /// Makes `accept` fail with `TimedOut` from this moment on, for those who
            /// wait already as well; `None` takes the deadline away. Any task may set it.
            /// Does not wait.
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
            /// assert_eq!(socket.accept().unwrap_err().kind(), ErrorKind::TimedOut);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "SetDeadline")]
            pub fn set_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                self.socket
                    .set_deadline(crate::poll::Way::Read, crate::task::Time::of(deadline));
                Ok(())
            }
        }

        #[doc = concat!(
                            "The connections that a [`", stringify!($Type), "`] accepts; see [`",
                            stringify!($Type), "::incoming`]."
                        )]
        #[derive(Debug)]
        #[must_use = "iterators are lazy and do nothing unless consumed"]
        pub struct Incoming<'a> {
            listener: &'a $Type,
        }

        impl Iterator for Incoming<'_> {
            type Item = std::io::Result<$Stream>;

            fn next(&mut self) -> Option<Self::Item> {
                crate::fd::next_incoming(self.listener.accept())
            }
        }

        impl std::iter::FusedIterator for Incoming<'_> {}
    };
}

pub(crate) use listener_methods;
