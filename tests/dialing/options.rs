//! Options, which are set before the socket connects, and those that are set by default.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use netpoll::net::{Dialer, KeepAlive, ListenConfig, OpError, TcpStream, UdpSocket};
use rustix::net::sockopt;

use crate::common::{everywhere, kind, unix_address};
use crate::{V4, V6, listener, refused};

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
