//! Networks by their names, as in Go.

use std::io::{ErrorKind, Read, Write};

use netpoll::net::{self, Addr, Conn, OpError, UdpSocket};

use crate::common::{everywhere, kind, unix_address};
use crate::{V4, listener};

#[test]
fn networks_are_those_of_go() {
    everywhere(|| {
        let (_listener, good) = listener(V4);
        let tcp = good.to_string();
        for network in ["tcp", "tcp4"] {
            let mut conn = net::dial(network, &tcp).unwrap();
            assert!(matches!(conn, Conn::Tcp(_)));
            assert_eq!(conn.peer_addr().unwrap().as_ip(), Some(good));
            conn.write_all(b"hello").unwrap();
        }
        assert_eq!(kind(net::dial("tcp6", &tcp)), ErrorKind::InvalidInput);

        let server = UdpSocket::bind(V4).unwrap();
        let udp = server.local_addr().unwrap().to_string();
        for network in ["udp", "udp4"] {
            let mut conn = net::dial(network, &udp).unwrap();
            conn.write_all(b"hello").unwrap();
            let mut buffer = [0; 16];
            let (length, sender) = server.recv_from(&mut buffer).unwrap();
            server.send_to(&buffer[..length], sender).unwrap();
            assert_eq!(conn.read(&mut buffer).unwrap(), 5);
        }
        assert_eq!(kind(net::dial("udp6", &udp)), ErrorKind::InvalidInput);

        for network in ["unix", "unixpacket"] {
            let address = Addr::from(unix_address()).to_string();
            let unix = net::listen(network, &address).unwrap();
            let mut conn = net::dial(network, &address).unwrap();
            let (mut served, _) = unix.accept().unwrap();
            conn.write_all(b"hello").unwrap();
            assert_eq!(served.read(&mut [0; 16]).unwrap(), 5);
        }

        let address = Addr::from(unix_address()).to_string();
        let unixgram = net::listen_packet("unixgram", &address).unwrap();
        let mut conn = net::dial("unixgram", &address).unwrap();
        conn.write_all(b"hello").unwrap();
        assert_eq!(unixgram.recv_from(&mut [0; 16]).unwrap().0, 5);

        for (network, kind) in [
            ("", ErrorKind::InvalidInput),
            ("TCP", ErrorKind::InvalidInput),
            ("tcp5", ErrorKind::InvalidInput),
            ("ip4:icmp", ErrorKind::Unsupported),
        ] {
            for error in [
                net::dial(network, &tcp).unwrap_err(),
                net::listen(network, &tcp).unwrap_err(),
                net::listen_packet(network, &tcp).unwrap_err(),
            ] {
                assert_eq!(error.kind(), kind, "{error}");
                assert_eq!(OpError::of(&error).unwrap().network(), network);
                assert!(
                    error.to_string().contains(&format!("{network:?}")),
                    "{error}"
                );
            }
        }
    });
}
