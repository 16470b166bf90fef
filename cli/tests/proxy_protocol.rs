//! `netpoll serve proxy` with headers of the PROXY protocol, from clients and for targets.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use support::target::{Target, path};
use support::{LONG, Server, with_workers};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2 for two addresses of IPv4.
fn binary(source: SocketAddr, destination: SocketAddr, more: &[u8]) -> Vec<u8> {
    let (SocketAddr::V4(source), SocketAddr::V4(destination)) = (source, destination) else {
        panic!("{source} {destination}");
    };
    let length = (12 + more.len()) as u16;
    [
        SIGNATURE,
        &[0x21, 0x11],
        &length.to_be_bytes(),
        &source.ip().octets(),
        &destination.ip().octets(),
        &source.port().to_be_bytes(),
        &destination.port().to_be_bytes(),
        more,
    ]
    .concat()
}

/// What a target gets of a client that says this.
fn passed_on(proxy: &Server, target: &Target, said: &[u8]) -> Vec<u8> {
    let mut client = proxy.connect();
    client.write_all(said).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut came = Vec::new();
    target.accept().read_to_end(&mut came).unwrap();
    came
}

/// Sends until the connection ends, and says whether it was reset.
fn is_reset(mut client: TcpStream, said: &[u8]) -> bool {
    let _ = client.write_all(said);
    let mut rest = Vec::new();
    match client.read_to_end(&mut rest) {
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
        Ok(_) => false,
    }
}

#[test]
fn targets_are_told_whose_connection_it_is() {
    with_workers(|workers| {
        for version in ["v1", "v2"] {
            let target = Target::new();
            let to = target.text();
            let proxy = Server::proxy(workers, &["--to", &to, "--send-proxy", version, "--quiet"]);
            let mut client = proxy.connect();
            let (source, destination) = (client.local_addr().unwrap(), proxy.address);
            client.write_all(b"hello").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut came = Vec::new();
            target.accept().read_to_end(&mut came).unwrap();
            let expected = match version {
                "v1" => {
                    let (from, to) = (source.port(), destination.port());
                    format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\nhello").into_bytes()
                }
                _ => [&binary(source, destination, b"")[..], b"hello"].concat(),
            };
            assert_eq!(came, expected);
        }
    });
}

#[test]
fn a_client_without_addresses_is_of_nobody() {
    let own = path("nobody");
    let listen = format!("unix:{}", own.display());
    for (version, expected) in [
        ("v1", &b"PROXY UNKNOWN\r\nhi"[..]),
        ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0hi"),
    ] {
        let target = Target::new();
        let to = target.text();
        let _proxy = Server::proxy(
            "1",
            &["--to", &to, "--send-proxy", version, "--listen", &listen],
        );
        let mut client = UnixStream::connect(&own).unwrap();
        client.write_all(b"hi").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut came = Vec::new();
        target.accept().read_to_end(&mut came).unwrap();
        assert_eq!(came, expected);
        let _ = std::fs::remove_file(&own);
    }
}

#[test]
fn headers_of_clients_are_taken_off_and_what_they_say_is_passed_on() {
    with_workers(|workers| {
        let target = Target::new();
        let to = target.text();
        let plain = Server::proxy(workers, &["--to", &to, "--accept-proxy", "--quiet"]);
        let telling = Server::proxy(
            workers,
            &[
                "--to",
                &to,
                "--accept-proxy",
                "--send-proxy",
                "v1",
                "--quiet",
            ],
        );
        let (source, destination) = (
            "192.0.2.1:1000".parse().unwrap(),
            "198.51.100.2:443".parse().unwrap(),
        );
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n";
        let more = [&[4, 0, 200][..], &[7; 200]].concat();
        for header in [
            line.to_vec(),
            binary(source, destination, b""),
            // With something that means nothing.
            binary(source, destination, &more),
        ] {
            let said = [&header[..], b"GET /"].concat();
            assert_eq!(passed_on(&plain, &target, &said), b"GET /");
            let expected = [&line[..], b"GET /"].concat();
            assert_eq!(passed_on(&telling, &target, &said), expected);
            // Nothing behind it.
            assert_eq!(passed_on(&plain, &target, &header), b"");
        }
        let six = b"PROXY TCP6 2001:db8::1 2001:db8::2 1000 443\r\n";
        assert_eq!(passed_on(&telling, &target, six), six);

        // Who says that they speak for themselves does: the connection's own addresses.
        let local = [SIGNATURE, b"\x20\0\0\0"].concat();
        for header in [&local[..], b"PROXY UNKNOWN\r\n"] {
            assert_eq!(passed_on(&plain, &target, header), b"");
            let mut client = telling.connect();
            let port = client.local_addr().unwrap().port();
            client.write_all(header).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut came = String::new();
            target.accept().read_to_string(&mut came).unwrap();
            let own = telling.address.port();
            assert_eq!(
                came,
                format!("PROXY TCP4 127.0.0.1 127.0.0.1 {port} {own}\r\n")
            );
        }
    });
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let target = Target::new();
    let proxy = Server::proxy("1", &["--to", &target.text(), "--accept-proxy", "--quiet"]);
    let (source, destination) = (
        "192.0.2.1:1".parse().unwrap(),
        "192.0.2.2:2".parse().unwrap(),
    );
    for header in [
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec(),
        binary(source, destination, b""),
    ] {
        let mut client = proxy.connect();
        client.set_nodelay(true).unwrap();
        for byte in &header {
            client.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        // It has got no connection before, and nothing is lost behind.
        client.write_all(b"now").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut came = Vec::new();
        target.accept().read_to_end(&mut came).unwrap();
        assert_eq!(came, b"now");
    }
}

#[test]
fn clients_without_a_header_are_reset_and_no_target_hears_of_them() {
    with_workers(|workers| {
        let target = Target::new();
        let mut proxy = Server::proxy(
            workers,
            &[
                "--to",
                &target.text(),
                "--accept-proxy",
                "--quiet",
                "--grace",
                "1",
            ],
        );
        let too_long = [SIGNATURE, b"\x21\x11\xff\xff"].concat();
        let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 10_000]].concat();
        for said in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\x01\0\x02",
            &too_long,
            &endless,
        ] {
            assert!(is_reset(proxy.connect(), said), "{said:?}");
        }
        // One that ends in the middle.
        let client = proxy.connect();
        (&client).write_all(b"PROXY TC").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert!(is_reset(client, b""));
        assert!(!target.has_one());
        let complaint = proxy.complains("PROXY header");
        assert!(complaint.contains("no such header"), "{complaint}");
        proxy.signal("TERM");
        let ended = proxy.end();
        ended.assert_totals(&["7 connections accepted", "7 without a header", "0 cut off"]);
    });
}

#[test]
fn a_client_that_takes_its_time_is_reset() {
    with_workers(|workers| {
        let target = Target::new();
        let mut proxy = Server::proxy(
            workers,
            &[
                "--to",
                &target.text(),
                "--accept-proxy",
                "--header-timeout",
                "0.5",
                "--quiet",
            ],
        );
        // One says nothing, one says it too slowly: the time is for all of it.
        let silent = proxy.connect();
        let mut slow = proxy.connect();
        slow.set_nodelay(true).unwrap();
        let start = std::time::Instant::now();
        for byte in b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n"
            .iter()
            .cycle()
        {
            assert!(start.elapsed() < LONG, "it goes on");
            if slow.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(30));
        }
        assert!(is_reset(silent, b""));
        assert!(start.elapsed() >= Duration::from_millis(500));
        assert!(!target.has_one());
        let complaint = proxy.complains("PROXY header");
        assert!(complaint.contains("--header-timeout"), "{complaint}");
    });
}

#[test]
fn a_stop_cuts_off_who_has_not_sent_a_header() {
    with_workers(|workers| {
        let target = Target::new();
        let options = [
            "--to",
            &target.text(),
            "--accept-proxy",
            "--header-timeout",
            "3600",
        ];
        let mut proxy = Server::proxy(workers, &[&options[..], &["--grace", "0"]].concat());
        let client = proxy.connect();
        proxy.says("1 connection,");
        proxy.signal("TERM");
        let ended = proxy.end();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        ended.assert_totals(&["1 connection accepted", "1 cut off", "0 without a header"]);
        assert!(is_reset(client, b""));
    });
}
