//! Listening: options, one address for IPv4 and IPv6, names, errors, and listeners that
//! were left to the process.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{LONG, everywhere, is_child, kind, on_workers, unix_address};
use netpoll::net::{
    self, Dialer, KeepAlive, ListenConfig, OpError, TcpListener, TcpStream, UdpSocket,
    inherited_listeners,
};
use netpoll::os::unix::net::{UnixListener, UnixStream};
use netpoll::thread;
use rustix::net::sockopt;

const V4: &str = "127.0.0.1:0";

fn connect(ip: impl Into<std::net::IpAddr>, port: u16) -> std::io::Result<TcpStream> {
    TcpStream::connect((ip.into(), port))
}

/// The value of an option that rustix does not know.
fn option(socket: impl AsFd, level: i32, name: i32) -> i32 {
    let mut value = 0_i32;
    let mut length = 4;
    // SAFETY: both pointers lead to what the call writes, as large as it is told.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    assert_eq!(result, 0);
    value
}

#[test]
fn accepted_connections_have_the_defaults_of_go() {
    everywhere(|| {
        let listener = ListenConfig::new().listen_tcp(V4).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(stream.keepalive().unwrap(), Some(KeepAlive::default()));
        assert!(sockopt::socket_reuseaddr(&listener).unwrap());
        assert!(!sockopt::socket_reuseport(&listener).unwrap());

        // Those of std are none.
        let listener = TcpListener::bind(V4).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert!(!stream.nodelay().unwrap());
        assert_eq!(stream.keepalive().unwrap(), None);
    });
}

#[test]
fn pain_18_options_of_listeners_are_set_without_another_crate() {
    everywhere(|| {
        let keepalive = KeepAlive {
            idle: Duration::from_secs(7),
            interval: Duration::from_secs(8),
            count: 5,
        };
        for at in [V4, "[::1]:0"] {
            let listener = ListenConfig::new()
                .nodelay(false)
                .keepalive(Some(keepalive))
                .user_timeout(Duration::from_millis(12_345))
                .recv_buffer_size(20_000)
                .send_buffer_size(30_000)
                .traffic_class(0x20)
                .device("lo")
                .reuse_address(false)
                .reuse_port(true)
                .incoming_cpu(0)
                .fast_open(16)
                .defer_accept(Duration::from_millis(1500))
                .listen_tcp(at)
                .unwrap();
            let address = listener.local_addr().unwrap();
            assert!(!sockopt::socket_reuseaddr(&listener).unwrap());
            assert!(sockopt::socket_reuseport(&listener).unwrap());
            assert_eq!(sockopt::socket_incoming_cpu(&listener).unwrap(), 0);
            assert_eq!(option(&listener, libc::IPPROTO_TCP, libc::TCP_FASTOPEN), 16);
            // In whole repetitions of the handshake, hence more.
            assert!(option(&listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT) >= 2);

            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(b"first").unwrap();
            let (stream, _) = listener.accept().unwrap();
            assert!(!stream.nodelay().unwrap());
            assert_eq!(stream.keepalive().unwrap(), Some(keepalive));
            assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 12_345);
            assert_eq!(sockopt::socket_recv_buffer_size(&stream).unwrap(), 40_000);
            assert_eq!(sockopt::socket_send_buffer_size(&stream).unwrap(), 60_000);
            match address {
                SocketAddr::V4(_) => assert_eq!(sockopt::ip_tos(&stream).unwrap(), 0x20),
                SocketAddr::V6(_) => assert_eq!(sockopt::ipv6_tclass(&stream).unwrap(), 0x20),
            }
        }
        let error = ListenConfig::new()
            .device("no such")
            .listen_tcp(V4)
            .unwrap_err();
        let cause = OpError::of(&error).unwrap().cause();
        assert_eq!(cause.raw_os_error(), Some(libc::ENODEV));
        // What would not fit is as much as there can be.
        let config = ListenConfig::new()
            .backlog(u32::MAX)
            .defer_accept(Duration::MAX);
        config.listen_tcp(V4).unwrap();
    });
}

#[test]
fn a_deferred_connection_comes_with_its_first_bytes() {
    everywhere(|| {
        let config = ListenConfig::new().defer_accept(LONG);
        let listener = config.listen_tcp(V4).unwrap();
        let address = listener.local_addr().unwrap();
        let mut silent = TcpStream::connect(address).unwrap();
        let mut speaking = TcpStream::connect(address).unwrap();
        speaking.write_all(b"x").unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, speaking.local_addr().unwrap());
        silent.write_all(b"x").unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, silent.local_addr().unwrap());
    });
}

#[test]
fn a_backlog_is_as_long_as_it_was_asked_for() {
    everywhere(|| {
        let listener = ListenConfig::new().backlog(2).listen_tcp(V4).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        let full = loop {
            let dialer = Dialer::new().timeout(Duration::from_millis(100));
            match dialer.dial_tcp(address) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
            assert!(waiting.len() < 100, "there is no end to it");
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        assert!(waiting.len() >= 2);
    });
}

#[test]
fn no_address_in_particular_is_both_versions() {
    everywhere(|| {
        for text in [":0", "0.0.0.0:0", "[::]:0"] {
            let listener = ListenConfig::new().listen_tcp(text).unwrap();
            let port = listener.local_addr().unwrap().port();
            let v4 = connect(Ipv4Addr::LOCALHOST, port).unwrap();
            let (_, peer) = listener.accept().unwrap();
            assert_eq!(peer.ip(), Ipv4Addr::LOCALHOST.to_ipv6_mapped());
            assert_eq!(peer.port(), v4.local_addr().unwrap().port());
            connect(Ipv6Addr::LOCALHOST, port).unwrap();
            let (_, peer) = listener.accept().unwrap();
            assert_eq!(peer.ip(), Ipv6Addr::LOCALHOST);

            // Where the network is named, addresses are shown as what they are.
            let listener = net::listen("tcp", text).unwrap();
            let port = listener.local_addr().unwrap().as_ip().unwrap().port();
            let v4 = connect(Ipv4Addr::LOCALHOST, port).unwrap();
            let (conn, peer) = listener.accept().unwrap();
            assert_eq!(peer.as_ip(), Some(v4.local_addr().unwrap()));
            assert_eq!(conn.peer_addr().unwrap().as_ip(), peer.as_ip());

            let server = net::listen_packet("udp", text).unwrap();
            let port = server.local_addr().unwrap().as_ip().unwrap().port();
            for local in [V4, "[::1]:0"] {
                let client = UdpSocket::bind(local).unwrap();
                let local = client.local_addr().unwrap();
                client.send_to(b"hello", (local.ip(), port)).unwrap();
                let (_, sender) = server.recv_from(&mut [0; 16]).unwrap();
                assert_eq!(sender.as_ip(), Some(local));
                server.send_to(b"hello", &sender).unwrap();
                assert_eq!(client.recv(&mut [0; 16]).unwrap(), 5);
            }
        }
    });
}

#[test]
fn one_version_leaves_the_other_alone() {
    everywhere(|| {
        for (network, text) in [("tcp4", ":0"), ("tcp4", "0.0.0.0:0")] {
            let listener = net::listen(network, text).unwrap();
            let address = listener.local_addr().unwrap().as_ip().unwrap();
            assert_eq!(address.ip(), Ipv4Addr::UNSPECIFIED);
            connect(Ipv4Addr::LOCALHOST, address.port()).unwrap();
            assert_eq!(
                kind(connect(Ipv6Addr::LOCALHOST, address.port())),
                ErrorKind::ConnectionRefused
            );
        }
        let only = ListenConfig::new().only_v6(true);
        for listener in [
            net::listen("tcp6", ":0").unwrap(),
            net::listen("tcp6", "[::]:0").unwrap(),
            only.listen("tcp", ":0").unwrap(),
            only.listen("tcp", "[::]:0").unwrap(),
        ] {
            let port = listener.local_addr().unwrap().as_ip().unwrap().port();
            connect(Ipv6Addr::LOCALHOST, port).unwrap();
            assert_eq!(
                kind(connect(Ipv4Addr::LOCALHOST, port)),
                ErrorKind::ConnectionRefused
            );
        }
        // An address that is one is taken by its word, and so is a version.
        let listener = only.listen_tcp("0.0.0.0:0").unwrap();
        assert_eq!(listener.local_addr().unwrap().ip(), Ipv4Addr::UNSPECIFIED);
        let both = ListenConfig::new().only_v6(false);
        let listener = both.listen("tcp6", ":0").unwrap();
        let port = listener.local_addr().unwrap().as_ip().unwrap().port();
        connect(Ipv4Addr::LOCALHOST, port).unwrap();
        assert_eq!(kind(net::listen("tcp6", V4)), ErrorKind::InvalidInput);
        assert_eq!(
            kind(net::listen("tcp4", "[::1]:0")),
            ErrorKind::InvalidInput
        );
    });
}

#[test]
fn of_a_name_ipv4_comes_first() {
    everywhere(|| {
        let resolver = |_: &str, port: u16, _: Option<Instant>| {
            Ok(vec![
                (Ipv6Addr::LOCALHOST, port).into(),
                (Ipv4Addr::LOCALHOST, port).into(),
            ])
        };
        let config = ListenConfig::new().resolver(resolver);
        let listener = config.listen_tcp("name:0").unwrap();
        assert!(listener.local_addr().unwrap().is_ipv4());
        let listener = config.listen("tcp6", "name:0").unwrap();
        assert!(listener.local_addr().unwrap().as_ip().unwrap().is_ipv6());
        // Addresses that are given are tried in the order in which they are.
        let taken = listener.local_addr().unwrap().as_ip().unwrap();
        let addresses = [taken, V4.parse().unwrap()];
        let listener = config.listen_tcp(&addresses[..]).unwrap();
        assert!(listener.local_addr().unwrap().is_ipv4());
    });
}

#[test]
fn errors_name_the_operation_and_the_address() {
    everywhere(|| {
        let listener = ListenConfig::new().listen_tcp(V4).unwrap();
        let taken = listener.local_addr().unwrap();
        let error = ListenConfig::new().listen_tcp(taken).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert_eq!(
            error.to_string(),
            format!("listen tcp {taken}: address already in use")
        );
        let details = OpError::of(&error).unwrap();
        assert_eq!(details.operation(), "listen");
        assert_eq!(details.destination().unwrap().as_ip(), Some(taken));
        assert_eq!(details.cause().raw_os_error(), Some(libc::EADDRINUSE));

        assert_eq!(kind(net::listen("udp", V4)), ErrorKind::InvalidInput);
        assert_eq!(kind(net::listen_packet("tcp", V4)), ErrorKind::InvalidInput);
        let path = "/there/is/no/such/path";
        let error = net::listen("unix", path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("listen unix {path}: no such file or directory")
        );
        let error = net::listen_packet("unixgram", &"x".repeat(200)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn the_hook_sees_the_socket_before_it_is_bound() {
    everywhere(|| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let config = ListenConfig::new().control(move |network, address, socket| {
            if let Ok(local) = SocketAddr::try_from(rustix::net::getsockname(socket)?) {
                assert_eq!(local.port(), 0, "it is bound already");
            }
            sockopt::set_socket_recv_buffer_size(socket, 20_000)?;
            log.lock().unwrap().push(format!("{network} {address}"));
            Ok(())
        });
        let unix = unix_address();
        let packets = unix_address();
        let sockets: [OwnedFd; 4] = [
            config.listen_tcp(V4).unwrap().into(),
            config.listen_udp("[::1]:0").unwrap().into(),
            config.listen_unix(&unix).unwrap().into(),
            config.listen_unixgram(&packets).unwrap().into(),
        ];
        for socket in sockets {
            assert_eq!(sockopt::socket_recv_buffer_size(&socket).unwrap(), 40_000);
        }
        let expected = [
            "tcp4 127.0.0.1:0".to_owned(),
            "udp6 [::1]:0".to_owned(),
            format!("unix {}", net::Addr::from(unix)),
            format!("unixgram {}", net::Addr::from(packets)),
        ];
        assert_eq!(*seen.lock().unwrap(), expected);
        let config = ListenConfig::new().control(|_, _, _| Err(ErrorKind::QuotaExceeded.into()));
        assert_eq!(kind(config.listen_tcp(V4)), ErrorKind::QuotaExceeded);
    });
}

#[test]
fn a_path_goes_with_its_listener() {
    everywhere(|| {
        let name = format!("netpoll-listening-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        for network in ["unix", "unixpacket"] {
            let listener = net::listen(network, path.to_str().unwrap()).unwrap();
            assert!(path.exists());
            drop(listener);
            assert!(!path.exists());
        }
    });
}

#[test]
fn each_worker_has_a_listener_at_one_address() {
    for at in [V4, ":0"] {
        on_workers(move || {
            let listeners = ListenConfig::new().listen_tcp_each_worker(at).unwrap();
            let address = listeners[0].local_addr().unwrap();
            let expected = listeners.len();
            let accepting: Vec<_> = listeners
                .into_iter()
                .map(|listener| {
                    assert_eq!(listener.local_addr().unwrap(), address);
                    let clone = listener.try_clone().unwrap();
                    (
                        clone,
                        thread::spawn(move || listener.incoming().flatten().count()),
                    )
                })
                .collect();
            assert!([1, 2, 8].contains(&expected));
            let connected: Vec<_> = (0..64)
                .map(|_| connect(Ipv4Addr::LOCALHOST, address.port()).unwrap())
                .collect();
            // Each has been accepted by one of them, before they are closed.
            common::until("all are accepted", || {
                accepting.iter().all(|(listener, _)| {
                    !rustix::event::poll(
                        &mut [rustix::event::PollFd::new(
                            listener,
                            rustix::event::PollFlags::IN,
                        )],
                        Some(&rustix::event::Timespec {
                            tv_sec: 0,
                            tv_nsec: 0,
                        }),
                    )
                    .is_ok_and(|ready| ready > 0)
                })
            });
            let mut accepted = 0;
            for (listener, task) in accepting {
                listener.close();
                accepted += task.join().unwrap();
            }
            assert_eq!(accepted, connected.len());
        });
    }
}

#[test]
fn inherited_listeners_are_taken_once() {
    let test = "inherited_listeners_are_taken_once";
    if is_child() {
        return successor();
    }
    let tcp = std::net::TcpListener::bind(V4).unwrap();
    // As one that runs on an event loop leaves it.
    tcp.set_nonblocking(true).unwrap();
    let unix_name = unix_address();
    let unix = std::os::unix::net::UnixListener::bind_addr(&unix_name).unwrap();
    let tcp_address = tcp.local_addr().unwrap();
    // The number of a process that does not exist yet, only itself can name: the shell.
    let script = "exec 3<&0 4>&1 </dev/null >&2; \
                  LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin exec \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("NETPOLL_TEST_CHILD", "1")
        .stdin(Stdio::from(OwnedFd::from(tcp)))
        .stdout(Stdio::from(OwnedFd::from(unix)))
        .spawn()
        .unwrap();
    let mut greetings = [String::new(), String::new()];
    // The child may fail, and then nobody answers.
    let answers = (
        std::net::TcpStream::connect(tcp_address)
            .and_then(|mut stream| stream.read_to_string(&mut greetings[0])),
        std::os::unix::net::UnixStream::connect_addr(&unix_name)
            .and_then(|mut stream| stream.read_to_string(&mut greetings[1])),
    );
    assert!(child.wait().unwrap().success(), "{answers:?}");
    assert_eq!(greetings, ["web", "admin"]);
}

/// Answers one connection at each of two listeners.
fn successor() {
    let left = inherited_listeners();
    assert_eq!(left.len(), 2);
    assert!(inherited_listeners().is_empty(), "they are taken");
    for socket in &left {
        let flags = rustix::io::fcntl_getfd(&socket.fd).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
    let mut left = left.into_iter();
    let (web, admin) = (left.next().unwrap(), left.next().unwrap());
    assert_eq!((web.fd.as_raw_fd(), admin.fd.as_raw_fd()), (3, 4));
    assert_eq!((&*web.name, &*admin.name), ("web", "admin"));
    let unix = UnixListener::from(admin);
    let serving = thread::spawn(move || -> std::io::Result<()> {
        let mut stream: UnixStream = unix.accept()?.0;
        stream.write_all(b"admin")
    });
    let mut stream = TcpListener::from(web).accept().unwrap().0;
    stream.write_all(b"web").unwrap();
    drop(stream);
    serving.join().unwrap().unwrap();
}

#[test]
fn what_is_left_to_another_process_stays_where_it_is() {
    let test = "what_is_left_to_another_process_stays_where_it_is";
    // Process 1 is none that runs a test.
    let environment = [("LISTEN_PID", "1"), ("LISTEN_FDS", "2")];
    common::in_child(test, &environment, || {
        assert!(inherited_listeners().is_empty());
    });
}
