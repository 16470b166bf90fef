//! What connections have that can be split into halves.

/// `halves!(TcpStream, drains = true, resets = true, example = "..")`; the example makes two ends of a
/// connection by the names of `near` and `far`.
macro_rules! halves {
    (
        $Type:ident,
        drains = $drains:literal,
        resets = $resets:literal,
        example = $example:expr $(,)?
    ) => {
        impl crate::fd::Split for $Type {
            fn parts(&self) -> crate::fd::Parts<'_> {
                crate::fd::Parts {
                    socket: &self.socket,
                    drains: $drains,
                }
            }
        }

        impl crate::fd::Duplex for $Type {
            fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                // The inherent one, as below.
                $Type::shutdown(self, how)
            }

            fn abort(&self) {
                if $resets {
                    self.socket.abort();
                } else {
                    let _ = $Type::shutdown(self, std::net::Shutdown::Both);
                }
            }

            fn set_read_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                $Type::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                $Type::set_write_timeout(self, timeout)
            }
        }

        impl $Type {
            /// Lends its halves: one that only reads, and one that only writes. Does not
            /// wait.
            ///
            /// # Examples
            ///
            /// ```
            /// use netpoll::{io, thread};
            /// use std::io::{Read, Write};
            #[doc = $example]
            ///
            /// let (mut reader, mut writer) = near.split();
            /// writer.write_all(b"there")?;
            /// writer.shutdown()?;
            /// io::copy(&mut &far, &mut &far)?;
            /// drop(far);
            /// assert_eq!(io::read_to_string(&mut reader)?, "there");
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn split(
                &self,
            ) -> (
                crate::fd::ReadHalf<'_, Self>,
                crate::fd::WriteHalf<'_, Self>,
            ) {
                crate::fd::split(self)
            }

            /// Becomes two halves, for two tasks: one that only reads, and one that only
            /// writes, and that ends writing when it is dropped. Does not wait.
            ///
            /// # Examples
            ///
            /// ```
            /// use netpoll::{io, thread};
            /// use std::io::Write;
            #[doc = $example]
            ///
            /// let (mut reader, mut writer) = near.into_split();
            /// let reads = thread::spawn(move || io::read_to_string(&mut reader));
            /// writer.write_all(b"and back")?;
            /// drop(writer);
            /// io::copy(&mut &far, &mut &far)?;
            /// drop(far);
            /// assert_eq!(reads.join().unwrap()?, "and back");
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn into_split(
                self,
            ) -> (
                crate::fd::OwnedReadHalf<Self>,
                crate::fd::OwnedWriteHalf<Self>,
            ) {
                let clone = Self {
                    socket: self.socket.clone(),
                };
                crate::fd::into_split(self, clone)
            }
        }
    };
}

pub(crate) use halves;
