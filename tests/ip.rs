//! Packets of IP, where that is permitted, and the interfaces they go by.

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use common::{LONG, everywhere, kind};
use netpoll::io::Closed;
use netpoll::net::{IpSocket, ScopedIpAddr, interfaces};
use netpoll::thread;

const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;
/// For experiments (RFC 3692): nobody else sends it.
const OURS: u8 = 253;
/// The other one of these. A socket hears everything of its protocol until it is bound, so
/// tests that count on silence have one of their own.
const SILENT: u8 = 254;

/// A socket, or `None` and a line that says so where it is not permitted.
fn bind(protocol: u8, ip: impl Into<IpAddr>) -> Option<IpSocket> {
    match IpSocket::bind(protocol, ip.into()) {
        Ok(socket) => {
            socket.set_read_timeout(Some(LONG)).unwrap();
            Some(socket)
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            eprintln!("skipped: no permission for raw sockets");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let pairs = bytes.chunks(2).map(|pair| match *pair {
        [a, b] => u32::from(u16::from_be_bytes([a, b])),
        [a] => u32::from(a) << 8,
        _ => 0,
    });
    let sum: u32 = pairs.sum();
    let sum = (sum >> 16) + (sum & 0xffff);
    (!((sum >> 16) + sum) as u16).to_be_bytes()
}

fn echo_request(kind: u8, identifier: u16) -> Vec<u8> {
    let mut request = vec![kind, 0, 0, 0];
    request.extend(identifier.to_be_bytes());
    request.extend([0, 7]);
    request.extend(b"are you there?");
    let sum = checksum(&request);
    request[2..4].copy_from_slice(&sum);
    request
}

/// Receives until the answer to a request is there; others ping as well.
fn await_reply(socket: &IpSocket, kind: u8, request: &[u8]) -> ScopedIpAddr {
    loop {
        let mut buffer = [0; 256];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        if buffer[0] == kind && buffer[4..length] == request[4..] {
            return from;
        }
    }
}

#[test]
fn the_loopback_answers_a_ping() {
    everywhere(|| {
        let id = std::process::id() as u16;
        if let Some(socket) = bind(ICMP, Ipv4Addr::LOCALHOST) {
            let request = echo_request(8, id);
            let sent = socket.send_to(&request, Ipv4Addr::LOCALHOST).unwrap();
            assert_eq!(sent, request.len());
            let from = await_reply(&socket, 0, &request);
            assert_eq!(from, Ipv4Addr::LOCALHOST.into());
        }
        if let Some(socket) = bind(ICMP_V6, Ipv6Addr::LOCALHOST) {
            socket.connect(Ipv6Addr::LOCALHOST).unwrap();
            assert_eq!(socket.peer_addr().unwrap(), Ipv6Addr::LOCALHOST.into());
            let request = echo_request(128, id);
            socket.send(&request).unwrap();
            await_reply(&socket, 129, &request);
        }
    });
}

/// Own headers, with options, which are not part of what is received.
#[test]
fn headers_are_taken_off_and_may_be_ones_own() {
    everywhere(|| {
        // An address for each place where this runs at the same time.
        let here = Ipv4Addr::new(
            127,
            3,
            (std::process::id() >> 8) as u8,
            std::process::id() as u8,
        );
        let Some(socket) = bind(OURS, here) else {
            return;
        };
        assert!(!socket.header_included().unwrap());
        socket.send_to(b"plain", here).unwrap();
        let mut buffer = [0; 64];
        assert_eq!(socket.peek(&mut buffer).unwrap(), 5);
        assert_eq!(socket.recv_from(&mut buffer).unwrap(), (5, here.into()));
        assert_eq!(&buffer[..5], b"plain");
        // No bytes are a packet as well, and what does not fit is cut off.
        socket.send_to(b"", here).unwrap();
        assert_eq!(socket.recv(&mut buffer).unwrap(), 0);
        socket.send_to(b"longer", here).unwrap();
        assert_eq!(socket.recv(&mut buffer[..3]).unwrap(), 3);

        socket.set_header_included(true).unwrap();
        assert!(socket.header_included().unwrap());
        // Six words: one of options, which say nothing.
        let mut packet = vec![0x46, 0, 0, 29, 0, 0, 0, 0, 9, OURS, 0, 0];
        packet.extend(here.octets());
        packet.extend(here.octets());
        packet.extend([1, 1, 1, 0]);
        packet.extend(b"ours!");
        assert_eq!(socket.send_to(&packet, here).unwrap(), packet.len());
        assert_eq!(socket.recv(&mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"ours!");
    });
}

#[test]
fn packets_are_bounded_like_datagrams() {
    everywhere(|| {
        let Some(socket) = bind(SILENT, Ipv4Addr::new(127, 4, 4, 4)) else {
            return;
        };
        socket
            .set_read_deadline(Some(Instant::now() + Duration::from_millis(2)))
            .unwrap();
        assert_eq!(kind(socket.recv(&mut [0; 16])), ErrorKind::TimedOut);
        socket.set_read_deadline(None).unwrap();
        let clone = socket.try_clone().unwrap();
        let waiting = thread::spawn(move || clone.recv(&mut [0; 16]));
        thread::sleep(Duration::from_millis(2));
        socket.close();
        assert!(Closed::is_cause_of(&waiting.join().unwrap().unwrap_err()));
        assert!(Closed::is_cause_of(&socket.recv(&mut [0; 16]).unwrap_err()));
        assert_eq!(
            kind(IpSocket::bind(0, Ipv4Addr::LOCALHOST)),
            ErrorKind::InvalidInput
        );
    });
}

#[test]
fn the_loopback_is_an_interface() {
    everywhere(|| {
        let all = interfaces().unwrap();
        assert!(all.windows(2).all(|two| two[0].index < two[1].index));
        let loopback = all.iter().find(|one| one.is_loopback()).unwrap();
        assert!(loopback.is_up() && !loopback.is_broadcast());
        assert!(loopback.index > 0 && loopback.mtu.unwrap() >= 1280);
        assert!(loopback.hardware_address.is_empty());
        let address = loopback
            .addresses
            .iter()
            .find(|one| one.address.ip.is_ipv4())
            .unwrap();
        assert_eq!(address.address, Ipv4Addr::LOCALHOST.into());
        assert_eq!(address.prefix_length, 8);
        assert_eq!((address.broadcast, address.peer), (None, None));
        for interface in &all {
            // Those that are local to a link say to which.
            for address in &interface.addresses {
                if let IpAddr::V6(ip) = address.address.ip
                    && ip.is_unicast_link_local()
                {
                    assert_eq!(address.address.scope_id, interface.index);
                }
                assert_eq!(address.address.to_string().parse(), Ok(address.address));
            }
        }
    });
}

#[test]
fn zones_have_names_and_numbers() {
    everywhere(|| {
        let all = interfaces().unwrap();
        let loopback = all.iter().find(|one| one.is_loopback()).unwrap();
        let (name, index) = (&loopback.name, loopback.index);
        let by_name: ScopedIpAddr = format!("fe80::1%{name}").parse().unwrap();
        let by_number: ScopedIpAddr = format!("fe80::1%{index}").parse().unwrap();
        assert_eq!(by_name, by_number);
        assert_eq!(by_name.scope_id, index);
        assert_eq!(by_name.to_string(), format!("fe80::1%{name}"));
        assert_eq!(ScopedIpAddr::from(by_name.with_port(80)), by_name);
        let unknown: ScopedIpAddr = "fe80::1%999999".parse().unwrap();
        assert_eq!(unknown.to_string(), "fe80::1%999999");
        for wrong in [
            "",
            "%lo",
            "fe80::1%",
            "fe80::1%no such",
            "127.0.0.1%lo",
            "fe80::g",
        ] {
            assert!(wrong.parse::<ScopedIpAddr>().is_err(), "{wrong}");
        }
    });
}
