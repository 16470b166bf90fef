//! Dialling: bounds, several addresses, names, options, errors, and nothing left behind.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{LONG, everywhere, in_child, kind, on, on_workers, unix_address, until};
use netpoll::Builder;
use netpoll::io::Cancelled;
use netpoll::net::{
    self, Addr, Conn, Dialer, KeepAlive, ListenConfig, OpError, Resolver, SystemResolver,
    TcpListener, TcpStream, UdpSocket,
};
use netpoll::thread;
use rustix::event::{PollFd, PollFlags};
use rustix::net::sockopt;

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

/// An address from which no answer comes: a listener whose backlog is full.
struct Silent {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: std::net::TcpStream,
}

fn silent(at: &str) -> Silent {
    let listener = ListenConfig::new().backlog(0).listen_tcp(at).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting = std::net::TcpStream::connect(address).unwrap();
    let mut fds = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
    rustix::event::poll(&mut fds, None).unwrap();
    Silent {
        address,
        _listener: listener,
        _waiting: waiting,
    }
}

/// An address that refuses: it was free just now. Not one of those that the system gives
/// to clients, which another test may be given.
fn refused(ip: impl Into<std::net::IpAddr>) -> SocketAddr {
    SocketAddr::new(ip.into(), 1)
}

fn listener(at: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(at).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn no_resolver(host: &str, _: u16, _: Option<Instant>) -> std::io::Result<Vec<SocketAddr>> {
    panic!("{host} is no name")
}

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
fn pain_07_addresses_share_the_deadline() {
    on(2, || {
        let silent = silent(V4);
        let (_listener, good) = listener(V4);
        let start = Instant::now();
        // The first has half of it, which leaves the rest to the second.
        let stream = Dialer::new()
            .timeout(Duration::from_secs(5))
            .fallback_delay(Duration::ZERO)
            .dial_tcp(&[silent.address, good][..])
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(start.elapsed() >= Duration::from_secs(2));
        assert!(start.elapsed() < LONG);
    });
}

#[test]
fn pain_07_a_deadline_bounds_every_silent_address() {
    everywhere(|| {
        let silent = [silent(V4), silent(V6), silent(V4), silent(V6)];
        let addresses = silent.each_ref().map(|silent| silent.address);
        for fallback_delay in [Duration::ZERO, Duration::from_millis(1), LONG] {
            let deadline = Instant::now() + Duration::from_millis(30);
            let dialer = Dialer::new()
                .timeout(LONG)
                .deadline(deadline)
                .fallback_delay(fallback_delay);
            assert_eq!(kind(dialer.dial_tcp(&addresses[..])), ErrorKind::TimedOut);
            assert!(Instant::now() >= deadline);
            assert!(Instant::now() < deadline + LONG);
        }
    });
}

#[test]
fn a_past_deadline_and_no_time_at_all_fail_at_once() {
    everywhere(|| {
        let (listener, good) = listener(V4);
        listener.set_nonblocking(true).unwrap();
        let unix = unix_address();
        let _unix_listener = ListenConfig::new().listen_unix(&unix).unwrap();
        for dialer in [
            Dialer::new().deadline(Instant::now()).timeout(LONG),
            Dialer::new().timeout(Duration::ZERO),
        ] {
            assert_eq!(kind(dialer.dial_tcp(good)), ErrorKind::TimedOut);
            assert_eq!(kind(dialer.dial_unix(&unix)), ErrorKind::TimedOut);
        }
        // It did not come to an attempt.
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
        // What cannot be told is no bound.
        Dialer::new().timeout(Duration::MAX).dial_tcp(good).unwrap();
    });
}

#[test]
fn the_end_of_the_runtime_cancels() {
    for workers in [1, 2, 8] {
        let v4 = silent(V4);
        let v6 = silent(V6);
        let alone = v4.address;
        let both = [v4.address, v6.address];
        let runtime = Builder::new().workers(workers).build().unwrap();
        let dialing = [
            runtime.spawn(move || Dialer::new().dial_tcp(alone).map(drop)),
            runtime.spawn(move || {
                let dialer = Dialer::new().fallback_delay(Duration::from_nanos(1));
                dialer.dial_tcp(&both[..]).map(drop)
            }),
        ];
        let shutdown = runtime.shutdown(Instant::now() + LONG);
        assert!(shutdown.complete, "{shutdown}");
        for task in dialing {
            let error = task.join().unwrap().unwrap_err();
            assert!(Cancelled::is_cause_of(&error), "{error}");
            assert_eq!(error.kind(), ErrorKind::Other);
            assert!(OpError::of(&error).is_some());
        }
    }
}

#[test]
fn a_deadline_bounds_resolution_though_nobody_answers() {
    let test = "a_deadline_bounds_resolution_though_nobody_answers";
    in_child(test, &[("NETPOLL_BLOCKING_THREADS", "1")], || {
        // The only thread that could ask is busy.
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let has_begun = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&has_begun);
        let busy = thread::spawn(move || {
            netpoll::blocking(move || {
                begun.store(true, Ordering::Release);
                ended.recv()
            })
        });
        until("the pool is busy", || has_begun.load(Ordering::Acquire));
        everywhere(|| {
            let dialer = Dialer::new().timeout(Duration::from_millis(10));
            let error = dialer.dial_tcp("localhost:80").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(
                error
                    .to_string()
                    .starts_with("dial tcp: lookup localhost: "),
                "{error}"
            );
            let soon = Instant::now() + Duration::from_millis(1);
            let bounded = SystemResolver.lookup_host("localhost", 80, Some(soon));
            assert_eq!(kind(bounded), ErrorKind::TimedOut);
        });
        // Cancelling ends it too.
        let runtime = Builder::new().workers(1).build().unwrap();
        let asking = runtime.spawn(|| Dialer::new().dial_tcp("localhost:80").map(drop));
        assert!(runtime.shutdown(Instant::now() + LONG).complete);
        assert!(Cancelled::is_cause_of(&asking.join().unwrap().unwrap_err()));
        // Once there is a thread, names are resolved, and late answers harm nobody.
        end.send(()).unwrap();
        busy.join().unwrap().unwrap();
        let (_listener, good) = listener(V4);
        let dialer = Dialer::new().timeout(LONG);
        dialer.dial_tcp(("localhost", good.port())).unwrap();
    });
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

#[test]
fn the_hook_sees_the_socket_before_it_connects() {
    everywhere(|| {
        let (_listener, good) = listener(V4);
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let dialer = Dialer::new()
            .local_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .control(move |network, address, socket| {
                let local = SocketAddr::try_from(rustix::net::getsockname(socket)?)?;
                assert!(local.ip().is_unspecified(), "it is bound already");
                // What is set before, the hook may change.
                assert!(sockopt::tcp_nodelay(socket)?);
                sockopt::set_tcp_nodelay(socket, false)?;
                log.lock().unwrap().push(format!("{network} {address}"));
                Ok(())
            });
        let stream = dialer.dial_tcp(good).unwrap();
        assert!(!stream.nodelay().unwrap());
        assert_eq!(*seen.lock().unwrap(), [format!("tcp4 {good}")]);

        let dialer = Dialer::new().control(|_, _, _| Err(ErrorKind::QuotaExceeded.into()));
        assert_eq!(kind(dialer.dial_tcp(good)), ErrorKind::QuotaExceeded);
        assert_eq!(kind(dialer.dial_udp(good)), ErrorKind::QuotaExceeded);
        assert_eq!(
            kind(dialer.dial_unix(&unix_address())),
            ErrorKind::QuotaExceeded
        );
    });
}

#[test]
fn pain_18_options_are_set_without_another_crate() {
    everywhere(|| {
        for at in [V4, V6] {
            let (_listener, good) = listener(at);
            let stream = Dialer::new().dial_tcp(good).unwrap();
            assert!(stream.nodelay().unwrap());
            assert_eq!(stream.keepalive().unwrap(), Some(KeepAlive::default()));

            let keepalive = KeepAlive {
                idle: Duration::from_secs(7),
                interval: Duration::from_secs(8),
                count: 5,
            };
            let local = match good.ip() {
                std::net::IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), 0)),
                std::net::IpAddr::V6(ip) => SocketAddr::from((ip, 0)),
            };
            let dialer = Dialer::new()
                .nodelay(false)
                .keepalive(Some(keepalive))
                .user_timeout(Duration::from_millis(12_345))
                .recv_buffer_size(20_000)
                .send_buffer_size(30_000)
                .traffic_class(0x20)
                .device("lo")
                .local_addr(local);
            let stream = dialer.dial_tcp(good).unwrap();
            assert!(!stream.nodelay().unwrap());
            assert_eq!(stream.keepalive().unwrap(), Some(keepalive));
            assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 12_345);
            assert_eq!(sockopt::socket_recv_buffer_size(&stream).unwrap(), 40_000);
            assert_eq!(sockopt::socket_send_buffer_size(&stream).unwrap(), 60_000);
            match good {
                SocketAddr::V4(_) => assert_eq!(sockopt::ip_tos(&stream).unwrap(), 0x20),
                SocketAddr::V6(_) => assert_eq!(sockopt::ipv6_tclass(&stream).unwrap(), 0x20),
            }
            assert_eq!(stream.local_addr().unwrap().ip(), local.ip());

            let error = dialer.clone().device("no such").dial_tcp(good).unwrap_err();
            let cause = OpError::of(&error).unwrap().cause();
            assert_eq!(cause.raw_os_error(), Some(libc::ENODEV));
            assert_eq!(
                error.to_string(),
                format!("dial tcp {local}->{good}: no such device")
            );
            let error = Dialer::new().local_addr(unix_address()).dial_tcp(good);
            assert_eq!(kind(error), ErrorKind::InvalidInput);
        }
        let server = UdpSocket::bind(V4).unwrap();
        let socket = Dialer::new()
            .traffic_class(0x20)
            .dial_udp(server.local_addr().unwrap());
        let socket = socket.unwrap();
        assert_eq!(sockopt::ip_tos(&socket).unwrap(), 0x20);
        assert!(socket.broadcast().unwrap());
    });
}

#[test]
fn several_paths_and_data_with_the_request_are_tcp_to_the_program() {
    everywhere(|| {
        for (multipath, fast_open) in [(true, false), (false, true), (true, true)] {
            let config = ListenConfig::new().multipath_tcp(multipath);
            let config = if fast_open {
                config.fast_open(16)
            } else {
                config
            };
            let listener = config.listen_tcp(V4).unwrap();
            let dialer = Dialer::new().multipath_tcp(multipath).fast_open(fast_open);
            // The second request may carry data.
            for _ in 0..2 {
                let mut client = dialer.dial_tcp(listener.local_addr().unwrap()).unwrap();
                client.write_all(b"ping").unwrap();
                let (mut server, _) = listener.accept().unwrap();
                let mut buffer = [0; 4];
                server.read_exact(&mut buffer).unwrap();
                server.write_all(&buffer).unwrap();
                client.read_exact(&mut buffer).unwrap();
                assert_eq!(&buffer, b"ping");
                assert!(client.nodelay().unwrap() && server.nodelay().unwrap());
                drop(client);
                assert_eq!(server.read(&mut buffer).unwrap(), 0);
            }
        }
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

#[test]
fn a_full_unix_listener_is_waited_for_within_the_deadline() {
    everywhere(|| {
        let address = unix_address();
        let listener = ListenConfig::new()
            .backlog(0)
            .listen_unix(&address)
            .unwrap();
        let _first = Dialer::new().timeout(LONG).dial_unix(&address).unwrap();
        let dialer = Dialer::new().timeout(Duration::from_millis(10));
        let error = dialer.dial_unix(&address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(
            error
                .to_string()
                .starts_with(&format!("dial unix {}: ", Addr::from(address.clone())))
        );
        let waiting = thread::spawn(move || Dialer::new().timeout(LONG).dial_unix(&address));
        listener.accept().unwrap();
        listener.accept().unwrap();
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn a_local_name_lets_the_peer_answer() {
    everywhere(|| {
        let (server, client) = (unix_address(), unix_address());
        let socket = ListenConfig::new().listen_unixgram(&server).unwrap();
        let dialer = Dialer::new().local_addr(client);
        let conn = dialer.dial_unixgram(&server).unwrap();
        conn.send(b"hello").unwrap();
        let (_, sender) = socket.recv_from(&mut [0; 16]).unwrap();
        socket.send_to_addr(b"back", &sender).unwrap();
        assert_eq!(conn.recv(&mut [0; 16]).unwrap(), 4);
    });
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// So many dials at once, to good, refused and silent addresses, with both versions, under
/// one deadline. Afterwards everything is as it was before.
fn many_dials(dials: usize) {
    let (_, hard) = (
        0,
        rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
    );
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: hard,
            maximum: hard,
        },
    );
    let runtime = Builder::new().workers(2).build().unwrap();
    let (good, address) = listener(V4);
    let silent = [silent(V4), silent(V6)];
    let [v4, v6] = silent.each_ref().map(|silent| silent.address);
    let dead = refused(Ipv6Addr::LOCALHOST);
    let acceptor = good.try_clone().unwrap();
    let accepting = runtime.spawn(move || acceptor.incoming().flatten().count());
    // What is made once and stays, and the epolls that grow.
    // This thread's bell is made when it first has to wait, which joining need not.
    thread::park_timeout(Duration::from_millis(1));
    let warm = runtime.spawn(move || Dialer::new().dial_tcp(&[dead, address][..]).map(drop));
    warm.join().unwrap().unwrap();
    let before = descriptors();

    // While a batch is under way, it has up to three descriptors for each dial.
    let batch = (dials).min(500);
    let mut connected = 0;
    let mut timed_out = 0;
    let deadline = Instant::now() + Duration::from_secs(3);
    for _ in 0..dials / batch {
        let dialing: Vec<_> = (0..batch)
            .map(|i| {
                let addresses = match i % 5 {
                    0 => vec![address],
                    1 => vec![dead, address],
                    2 => vec![v6, address],
                    3 => vec![v4, v6],
                    _ => vec![dead],
                };
                runtime.spawn(move || {
                    let dialer = Dialer::new()
                        .deadline(deadline)
                        .timeout(Duration::from_millis(300))
                        .fallback_delay(Duration::from_millis(2));
                    dialer.dial_tcp(&addresses[..]).map(drop)
                })
            })
            .collect();
        for task in dialing {
            match task.join().unwrap() {
                Ok(()) => connected += 1,
                Err(error) if error.kind() == ErrorKind::TimedOut => timed_out += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}"),
            }
        }
    }
    // Of every kind there were some.
    assert!(connected > 0 && timed_out > 0, "{connected} {timed_out}");
    assert!(connected + timed_out < dials);
    until("no descriptor is left", || descriptors() <= before);
    // Whoever joins a task may come a little before it is counted out.
    until("only the acceptor is left", || runtime.tasks() == 1);
    good.close();
    accepting.join().unwrap();
    until("no task is left", || runtime.tasks() == 0);
}

#[test]
fn pain_10_ten_thousand_dials_leave_nothing_behind() {
    // In a process of its own, whose descriptors can be counted.
    let test = "pain_10_ten_thousand_dials_leave_nothing_behind";
    in_child(test, &[], || many_dials(10_000));
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

#[test]
fn std_named_constructors_keep_std_defaults_and_errors() {
    everywhere(|| {
        let (_listener, good) = listener(V4);
        let stream = TcpStream::connect(good).unwrap();
        assert!(!stream.nodelay().unwrap());
        assert_eq!(stream.keepalive().unwrap(), None);
        let error = TcpStream::connect(refused(Ipv4Addr::LOCALHOST)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        assert!(OpError::of(&error).is_none());
    });
}
