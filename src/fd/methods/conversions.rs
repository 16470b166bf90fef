//! From and to descriptors, and std's types.

/// `conversions!(TcpStream, std::net::TcpStream, adopt)`: the last is the function
/// of [`Socket`](crate::fd::Socket) that takes a foreign descriptor. `plain` is for types
/// without [`stream_io`](super::stream_io), which brings the constructor along.
macro_rules! conversions {
    ($Type:ident, $Std:ty, $adopt:ident, plain) => {
        impl $Type {
            pub(crate) fn from_socket(socket: crate::fd::Socket) -> Self {
                Self { socket }
            }
        }

        crate::fd::conversions!($Type, $Std, $adopt);
    };
    ($Type:ident, $Std:ty, $adopt:ident) => {
        impl std::os::fd::AsFd for $Type {
            #[doc = concat!("The descriptor, for calls of one's own. See [`wait_readable`](", stringify!($Type), "::wait_readable).")]
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.socket.as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $Type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                use std::os::fd::AsFd;
                self.as_fd().as_raw_fd()
            }
        }

        impl From<$Type> for std::os::fd::OwnedFd {
            /// Gives the descriptor away, in the mode and with the timeouts that were set;
            /// deadlines are forgotten. If there are clones, this is a duplicate,
            /// and they stay.
            ///
            /// # Panics
            ///
            /// If there are clones, and the process has no descriptor left for a duplicate.
            fn from(socket: $Type) -> Self {
                socket.socket.into_owned()
            }
        }

        impl From<std::os::fd::OwnedFd> for $Type {
            /// Takes a socket over. In non-blocking mode, its operations never wait.
            fn from(fd: std::os::fd::OwnedFd) -> Self {
                Self::from_socket(crate::fd::Socket::$adopt(fd))
            }
        }

        impl From<$Std> for $Type {
            /// Takes a socket of std over, with its timeouts. In non-blocking mode,
            /// its operations never wait.
            fn from(socket: $Std) -> Self {
                Self::from(std::os::fd::OwnedFd::from(socket))
            }
        }

        impl From<$Type> for $Std {
            /// Makes it a socket of std, whose operations block the thread, in the
            /// mode and with the timeouts that were set; deadlines are forgotten. If
            /// there are clones, this is a duplicate, and they stay.
            ///
            /// # Panics
            ///
            /// If there are clones, and the process has no descriptor left for a duplicate.
            fn from(socket: $Type) -> Self {
                Self::from(std::os::fd::OwnedFd::from(socket))
            }
        }

        impl std::os::fd::IntoRawFd for $Type {
            /// As into an [`OwnedFd`](std::os::fd::OwnedFd).
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                std::os::fd::OwnedFd::from(self).into_raw_fd()
            }
        }

        impl std::os::fd::FromRawFd for $Type {
            #[allow(unsafe_code)]
            unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> Self {
                // SAFETY: the caller promises what this asks for: that the descriptor
                // is open, and theirs to give away.
                Self::from(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) })
            }
        }
    };
}

pub(crate) use conversions;
