//! Sockets for a [`ListenConfig`]: made, set up and bound.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use super::{ListenConfig, failed};
use crate::fd::Socket;
use crate::net::network::{Family, Network};
use crate::net::target::{self, Empty, Target};
use crate::net::{Addr, TcpListener, UdpSocket};
use crate::os::unix::net::SocketAddr as UnixAddr;
use crate::sys::socket::{options as socket_options, setup};

impl ListenConfig {
    pub(super) fn tcp(
        &self,
        network: Network,
        target: io::Result<Target>,
    ) -> io::Result<TcpListener> {
        let listen = |address: &SocketAddr, only_v6| {
            let fd = setup::stream(address, self.options.multipath)?;
            setup::set_reuse_address(fd.as_fd(), self.reuse_address)?;
            self.options.set_tcp(fd.as_fd(), address)?;
            if let Some(at_most) = self.defer_accept {
                let seconds = at_most
                    .as_secs()
                    .saturating_add(u64::from(at_most.subsec_nanos() > 0));
                setup::set_defer_accept(fd.as_fd(), u32::try_from(seconds).unwrap_or(u32::MAX))?;
            }
            if let Some(pending) = self.fast_open {
                setup::set_fast_open(fd.as_fd(), pending)?;
            }
            self.bind(network, address, only_v6, &fd)?;
            setup::listen(fd.as_fd(), self.backlog)?;
            Ok(fd)
        };
        let fd = self.first(network, target, listen)?;
        Ok(TcpListener::from_socket(Socket::new_listener(fd)))
    }

    pub(super) fn udp(
        &self,
        network: Network,
        target: io::Result<Target>,
    ) -> io::Result<UdpSocket> {
        let bind = |address: &SocketAddr, only_v6| {
            let fd = setup::datagram(address)?;
            self.options.set_udp(fd.as_fd(), address)?;
            self.bind(network, address, only_v6, &fd)?;
            Ok(fd)
        };
        let fd = self.first(network, target, bind)?;
        Ok(UdpSocket::from_socket(Socket::new(fd)))
    }

    /// Sets what sockets of IP have in common, shows a new one to the user, and binds it.
    fn bind(
        &self,
        network: Network,
        address: &SocketAddr,
        only_v6: bool,
        fd: &OwnedFd,
    ) -> io::Result<()> {
        let fd = fd.as_fd();
        if address.is_ipv6() {
            socket_options::set_only_v6(fd, only_v6)?;
        }
        if self.reuse_port {
            setup::set_reuse_port(fd, true)?;
        }
        if let Some(processor) = self.incoming_cpu {
            setup::set_incoming_cpu(fd, processor)?;
        }
        let name = network.name_for(address);
        self.options.control(name, &Addr::Ip(*address), fd)?;
        setup::bind(fd, address)
    }

    pub(super) fn unix_listener<T>(
        &self,
        network: Network,
        address: &UnixAddr,
        socket: fn() -> io::Result<OwnedFd>,
        made: impl FnOnce(Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        let listen = || {
            let fd = socket()?;
            self.options.set_unix(fd.as_fd(), network, address)?;
            setup::listen_unix(fd.as_fd(), address, self.backlog)?;
            made(Socket::new_listener(fd))
        };
        listen().map_err(|cause| failed(network, Some(address.clone().into()), cause))
    }

    /// What a function makes of the first address that it can make something of; it is told
    /// whether a socket of IPv6 leaves IPv4 alone.
    fn first<T>(
        &self,
        network: Network,
        target: io::Result<Target>,
        mut make: impl FnMut(&SocketAddr, bool) -> io::Result<T>,
    ) -> io::Result<T> {
        let family = network.family().unwrap_or(Family::Either);
        let is_name = matches!(&target, Ok(Target::Name { .. }));
        let is_anything = matches!(&target, Ok(Target::Name { host, .. }) if host.is_empty());
        let mut addresses = target
            .and_then(|target| {
                let resolver = &*self.options.resolver;
                target::resolve(target, network, Empty::Anything, resolver, None)
            })
            .map_err(|cause| failed(network, None, cause))?;
        if is_anything && family == Family::Either && self.only_v6.is_some() {
            for address in &mut addresses {
                address.set_ip(Ipv6Addr::UNSPECIFIED.into());
            }
        }
        if is_name {
            addresses.sort_by_key(SocketAddr::is_ipv6);
        }
        let addresses = addresses.into_iter();
        let addresses = addresses.map(|address| self.stacks(family, address));
        target::first_of(addresses, |(address, only_v6)| make(&address, only_v6))
            .map_err(|((address, _), cause)| failed(network, Some(address.into()), cause))
    }

    /// Where to bind, and whether to leave IPv4 alone; see
    /// [`ListenConfig`](Self#ipv4-and-ipv6).
    fn stacks(&self, family: Family, address: SocketAddr) -> (SocketAddr, bool) {
        match (family, self.only_v6) {
            (Family::Either, None) if address.ip().is_unspecified() && setup::is_dual_stack() => {
                let anything = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
                (anything, false)
            }
            (Family::V6, only_v6) => (address, only_v6.unwrap_or(true)),
            (_, only_v6) => (address, only_v6.unwrap_or(false)),
        }
    }
}
