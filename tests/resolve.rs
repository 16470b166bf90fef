//! From names to addresses: as in std, and never on a worker.

mod common;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use common::{LONG, everywhere, in_child, kind, on, on_workers, until};
use netpoll::net::{TcpListener, TcpStream, ToSocketAddrs};
use netpoll::thread;

/// How many threads the pool has, by their name.
fn pool_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == "netpoll-block")
        .count()
}

/// All that can be compared of a result.
type Outcome = Result<Vec<SocketAddr>, (io::ErrorKind, Option<i32>, String)>;

fn outcome(result: io::Result<impl Iterator<Item = SocketAddr>>) -> Outcome {
    match result {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err((error.kind(), error.raw_os_error(), error.to_string())),
    }
}

/// Our result, which must be std's.
fn same<A>(input: A) -> Outcome
where
    A: ToSocketAddrs + std::net::ToSocketAddrs + std::fmt::Debug,
{
    let ours = outcome(ToSocketAddrs::to_socket_addrs(&input));
    let theirs = outcome(std::net::ToSocketAddrs::to_socket_addrs(&input));
    assert_eq!(ours, theirs, "{input:?}");
    ours
}

/// Text with a port, good and bad. Where std is lenient it stays so. None of it has
/// to ask a name server.
const TEXTS: [&str; 44] = [
    "127.0.0.1:80",
    "0.0.0.0:0",
    "255.255.255.255:65535",
    "127.0.0.1:00080",
    "127.0.0.1:+80",
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "127.0.0.1:",
    "127.0.0.1",
    "127.0.0.1:80:",
    "127.0.0.1:80 ",
    "127.1:80",
    "0x7f.1:80",
    "2130706433:80",
    "[::1]:80",
    "[::1%7]:80",
    "[::ffff:1.2.3.4]:80",
    "[::1]",
    "[::1]:",
    "[::1]80",
    "::1:80",
    "::ffff:1.2.3.4:80",
    "1:2:3:4:5:6:7:8:80",
    "1:2:3:4:5:6:7:8",
    "::",
    ":::",
    "::1",
    "localhost:80",
    "localhost:0",
    "localhost:+1",
    "localhost",
    "localhost:",
    "localhost:http",
    "localhost: 80",
    "localhost:80:http",
    "localhost:65536",
    "local\0host:80",
    "\0:80",
    ":80",
    ":",
    "",
    " ",
    "80",
    "é:é",
];

const HOSTS: [&str; 13] = [
    "127.0.0.1",
    "::1",
    "::ffff:1.2.3.4",
    "fe80::1",
    "1:2:3:4:5:6:7:8",
    "localhost",
    "127.1",
    "0x7f.1",
    "",
    "local\0host",
    "\0",
    "255.255.255.255",
    "0.0.0.0",
];

#[test]
fn results_and_errors_are_those_of_std() {
    everywhere(|| {
        for text in TEXTS {
            let outcome = same(text);
            assert_eq!(same(text.to_owned()), outcome);
            let nested = &text;
            assert_eq!(same(nested), outcome);
        }
        for host in HOSTS {
            for port in [0, 80, u16::MAX] {
                let outcome = same((host, port));
                assert_eq!(same((host.to_owned(), port)), outcome);
                let nested = &(host, port);
                assert_eq!(same(nested), outcome);
            }
        }
        let (v4, v6) = (Ipv4Addr::new(1, 2, 3, 4), Ipv6Addr::LOCALHOST);
        let (all4, all6) = (
            SocketAddrV4::new(v4, 80),
            SocketAddrV6::new(v6, 80, 123, 456),
        );
        for one in [
            same(all4),
            same(all6),
            same(SocketAddr::V4(all4)),
            same(SocketAddr::V6(all6)),
            same((v4, 80)),
            same((v6, 80)),
            same((IpAddr::V4(v4), 80)),
            same((IpAddr::V6(v6), 80)),
        ] {
            assert_eq!(one.unwrap().len(), 1);
        }
        let slice = [SocketAddr::V4(all4), SocketAddr::V6(all6)];
        assert_eq!(same(&slice[..]), Ok(slice.to_vec()));
        assert_eq!(same(&slice[..0]), Ok(Vec::new()));
    });
}

/// The table would prove little if std said the same of everything.
#[test]
fn bad_text_is_an_error_and_good_text_is_not() {
    everywhere(|| {
        let text = |input: &str| input.to_socket_addrs().unwrap_err().to_string();
        assert_eq!(text("127.0.0.1"), "invalid socket address");
        assert_eq!(text("127.0.0.1:65536"), "invalid port value");
        assert_eq!(text("localhost:http"), "invalid port value");
        for bad in ["", "localhost:", "a\0b:80"] {
            assert_eq!(kind(bad.to_socket_addrs()), io::ErrorKind::InvalidInput);
        }
        assert!(":80".to_socket_addrs().is_err());
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        assert!("127.0.0.1:80".to_socket_addrs().unwrap().eq([local]));
        let mut resolved = "localhost:80".to_socket_addrs().unwrap();
        assert!(resolved.all(|address| address.ip().is_loopback() && address.port() == 80));
    });
}

#[test]
fn others_run_while_a_name_is_resolved() {
    on(1, || {
        // Nothing but a park of this task lets the other one begin. A lookup that is
        // done before this task has parked does not; not every one is.
        let started = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&started);
        let other = thread::spawn(move || flag.store(true, Ordering::Relaxed));
        let start = Instant::now();
        while !started.load(Ordering::Relaxed) {
            assert!(start.elapsed() < LONG, "the lookups held the worker");
            assert!("localhost:80".to_socket_addrs().unwrap().next().is_some());
        }
        other.join().unwrap();
    });
}

#[test]
fn literal_addresses_never_leave_the_task() {
    in_child("literal_addresses_never_leave_the_task", &[], || {
        on_workers(|| {
            for literal in ["127.0.0.1:80", "[::1]:80", "::1:80", "127.0.0.1:+80"] {
                assert_eq!(literal.to_socket_addrs().unwrap().count(), 1);
            }
            for host in ["127.0.0.1", "::1"] {
                assert_eq!((host, 80).to_socket_addrs().unwrap().count(), 1);
                assert_eq!((host.to_owned(), 80).to_socket_addrs().unwrap().count(), 1);
            }
            for bad in ["", "127.0.0.1", "localhost:http", "[::1]"] {
                assert!(bad.to_socket_addrs().is_err());
            }
            thread::no_park(|| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let port = listener.local_addr().unwrap().port();
                assert!(("127.0.0.1", port).to_socket_addrs().is_ok());
            });
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            TcpStream::connect(listener.local_addr().unwrap().to_string()).unwrap();
        });
        assert_eq!(pool_threads(), 0);
        // A name on a plain thread is resolved there.
        "localhost:80".to_socket_addrs().unwrap();
        assert_eq!(pool_threads(), 0);
        // And on a task, by the pool: it is by that name that its threads are counted.
        on(1, || drop("localhost:80".to_socket_addrs().unwrap()));
        // A listing can miss one thread while another ends.
        until("the thread is seen", || pool_threads() == 1);
    });
}

#[test]
fn streams_and_listeners_take_names() {
    everywhere(|| {
        let listener = TcpListener::bind("localhost:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for stream in [
            TcpStream::connect(("localhost", port)),
            TcpStream::connect(format!("localhost:{port}")),
            TcpStream::connect(&("localhost".to_owned(), port)),
        ] {
            assert_eq!(stream.unwrap().peer_addr().unwrap().port(), port);
        }
        assert_eq!(
            kind(TcpStream::connect("localhost")),
            io::ErrorKind::InvalidInput
        );
        let error = TcpListener::bind("localhost:port").unwrap_err();
        assert_eq!(error.to_string(), "invalid port value");
    });
}

#[test]
fn a_name_inside_of_no_park_panics() {
    on_workers(|| {
        for _ in 0..20 {
            assert!(catch_unwind(|| thread::no_park(|| "localhost:80".to_socket_addrs())).is_err());
        }
        assert!("localhost:80".to_socket_addrs().is_ok());
    });
    assert!(thread::no_park(|| "localhost:80".to_socket_addrs()).is_ok());
}

#[test]
fn a_pool_that_is_set_up_wrong_is_an_error() {
    in_child(
        "a_pool_that_is_set_up_wrong_is_an_error",
        &[("NETPOLL_BLOCKING_THREADS", "lots")],
        || {
            on(1, || {
                let error = TcpStream::connect("localhost:1").unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                assert!(error.to_string().contains("NETPOLL_BLOCKING_THREADS=lots"));
                assert!(TcpListener::bind("127.0.0.1:0").is_ok());
            });
        },
    );
}
