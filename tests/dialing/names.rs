//! Names: when the resolver is asked, and what is wrong with text that is no address.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use netpoll::net::{self, Dialer};

use crate::common::{LONG, everywhere, kind, on_workers};
use crate::{V4, listener};

fn no_resolver(host: &str, _: u16, _: Option<Instant>) -> std::io::Result<Vec<SocketAddr>> {
    panic!("{host} is no name")
}

#[test]
fn names_are_asked_of_the_resolver_and_nothing_else_is() {
    everywhere(|| {
        let (_listener, good) = listener(V4);
        let port = good.port();
        let dialer = Dialer::new().resolver(no_resolver);
        for text in [
            format!("127.0.0.1:{port}"),
            format!(":{port}"),
            format!("[::ffff:127.0.0.1]:{port}"),
        ] {
            dialer.dial_tcp(&*text).unwrap();
            dialer.dial("tcp", &text).unwrap();
        }
        dialer.dial_tcp(("127.0.0.1", port)).unwrap();
        dialer.dial_tcp(good).unwrap();
        for text in ["[::1%lo]:1", "[::1%1]:1", "[::1]:tcpmux", "[::1]:1"] {
            let result = dialer.dial_tcp(text);
            if text.ends_with(":1") {
                assert_eq!(kind(result), ErrorKind::ConnectionRefused, "{text}");
            }
        }
        assert!(dialer.dial_tcp("[fe80::1%no-such-interface]:80").is_err());

        let deadline = Instant::now() + LONG;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let resolver = move |host: &str, port: u16, until: Option<Instant>| {
            count.fetch_add(1, Ordering::Relaxed);
            assert_eq!(until, Some(deadline));
            match host {
                "both" => Ok(vec![
                    (Ipv6Addr::LOCALHOST, port).into(),
                    (Ipv4Addr::LOCALHOST, port).into(),
                ]),
                _ => Err(std::io::Error::new(ErrorKind::NotFound, "who?")),
            }
        };
        let dialer = Dialer::new().resolver(resolver).deadline(deadline);
        let stream = dialer.dial_tcp(("both", port)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        let error = dialer.dial_tcp("nobody:80").unwrap_err();
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (ErrorKind::NotFound, "dial tcp: who?")
        );
        // Those that do not suit the network are left out.
        let error = dialer.dial("tcp6", &format!("both:{port}")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("dial tcp6 [::1]:{port}: connection refused")
        );
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn text_that_is_no_address_is_told_what_is_wrong() {
    everywhere(|| {
        for (text, wrong) in [
            ("127.0.0.1", "missing port in address"),
            ("", "missing port in address"),
            ("[::1]", "missing port in address"),
            ("::1:80", "too many colons in address"),
            ("[::1:80", "brackets do not match"),
            ("[::1]x:80", "brackets do not match"),
            ("127.0.0.1:65536", "invalid port"),
            (
                "127.0.0.1:no-such-service",
                "unknown service tcp/no-such-service",
            ),
        ] {
            let error = Dialer::new()
                .resolver(no_resolver)
                .dial_tcp(text)
                .unwrap_err();
            assert!(error.to_string().starts_with("dial tcp: "), "{error}");
            assert!(error.to_string().contains(wrong), "{error}");
        }
        // A number before the brackets close is none behind a colon.
        assert!(
            Dialer::new()
                .resolver(no_resolver)
                .dial_tcp("127.0.0.1:-1")
                .is_err()
        );
    });
}

#[test]
fn lookups_by_name() {
    on_workers(|| {
        let addresses = net::lookup_host("localhost").unwrap();
        assert!(!addresses.is_empty());
        assert!(addresses.iter().all(|address| address.is_loopback()));
        assert_eq!(net::lookup_host("::1").unwrap(), [Ipv6Addr::LOCALHOST]);
        assert_eq!(net::lookup_port("tcp", "https").unwrap(), 443);
        assert_eq!(net::lookup_port("tcp6", "HTTP").unwrap(), 80);
        assert_eq!(net::lookup_port("udp", "").unwrap(), 0);
        assert_eq!(
            kind(net::lookup_port("unix", "http")),
            ErrorKind::InvalidInput
        );
        assert_eq!(
            kind(net::lookup_port("tcp", "99999")),
            ErrorKind::InvalidInput
        );
    });
}
