//! `TcpStream` and `TcpListener`.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::time::Duration;

use super::same;

/// The names are the same ones.
#[test]
fn the_names_of_std_are_there() {
    #[allow(unused_imports)]
    use netpoll::net::{
        AddrParseError, Incoming, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4,
        SocketAddrV6, TcpListener, TcpStream, ToSocketAddrs, UdpSocket,
    };
    let _: std::net::SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));
    let _: std::net::Shutdown = Shutdown::Both;
}

/// What std's sockets are, ours are.
#[test]
fn auto_traits_are_those_of_std() {
    fn check<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    check::<netpoll::net::TcpStream>();
    check::<netpoll::net::TcpListener>();
    check::<netpoll::net::UdpSocket>();
    check::<netpoll::net::Incoming<'_>>();
    check::<netpoll::os::unix::net::UnixStream>();
    check::<netpoll::os::unix::net::UnixListener>();
    check::<netpoll::os::unix::net::UnixDatagram>();
    check::<netpoll::os::unix::net::Incoming<'_>>();
}

same! {
    fn addresses_and_debug_text(notes) {
        for localhost in ["127.0.0.1:0", "[::1]:0"] {
            let listener = net::TcpListener::bind(localhost).unwrap();
            let address = listener.local_addr().unwrap();
            notes.name_fd("listener", &listener);
            notes.name_port("listener", address);
            let client = net::TcpStream::connect(address).unwrap();
            notes.name_fd("client", &client);
            notes.name_port("client", client.local_addr().unwrap());
            let (server, peer) = listener.accept().unwrap();
            notes.name_fd("server", &server);
            notes.note("listener", &listener);
            notes.note("incoming", listener.incoming());
            notes.note("client", &client);
            notes.note("client, in lines", format!("{client:#?}"));
            notes.note("server", &server);
            notes.ended("peer of client", client.peer_addr());
            notes.ended("peer of server", server.peer_addr());
            notes.ended("local", server.local_addr());
            notes.note("peer from accept", peer);
            client.shutdown(net::Shutdown::Both).unwrap();
            server.shutdown(net::Shutdown::Both).unwrap();
            notes.ended("gone", client.peer_addr());
            notes.note("gone", &client);
            notes.ended("shut down twice", client.shutdown(net::Shutdown::Both));
        }
    }

    fn reading_writing_and_half_close(notes) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        notes.ended("write", client.write(b"hello world"));
        notes.ended("flush", client.flush());
        let mut buffer = [0; 5];
        notes.ended("peek", server.peek(&mut buffer).map(|n| (n, buffer)));
        notes.ended("read", server.read_exact(&mut buffer).map(|()| buffer));
        notes.ended("read nothing", server.read(&mut []));
        notes.ended("write nothing", server.write(&[]));
        client.shutdown(net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        notes.ended("to the end", server.read_to_end(&mut rest));
        notes.note("rest", rest);
        notes.ended("read at the end", server.read(&mut buffer));
        notes.ended("peek at the end", server.peek(&mut buffer));
        notes.ended("write after shutdown", client.write(b"x"));
        notes.ended("the other direction", server.write(b"answer"));
        notes.ended("read", client.read(&mut [0; 64]));
        client.shutdown(net::Shutdown::Read).unwrap();
        notes.ended("read after shutdown", client.read(&mut buffer));
    }

    fn several_buffers(notes) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let slices = [IoSlice::new(b"he"), IoSlice::new(b""), IoSlice::new(b"llo")];
        notes.ended("write", client.write_vectored(&slices));
        notes.ended("by reference", (&client).write_vectored(&slices));
        notes.ended("none", client.write_vectored(&[]));
        notes.ended("empty", client.write_vectored(&[IoSlice::new(b"")]));
        notes.ended("read into none", server.read_vectored(&mut []));
        notes.ended("read into empty", server.read_vectored(&mut [IoSliceMut::new(&mut [])]));
        let (mut first, mut second) = ([0; 3], [0; 7]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        notes.ended("read", server.read_vectored(&mut buffers));
        notes.note("what", (first, second));
        let many = vec![IoSlice::new(b"x"); 3000];
        notes.ended("more than the system takes", client.write_vectored(&many));
        let mut bytes = vec![0; 1024];
        server.read_exact(&mut bytes).unwrap();
        let mut bytes = vec![[0; 1]; 3000];
        client.write_all(&[7; 3000]).unwrap();
        let mut buffers: Vec<_> = bytes.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
        notes.ended("more than the system fills", server.read_vectored(&mut buffers));
        drop(client);
        let mut buffer = [0; 4096];
        while server.read(&mut buffer).unwrap() > 0 {}
        let mut buffers = [IoSliceMut::new(&mut first)];
        notes.ended("the end", server.read_vectored(&mut buffers));
    }

    fn errors_of_connecting_and_binding(notes) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        notes.ended("bind again", net::TcpListener::bind(address).map(drop));
        notes.ended("not ours", net::TcpListener::bind("192.0.2.1:0").map(drop));
        notes.ended("no addresses", net::TcpListener::bind(&[][..]).map(drop));
        notes.ended("no port", net::TcpListener::bind("127.0.0.1").map(drop));
        let nobody: std::net::SocketAddr = "127.0.0.1:1".parse().unwrap();
        notes.ended("refused", net::TcpStream::connect(nobody).map(drop));
        let long = Duration::from_secs(10);
        notes.ended("refused", net::TcpStream::connect_timeout(&nobody, long).map(drop));
        notes.ended("no time", net::TcpStream::connect_timeout(&nobody, Duration::ZERO).map(drop));
        notes.ended("no addresses", net::TcpStream::connect(&[][..]).map(drop));
        notes.ended("port zero", net::TcpStream::connect("127.0.0.1:0").map(drop));
    }

    fn timeouts(notes) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        notes.ended("none", client.read_timeout());
        notes.ended("none", client.write_timeout());
        notes.ended("zero", client.set_read_timeout(Some(Duration::ZERO)));
        notes.ended("zero", client.set_write_timeout(Some(Duration::ZERO)));
        client.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        client.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
        let clone = client.try_clone().unwrap();
        notes.ended("of a clone", clone.read_timeout());
        notes.ended("write", client.write_timeout());
        client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        notes.ended("read", (&client).read(&mut [0; 8]));
        notes.ended("peek", client.peek(&mut [0; 8]));
        notes.ended("vectored", (&client).read_vectored(&mut [IoSliceMut::new(&mut [0; 8])]));
        let error = loop {
            if let Err(error) = (&client).write(&[0; 1 << 16]) {
                break error;
            }
        };
        notes.ended("write", Err::<(), _>(error));
        client.set_read_timeout(None).unwrap();
        notes.ended("none again", client.read_timeout());
    }

    fn nonblocking_mode(notes) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        notes.ended("accept", listener.accept().map(drop));
        notes.ended("incoming", listener.incoming().next().unwrap().map(drop));
        notes.ended("a clone", listener.try_clone().unwrap().accept().map(drop));
        let mut client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        // The mode is that of all clones.
        let clone = server.try_clone().unwrap();
        clone.set_nonblocking(true).unwrap();
        notes.ended("read", server.read(&mut [0; 8]));
        notes.ended("peek", server.peek(&mut [0; 8]));
        let error = loop {
            if let Err(error) = server.write(&[0; 1 << 16]) {
                break error;
            }
        };
        notes.ended("write", Err::<(), _>(error));
        server.set_nonblocking(false).unwrap();
        client.write_all(b"x").unwrap();
        notes.ended("read", (&clone).read(&mut [0; 8]));
    }

    fn options(notes) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        notes.ended("nodelay", client.nodelay());
        notes.ended("set", client.set_nodelay(true));
        notes.ended("nodelay", client.nodelay());
        notes.ended("ttl", client.ttl());
        notes.ended("set", client.set_ttl(7));
        notes.ended("ttl", client.ttl());
        notes.ended("ttl too long", client.set_ttl(1000));
        notes.ended("listener", listener.ttl());
        notes.ended("set", listener.set_ttl(9));
        notes.ended("listener", listener.ttl());
        notes.ended("error", client.take_error().map(|error| error.is_none()));
        notes.ended("error", listener.take_error().map(|error| error.is_none()));
        #[allow(deprecated)]
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = net::TcpListener::bind(address).unwrap();
            notes.ended("only IPv6", listener.only_v6());
            notes.ended("set", listener.set_only_v6(true));
        }
    }

    fn what_a_reset_leaves_behind(notes) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.write_all(b"nobody reads this").unwrap();
        crate::common::until("the bytes are there", || server.peek(&mut [0; 64]).is_ok());
        drop(server);
        notes.ended("read", client.read(&mut [0; 8]));
        notes.ended("write", client.write(b"x"));
        notes.ended("error", client.take_error().map(|error| error.is_none()));
    }

    fn a_thread_for_each_connection(notes) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for stream in listener.incoming().take(8) {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut clone = stream.try_clone().unwrap();
                    io::copy(&mut clone, &mut stream).unwrap();
                });
            }
        });
        let clients: Vec<_> = (0..8_u8).map(|n| {
            thread::spawn(move || {
                let mut stream = net::TcpStream::connect(address).unwrap();
                stream.write_all(&[n; 10_000]).unwrap();
                stream.shutdown(net::Shutdown::Write).unwrap();
                let mut echo = Vec::new();
                stream.read_to_end(&mut echo).unwrap();
                (echo.len(), echo.iter().all(|byte| *byte == n))
            })
        }).collect();
        let echoes: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        notes.note("echoes", echoes);
        server.join().unwrap();
    }

    fn descriptors(notes) {
        use os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        notes.note("one number", client.as_raw_fd() == client.as_fd().as_raw_fd());
        let number = client.as_raw_fd();
        let fd = OwnedFd::from(client);
        notes.note("the same number", fd.as_raw_fd() == number);
        let client = net::TcpStream::from(fd);
        let raw = client.into_raw_fd();
        notes.note("the same number", raw == number);
        // SAFETY: the number was given away just now.
        let mut client = unsafe { net::TcpStream::from_raw_fd(raw) };
        let raw = listener.into_raw_fd();
        // SAFETY: as above.
        let listener = unsafe { net::TcpListener::from_raw_fd(raw) };
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"hello").unwrap();
        notes.ended("read", server.read(&mut [0; 8]));
        // Not a listener at all: a safe conversion, and an error later.
        let wrong = net::TcpListener::from(OwnedFd::from(client));
        notes.note("accept", wrong.accept().map(drop).map_err(|error| error.kind()) == Err(ErrorKind::InvalidInput));
    }
}
