//! What a [`Dialer`](super::Dialer) and a [`ListenConfig`](super::ListenConfig) both set at
//! their sockets.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use super::network::Network;
use super::{Addr, KeepAlive, Resolver, SystemResolver};
use crate::os::unix::net::SocketAddr as UnixAddr;
use crate::sys::socket::{options, setup};

/// A user's hand on a socket: the network, the address, the descriptor.
pub(super) type Control = Arc<dyn Fn(&str, &Addr, BorrowedFd<'_>) -> io::Result<()> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Options {
    pub(super) control: Option<Control>,
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) keepalive: Option<KeepAlive>,
    pub(super) nodelay: bool,
    pub(super) multipath: bool,
    pub(super) user_timeout: Option<Duration>,
    pub(super) recv_buffer_size: Option<usize>,
    pub(super) send_buffer_size: Option<usize>,
    pub(super) device: Option<String>,
    pub(super) traffic_class: Option<u8>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            control: None,
            resolver: Arc::new(SystemResolver),
            keepalive: Some(KeepAlive::default()),
            nodelay: true,
            multipath: false,
            user_timeout: None,
            recv_buffer_size: None,
            send_buffer_size: None,
            device: None,
            traffic_class: None,
        }
    }
}

impl Options {
    /// For a new socket of TCP. What a listener has, the connections that it accepts
    /// inherit.
    pub(super) fn set_tcp(&self, fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
        options::set_nodelay(fd, self.nodelay)?;
        KeepAlive::set(fd, self.keepalive)?;
        if let Some(timeout) = self.user_timeout {
            let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
            setup::set_user_timeout(fd, milliseconds)?;
        }
        self.set_ip(fd, address)
    }

    /// For a new socket of UDP.
    pub(super) fn set_udp(&self, fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
        options::set_broadcast(fd, true)?;
        self.set_ip(fd, address)
    }

    fn set_ip(&self, fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
        if let Some(name) = &self.device {
            setup::set_device(fd, name)?;
        }
        if let Some(class) = self.traffic_class {
            setup::set_traffic_class(fd, address, class)?;
        }
        self.set_any(fd)
    }

    /// For a new socket of Unix, which the user sees then.
    pub(super) fn set_unix(
        &self,
        fd: BorrowedFd<'_>,
        network: Network,
        address: &UnixAddr,
    ) -> io::Result<()> {
        self.set_any(fd)?;
        self.control(network.name(), &Addr::from(address.clone()), fd)
    }

    /// For a new socket of any kind.
    fn set_any(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if let Some(bytes) = self.recv_buffer_size {
            options::set_recv_buffer_size(fd, bytes)?;
        }
        if let Some(bytes) = self.send_buffer_size {
            options::set_send_buffer_size(fd, bytes)?;
        }
        Ok(())
    }

    /// Shows a socket to the user: last, so that they have the last word.
    pub(super) fn control(
        &self,
        network: &str,
        address: &Addr,
        fd: BorrowedFd<'_>,
    ) -> io::Result<()> {
        match &self.control {
            Some(control) => control(network, address, fd),
            None => Ok(()),
        }
    }

    pub(super) fn debug(&self, debug: &mut fmt::DebugStruct<'_, '_>) {
        debug
            .field("control", &self.control.is_some())
            .field("keepalive", &self.keepalive)
            .field("nodelay", &self.nodelay)
            .field("multipath_tcp", &self.multipath)
            .field("user_timeout", &self.user_timeout)
            .field("recv_buffer_size", &self.recv_buffer_size)
            .field("send_buffer_size", &self.send_buffer_size)
            .field("device", &self.device)
            .field("traffic_class", &self.traffic_class);
    }
}

/// `option_methods!(Dialer, "connections")`: the methods that set [`Options`] in the field
/// `options`, of a builder for connections, or for listeners and what they accept.
macro_rules! option_methods {
    ($Type:ident, $whose:literal, $before:literal) => {
        impl $Type {
            #[doc = concat!("Shows each socket to a function, ", $before, ", when everything else is set: its")]
            /// network (`"tcp4"`, `"tcp6"`, `"udp4"`, `"udp6"`, `"unix"`, `"unixgram"`), the
            /// address, and the descriptor, for options that have no method here. An error
            /// ends the attempt.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use netpoll::net::", stringify!($Type), ";")]
            /// use std::os::fd::AsRawFd;
            ///
            #[doc = concat!("let config = ", stringify!($Type), "::new().control(|network, address, socket| {")]
            ///     println!("{network} {address}: descriptor {}", socket.as_raw_fd());
            ///     Ok(())
            /// });
            /// ```
            #[doc(alias = "Control")]
            #[doc(alias = "ControlContext")]
            pub fn control<F>(mut self, control: F) -> Self
            where
                F: Fn(&str, &$crate::net::Addr, std::os::fd::BorrowedFd<'_>) -> std::io::Result<()>
                    + Send
                    + Sync
                    + 'static,
            {
                self.options.control = Some(std::sync::Arc::new(control));
                self
            }

            /// Who resolves names; [`SystemResolver`](super::SystemResolver) if nobody says
            /// otherwise. See [`Resolver`](super::Resolver).
            #[doc(alias = "Resolver")]
            pub fn resolver(mut self, resolver: impl super::Resolver + 'static) -> Self {
                self.options.resolver = std::sync::Arc::new(resolver);
                self
            }

            #[doc = concat!("How ", $whose, " find out that the peer has gone without a word. As in Go")]
            /// after 15 s, every 15 s, 9 times, if nobody says otherwise; `None` for not at all.
            #[doc(alias = "KeepAliveConfig")]
            #[doc(alias = "SO_KEEPALIVE")]
            pub fn keepalive(mut self, keepalive: Option<super::KeepAlive>) -> Self {
                self.options.keepalive = keepalive;
                self
            }

            #[doc = concat!("Whether ", $whose, " send small pieces at once (`TCP_NODELAY`). On if")]
            /// nobody says otherwise, as in Go.
            #[doc(alias = "TCP_NODELAY")]
            #[doc(alias = "SetNoDelay")]
            pub fn nodelay(mut self, nodelay: bool) -> Self {
                self.options.nodelay = nodelay;
                self
            }

            #[doc = concat!("Whether ", $whose, " may use several paths at once (Multipath TCP, RFC 8684).")]
            /// Where the system, or the peer, lacks it, it is TCP. Off if nobody says
            /// otherwise, also for listeners, where Go has it on: some options and the
            /// kernel's short cuts are TCP's alone.
            #[doc(alias = "MultipathTCP")]
            #[doc(alias = "SetMultipathTCP")]
            #[doc(alias = "MPTCP")]
            pub fn multipath_tcp(mut self, multipath: bool) -> Self {
                self.options.multipath = multipath;
                self
            }

            #[doc = concat!("For how long what ", $whose, " sent may stay unacknowledged before they fail with")]
            /// `TimedOut` (`TCP_USER_TIMEOUT`), in whole milliseconds. Zero leaves it to the
            /// system, as if this had not been called: about a quarter of an hour.
            #[doc(alias = "TCP_USER_TIMEOUT")]
            pub fn user_timeout(mut self, timeout: std::time::Duration) -> Self {
                self.options.user_timeout = Some(timeout);
                self
            }

            #[doc = concat!("How many bytes the system keeps for the reader of ", $whose, " (`SO_RCVBUF`);")]
            /// it takes twice as much, for its own needs, up to `net.core.rmem_max`, and
            /// stops adjusting it.
            #[doc(alias = "SO_RCVBUF")]
            #[doc(alias = "SetReadBuffer")]
            pub fn recv_buffer_size(mut self, bytes: usize) -> Self {
                self.options.recv_buffer_size = Some(bytes);
                self
            }

            #[doc = concat!("How many bytes the system takes from the writer of ", $whose, " (`SO_SNDBUF`);")]
            /// it takes twice as much, for its own needs, up to `net.core.wmem_max`, and
            /// stops adjusting it.
            #[doc(alias = "SO_SNDBUF")]
            #[doc(alias = "SetWriteBuffer")]
            pub fn send_buffer_size(mut self, bytes: usize) -> Self {
                self.options.send_buffer_size = Some(bytes);
                self
            }

            /// Sends and receives over this network interface alone (`SO_BINDTODEVICE`), TCP
            /// and UDP.
            #[doc(alias = "SO_BINDTODEVICE")]
            pub fn device(mut self, interface: impl Into<String>) -> Self {
                self.options.device = Some(interface.into());
                self
            }

            /// How routers shall treat what is sent by TCP and UDP: the traffic class of
            /// IPv6, and the type of service of IPv4 (`IPV6_TCLASS`, `IP_TOS`).
            #[doc(alias = "tos")]
            #[doc(alias = "IP_TOS")]
            #[doc(alias = "IPV6_TCLASS")]
            pub fn traffic_class(mut self, class: u8) -> Self {
                self.options.traffic_class = Some(class);
                self
            }
        }
    };
}

pub(super) use option_methods;
