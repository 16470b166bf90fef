//! `Read` and `Write`, by value and by reference.

/// `stream_io!(TcpStream, drains = true)`: whether a read that returns less than was
/// asked for proves that nothing more is there.
macro_rules! stream_io {
    ($Type:ident, drains = $drains:literal) => {
        impl $Type {
            pub(crate) fn from_socket(socket: crate::fd::Socket) -> Self {
                static ANNOUNCED: std::sync::Once = std::sync::Once::new();
                ANNOUNCED.call_once(crate::fd::announce::<Self>);
                Self { socket }
            }
        }

        impl crate::fd::Source for $Type {
            fn receive(&self, most: usize) -> std::io::Result<crate::buf::Block> {
                self.socket.receive_block($drains, most)
            }
        }

        impl std::io::Read for &$Type {
            /// Reads what is there; parks the task, or blocks the thread, if there is
            /// nothing. Zero is the end, or an empty buffer.
            #[inline]
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.socket.read($drains, buffer)
            }

            /// Like a read, into several buffers, the first 1024 of them. One system call.
            fn read_vectored(
                &mut self,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.socket.read_vectored($drains, buffers)
            }
        }

        impl std::io::Write for &$Type {
            /// Writes all of the buffer, as a blocking socket does; parks the task, or
            /// blocks the thread, while there is no room. If an error or a deadline comes
            /// first, returns how much was written, and the next write fails.
            #[inline]
            fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
                self.socket.write(buffer)
            }

            /// Like a write, from several buffers, the first 1024 of them. One system call,
            /// if the socket has room.
            fn write_vectored(
                &mut self,
                buffers: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                self.socket.write_vectored(buffers)
            }

            /// Does nothing: nothing is kept back.
            #[inline]
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl std::io::Read for $Type {
            /// Like reading from a reference.
            #[inline]
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                (&*self).read(buffer)
            }

            /// Like reading from a reference.
            fn read_vectored(
                &mut self,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                (&*self).read_vectored(buffers)
            }
        }

        impl std::io::Write for $Type {
            /// Like writing to a reference.
            #[inline]
            fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
                (&*self).write(buffer)
            }

            /// Like writing to a reference.
            fn write_vectored(
                &mut self,
                buffers: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                (&*self).write_vectored(buffers)
            }

            /// Does nothing: nothing is kept back.
            #[inline]
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(crate) use stream_io;
