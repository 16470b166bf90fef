//! `UdpSocket`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::same;

same! {
    fn addresses_and_debug_text(notes) {
        for localhost in ["127.0.0.1:0", "[::1]:0"] {
            let socket = net::UdpSocket::bind(localhost).unwrap();
            notes.name_fd("socket", &socket);
            notes.name_port("socket", socket.local_addr().unwrap());
            notes.note("socket", &socket);
            notes.ended("local", socket.local_addr());
            notes.ended("no peer", socket.peer_addr());
            socket.connect(socket.local_addr().unwrap()).unwrap();
            notes.ended("peer", socket.peer_addr());
            notes.note("connected", &socket);
        }
    }

    fn sending_and_receiving(notes) {
        let server = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        notes.name_port("server", address);
        notes.name_port("client", client.local_addr().unwrap());
        let mut buffer = [0; 8];
        notes.ended("send", client.send_to(b"hello", address));
        notes.ended("peek", server.peek_from(&mut buffer));
        notes.ended("peek", server.peek(&mut buffer));
        notes.ended("receive", server.recv_from(&mut buffer));
        notes.note("what", buffer);
        notes.ended("longer than the buffer", client.send_to(b"0123456789", address));
        notes.ended("peek", server.peek_from(&mut buffer));
        notes.ended("receive", server.recv(&mut buffer));
        notes.ended("nothing", client.send_to(b"", address));
        notes.ended("peek nothing", server.peek(&mut buffer));
        notes.ended("receive nothing", server.recv_from(&mut buffer));
        notes.ended("something", client.send_to(b"x", address));
        notes.ended("into nothing", server.recv(&mut []));
        notes.ended("several addresses", client.send_to(b"y", &[address, address][..]));
        notes.ended("receive", server.recv_from(&mut buffer));
        client.connect(address).unwrap();
        notes.ended("send", client.send(b"abc"));
        notes.ended("send nothing", client.send(b""));
        notes.ended("receive", server.recv(&mut buffer));
        notes.ended("receive", server.recv(&mut buffer));
        notes.ended("too long", client.send(&[0; 70_000]));
    }

    fn errors(notes) {
        let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        notes.ended("bind again", net::UdpSocket::bind(address).map(drop));
        notes.ended("no addresses", net::UdpSocket::bind(&[][..]).map(drop));
        notes.ended("no peer", socket.send(b"x"));
        notes.ended("to nobody", socket.send_to(b"x", &[][..]));
        notes.ended("wrong version", socket.send_to(b"x", "[::1]:1"));
        notes.ended("wrong version", socket.connect("[::1]:1"));
        notes.ended("no addresses", socket.connect(&[][..]));
        notes.ended("broadcast", socket.send_to(b"x", "127.255.255.255:9"));
        let gone = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(gone.local_addr().unwrap()).unwrap();
        drop(gone);
        notes.ended("into the void", socket.send(b"x"));
        notes.ended("told", socket.recv(&mut [0; 8]));
        notes.ended("into the void", socket.send(b"x"));
        crate::common::until("the answer is there", || {
            socket.take_error().unwrap().is_some_and(|error| {
                error.kind() == std::io::ErrorKind::ConnectionRefused
            })
        });
        notes.ended("none left", socket.take_error().map(|error| error.is_none()));
    }

    fn timeouts_and_nonblocking_mode(notes) {
        let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        notes.ended("none", socket.read_timeout());
        notes.ended("none", socket.write_timeout());
        notes.ended("zero", socket.set_read_timeout(Some(Duration::ZERO)));
        socket.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let clone = socket.try_clone().unwrap();
        notes.ended("of a clone", clone.write_timeout());
        notes.ended("receive", socket.recv(&mut [0; 8]));
        notes.ended("receive from", clone.recv_from(&mut [0; 8]));
        notes.ended("peek", socket.peek(&mut [0; 8]));
        notes.ended("peek from", socket.peek_from(&mut [0; 8]));
        socket.set_read_timeout(None).unwrap();
        socket.set_nonblocking(true).unwrap();
        notes.ended("receive", clone.recv(&mut [0; 8]));
        notes.ended("send", clone.send_to(b"x", clone.local_addr().unwrap()));
        clone.set_nonblocking(false).unwrap();
        notes.ended("receive", socket.recv(&mut [0; 8]));
    }

    fn options(notes) {
        let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        notes.ended("broadcast", socket.broadcast());
        notes.ended("set", socket.set_broadcast(true));
        notes.ended("broadcast", socket.broadcast());
        notes.ended("ttl", socket.ttl());
        notes.ended("set", socket.set_ttl(5));
        notes.ended("ttl", socket.ttl());
        notes.ended("multicast ttl", socket.multicast_ttl_v4());
        notes.ended("set", socket.set_multicast_ttl_v4(3));
        notes.ended("multicast ttl", socket.multicast_ttl_v4());
        notes.ended("loop", socket.multicast_loop_v4());
        notes.ended("set", socket.set_multicast_loop_v4(false));
        notes.ended("loop", socket.multicast_loop_v4());
        notes.ended("of IPv6", socket.multicast_loop_v6());
        notes.ended("of IPv6", socket.set_multicast_loop_v6(false));
        let six = net::UdpSocket::bind("[::1]:0").unwrap();
        notes.ended("loop", six.multicast_loop_v6());
        notes.ended("set", six.set_multicast_loop_v6(false));
        notes.ended("loop", six.multicast_loop_v6());
    }

    fn multicast(notes) {
        let socket = net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let local = Ipv4Addr::LOCALHOST;
        let group = Ipv4Addr::new(224, 0, 0, 251);
        notes.ended("leave before", socket.leave_multicast_v4(&group, &local));
        notes.ended("join", socket.join_multicast_v4(&group, &local));
        notes.ended("join again", socket.join_multicast_v4(&group, &local));
        notes.ended("leave", socket.leave_multicast_v4(&group, &local));
        notes.ended("no group", socket.join_multicast_v4(&local, &local));
        notes.ended("no interface", socket.join_multicast_v4(&group, &Ipv4Addr::new(192, 0, 2, 1)));
        let six = net::UdpSocket::bind("[::]:0").unwrap();
        let group = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1);
        notes.ended("join", six.join_multicast_v6(&group, 1));
        notes.ended("leave", six.leave_multicast_v6(&group, 1));
        notes.ended("leave again", six.leave_multicast_v6(&group, 1));
        notes.ended("no group", six.join_multicast_v6(&Ipv6Addr::LOCALHOST, 1));
    }

    fn descriptors(notes) {
        use os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
        let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        notes.note("one number", socket.as_raw_fd() == socket.as_fd().as_raw_fd());
        let number = socket.as_raw_fd();
        let raw = socket.into_raw_fd();
        notes.note("the same number", raw == number);
        // SAFETY: the number was given away just now.
        let socket = unsafe { net::UdpSocket::from_raw_fd(raw) };
        let socket = net::UdpSocket::from(OwnedFd::from(socket));
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        notes.ended("receive", socket.recv(&mut [0; 8]));
    }
}
