//! Several addresses for one name: their order, and whose error it is.

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use netpoll::net::{Dialer, OpError, TcpListener};

use crate::common::{LONG, everywhere, kind};
use crate::{V4, V6, listener, refused, silent};

#[test]
fn the_other_version_overtakes_a_silent_address() {
    everywhere(|| {
        let dialer = Dialer::new().fallback_delay(Duration::from_millis(5));
        for (first, second) in [(V4, V6), (V6, V4)] {
            let silent = silent(first);
            let (_listener, good) = listener(second);
            let stream = dialer.dial_tcp(&[silent.address, good][..]).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
            // It is an ordinary stream, in blocking mode and without a deadline.
            stream
                .set_read_timeout(Some(Duration::from_millis(1)))
                .unwrap();
            assert_eq!(kind((&stream).read(&mut [0; 1])), ErrorKind::WouldBlock);
            let flags = rustix::fs::fcntl_getfl(&stream).unwrap();
            assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
        }
    });
}

#[test]
fn the_other_version_does_not_wait_once_the_first_has_failed() {
    everywhere(|| {
        let start = Instant::now();
        let (_listener, good) = listener(V4);
        let dialer = Dialer::new().fallback_delay(LONG);
        let addresses = [refused(Ipv6Addr::LOCALHOST), good];
        let stream = dialer.dial_tcp(&addresses[..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(start.elapsed() < LONG);
    });
}

#[test]
fn the_first_goes_on_beside_the_other() {
    everywhere(|| {
        // All of the second lane fail; the first is silent, and its turn goes on until the
        // deadline, whose error it is.
        let silent = silent(V6);
        let dialer = Dialer::new()
            .fallback_delay(Duration::from_millis(1))
            .timeout(Duration::from_millis(50));
        let addresses = [silent.address, refused(Ipv4Addr::LOCALHOST)];
        let error = dialer.dial_tcp(&addresses[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let details = OpError::of(&error).unwrap();
        assert!(details.is_timeout());
        assert_eq!(details.destination().unwrap().as_ip(), Some(silent.address));
    });
}

#[test]
fn addresses_of_one_version_are_tried_in_order() {
    everywhere(|| {
        let (_first, first) = listener(V4);
        let (_second, second) = listener(V4);
        let dead = refused(Ipv4Addr::LOCALHOST);
        for (addresses, expected) in [
            ([dead, first, second], first),
            ([second, dead, first], second),
        ] {
            let stream = Dialer::new().dial_tcp(&addresses[..]).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), expected);
        }
    });
}

#[test]
fn if_all_fail_the_error_is_that_of_the_first() {
    everywhere(|| {
        let first = refused(Ipv6Addr::LOCALHOST);
        let addresses = [first, refused(Ipv4Addr::LOCALHOST)];
        let error = Dialer::new().dial_tcp(&addresses[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(error.to_string(), "dial tcp [::1]:1: connection refused");
        let details = OpError::of(&error).unwrap();
        assert_eq!((details.operation(), details.network()), ("dial", "tcp"));
        assert!(details.source_address().is_none());
        // The number is reachable by both ways.
        let refused = Some(libc::ECONNREFUSED);
        assert_eq!(details.cause().raw_os_error(), refused);
        let source = std::error::Error::source(&error).unwrap();
        let source = source.downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(source.raw_os_error(), refused);
    });
}

#[test]
fn a_connection_to_itself_is_none() {
    everywhere(|| {
        let free = TcpListener::bind(V4).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        // What chance does at times: the port that is dialled is the one that is given. (It
        // is given once: then the system has to forget the connection that was.)
        let dialer =
            Dialer::new().control(move |_, _, socket| Ok(rustix::net::bind(socket, &address)?));
        assert!(matches!(
            kind(dialer.dial_tcp(address)),
            ErrorKind::ConnectionRefused | ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable
        ));
        // Who asks for it gets it.
        let itself = Dialer::new().local_addr(address).dial_tcp(address);
        if let Ok(stream) = itself {
            assert_eq!(stream.peer_addr().unwrap(), stream.local_addr().unwrap());
        }
    });
}
