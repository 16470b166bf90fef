//! Sockets for a [`Dialer`]: made, set up, bound and connected, within its bounds.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use super::Dialer;
use super::race::{self, Failure};
use crate::fd::Socket;
use crate::net::network::{Family, Network};
use crate::net::target::{self, Empty, Target};
use crate::net::{Addr, OpError, TcpStream, UdpSocket};
use crate::os::unix::net::{SocketAddr as UnixAddr, connect};
use crate::sys::socket::{self, Errno, options as socket_options, setup, udp, unix};
use crate::task::Time;

/// How often a connection that turns out to lead to itself is tried anew.
const SELF_CONNECTIONS: usize = 3;

impl Dialer {
    pub(super) fn tcp(
        &self,
        network: Network,
        target: io::Result<Target>,
    ) -> io::Result<TcpStream> {
        let (addresses, until) = self.resolve(network, target)?;
        let fallback_delay = match network.family() {
            Some(Family::Either) if !self.fallback_delay.is_zero() => Some(self.fallback_delay),
            _ => None,
        };
        let begin = |address: &SocketAddr| self.begin(network, address);
        let mut tries = 0;
        let socket = loop {
            match race::connect(&addresses, until, fallback_delay, &begin) {
                // A port of its own to which nobody listens: TCP lets both ends be one.
                Ok(socket) if !self.has_port() && is_self_connected(&socket) => {
                    tries += 1;
                    if tries == SELF_CONNECTIONS {
                        let address = addresses.first().copied().map(Addr::from);
                        return Err(self.failed(network, address, Errno::CONNREFUSED.into()));
                    }
                }
                Ok(socket) => break socket,
                Err(Failure { address, cause }) => {
                    return Err(self.failed(network, address.map(Addr::from), cause));
                }
            }
        };
        // Streams are in blocking mode; see `sys::socket`.
        socket_options::set_nonblocking(socket.as_fd(), false)
            .map_err(|cause| self.failed(network, None, cause))?;
        Ok(TcpStream::from_socket(socket))
    }

    /// Makes a socket and begins to connect it.
    fn begin(&self, network: Network, address: &SocketAddr) -> io::Result<(Socket, bool)> {
        let fd = setup::stream(address, self.options.multipath)?;
        self.options.set_tcp(fd.as_fd(), address)?;
        if self.fast_open {
            setup::set_fast_open_connect(fd.as_fd())?;
        }
        self.bind(network, address, &fd)?;
        let connected = socket::connect(fd.as_fd(), address)?;
        Ok((Socket::new(fd), connected))
    }

    pub(super) fn udp(
        &self,
        network: Network,
        target: io::Result<Target>,
    ) -> io::Result<UdpSocket> {
        let (addresses, _) = self.resolve(network, target)?;
        let connect = |address: SocketAddr| {
            let fd = setup::datagram(&address)?;
            self.options.set_udp(fd.as_fd(), &address)?;
            self.bind(network, &address, &fd)?;
            udp::connect(fd.as_fd(), &address)?;
            Ok(UdpSocket::from_socket(Socket::new(fd)))
        };
        target::first_of(addresses, connect)
            .map_err(|(address, cause)| self.failed(network, Some(address.into()), cause))
    }

    /// Makes a socket of Unix and connects it, within the bounds.
    pub(super) fn unix_connection(
        &self,
        network: Network,
        address: &UnixAddr,
        socket: fn() -> io::Result<OwnedFd>,
    ) -> io::Result<Socket> {
        let connected = || {
            let socket = Socket::new(self.unix_socket(network, address, socket()?)?);
            let Some(instant) = self.instant() else {
                return connect(socket, address, None);
            };
            let left = instant.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            crate::fd::connect_timeout(left, |left| connect(socket, address, Some(left)))
        };
        connected().map_err(|cause| self.failed(network, Some(address.clone().into()), cause))
    }

    /// Shows a new socket to the user, and binds it.
    fn bind(&self, network: Network, address: &SocketAddr, fd: &OwnedFd) -> io::Result<()> {
        let fd = fd.as_fd();
        if let Some(Addr::Ip(local)) = &self.local
            && local.port() == 0
            && network.name().starts_with("tcp")
        {
            // An optimization, which the system may lack.
            let _ = setup::set_bind_address_no_port(fd);
        }
        let name = network.name_for(address);
        self.options.control(name, &Addr::from(*address), fd)?;
        match &self.local {
            Some(Addr::Ip(local)) => setup::bind(fd, local),
            _ => Ok(()),
        }
    }

    /// Sets a new socket of Unix up, and binds it.
    pub(super) fn unix_socket(
        &self,
        network: Network,
        address: &UnixAddr,
        fd: OwnedFd,
    ) -> io::Result<OwnedFd> {
        self.options.set_unix(fd.as_fd(), network, address)?;
        match &self.local {
            Some(Addr::Unix(local)) => unix::bind(fd.as_fd(), local)?,
            Some(Addr::Ip(_)) => return Err(mismatched()),
            None => {}
        }
        Ok(fd)
    }

    /// The addresses to dial, and until when.
    fn resolve(
        &self,
        network: Network,
        target: io::Result<Target>,
    ) -> io::Result<(Vec<SocketAddr>, Time)> {
        let instant = self.instant();
        let resolver = &*self.options.resolver;
        let addresses = target
            .and_then(|target| target::resolve(target, network, Empty::Loopback, resolver, instant))
            .and_then(|addresses| self.suiting(addresses))
            .map_err(|cause| self.failed(network, None, cause))?;
        Ok((addresses, Time::of(instant)))
    }

    /// Those that can be connected to from the local address.
    fn suiting(&self, mut addresses: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
        match &self.local {
            Some(Addr::Ip(local)) => {
                addresses.retain(|address| address.is_ipv4() == local.is_ipv4());
            }
            Some(Addr::Unix(_)) => addresses.clear(),
            None => {}
        }
        if addresses.is_empty() {
            return Err(mismatched());
        }
        Ok(addresses)
    }

    /// When a call that begins now has to end.
    fn instant(&self) -> Option<Instant> {
        // A timeout beyond what can be told is none.
        let timeout = self
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout));
        match (timeout, self.deadline) {
            (Some(timeout), Some(deadline)) => Some(timeout.min(deadline)),
            (timeout, deadline) => timeout.or(deadline),
        }
    }

    fn has_port(&self) -> bool {
        matches!(&self.local, Some(Addr::Ip(local)) if local.port() != 0)
    }

    pub(super) fn failed(
        &self,
        network: Network,
        destination: Option<Addr>,
        cause: io::Error,
    ) -> io::Error {
        OpError::wrap(
            "dial",
            network.name(),
            self.local.clone(),
            destination,
            cause,
        )
    }
}

fn mismatched() -> io::Error {
    let message = "no suitable address for the local address";
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn is_self_connected(socket: &Socket) -> bool {
    let local = socket::local_address(socket.as_fd());
    let peer = socket::peer_address(socket.as_fd());
    matches!((local, peer), (Ok(local), Ok(peer)) if local == peer)
}
