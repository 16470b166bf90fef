//! What users of the neighbours suffer from, as far as it concerns crates that were
//! written for blocking sockets.

use netpoll_conformance::common::on_workers;

/// rustls takes the stream as it takes std's,
/// by value and by reference, and a stack of protocols can stand on it.
#[test]
fn pain_01_tls_works_unmodified() {
    use std::io::{BufRead, BufReader, Write};
    use std::sync::Arc;

    use netpoll::net::{TcpListener, TcpStream};
    use netpoll::thread;
    use netpoll_conformance::tls::{Authority, NAME};
    use rustls::pki_types::ServerName;
    use rustls::{ClientConnection, ServerConnection, Stream, StreamOwned};

    on_workers(|| {
        let server = Authority::trusted().server();
        let client = Authority::trusted().client(None);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            for stream in listener.incoming().take(10) {
                let config = Arc::clone(&server);
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                thread::spawn(move || {
                    let session = ServerConnection::new(config).unwrap();
                    let stream: StreamOwned<ServerConnection, TcpStream> =
                        StreamOwned::new(session, stream);
                    let mut lines = BufReader::new(stream);
                    let mut line = String::new();
                    while lines.read_line(&mut line).unwrap() > 0 {
                        lines.get_mut().write_all(line.as_bytes()).unwrap();
                        line.clear();
                    }
                });
            }
        });
        let clients: Vec<_> = (0..10)
            .map(|number| {
                let config = Arc::clone(&client);
                thread::spawn(move || {
                    let name = ServerName::try_from(NAME).unwrap();
                    let mut session = ClientConnection::new(config, name).unwrap();
                    let stream = TcpStream::connect(address).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let mut by_reference = &stream;
                    let stream: Stream<'_, ClientConnection, &TcpStream> =
                        Stream::new(&mut session, &mut by_reference);
                    let mut lines = BufReader::new(stream);
                    for line in 0..20 {
                        let sent = format!("client {number}, line {line}\n");
                        lines.get_mut().write_all(sent.as_bytes()).unwrap();
                        let mut back = String::new();
                        lines.read_line(&mut back).unwrap();
                        assert_eq!(back, sent);
                    }
                    drop(lines);
                    session.send_close_notify();
                    session.write_tls(&mut by_reference).unwrap();
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        serving.join().unwrap();
    });
}

/// One text, compiled with std and with netpoll: names, signatures and types are the same,
/// nothing is coloured, and no buffer is given away. That it compiles is most of the test.
macro_rules! program {
    ($name:ident, $root:ident) => {
        mod $name {
            use std::io::{self, BufRead, BufReader, IoSlice, Read, Write};
            use std::time::Duration;
            use $root::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
            use $root::thread::{self, JoinHandle};

            /// The signatures of std, written down.
            type Bound = Option<Duration>;
            const CONNECT: fn(SocketAddr) -> io::Result<TcpStream> = TcpStream::connect;
            const CONNECT_TIMEOUT: fn(&SocketAddr, Duration) -> io::Result<TcpStream> =
                TcpStream::connect_timeout;
            const BIND: fn(&'static str) -> io::Result<TcpListener> = TcpListener::bind;
            const ACCEPT: fn(&TcpListener) -> io::Result<(TcpStream, SocketAddr)> =
                TcpListener::accept;
            const CLONE: fn(&TcpStream) -> io::Result<TcpStream> = TcpStream::try_clone;
            const PEER: fn(&TcpStream) -> io::Result<SocketAddr> = TcpStream::peer_addr;
            const SHUTDOWN: fn(&TcpStream, Shutdown) -> io::Result<()> = TcpStream::shutdown;
            const READ_TIMEOUT: fn(&TcpStream, Bound) -> io::Result<()> =
                TcpStream::set_read_timeout;
            const WRITE_TIMEOUT: fn(&TcpStream, Bound) -> io::Result<()> =
                TcpStream::set_write_timeout;
            const PEEK: fn(&TcpStream, &mut [u8]) -> io::Result<usize> = TcpStream::peek;
            const NODELAY: fn(&TcpStream, bool) -> io::Result<()> = TcpStream::set_nodelay;
            const NONBLOCKING: fn(&TcpStream, bool) -> io::Result<()> = TcpStream::set_nonblocking;
            const ERROR: fn(&TcpStream) -> io::Result<Option<io::Error>> = TcpStream::take_error;
            const READ: fn(&mut TcpStream, &mut [u8]) -> io::Result<usize> = TcpStream::read;
            const WRITE: fn(&mut TcpStream, &[u8]) -> io::Result<usize> = TcpStream::write;
            const WRITE_VECTORED: fn(&mut TcpStream, &[IoSlice<'_>]) -> io::Result<usize> =
                TcpStream::write_vectored;
            const SPAWN: fn(fn() -> u32) -> JoinHandle<u32> = thread::spawn;

            fn shared_and_sent<T: Send + Sync + std::fmt::Debug + 'static>(_: &T) {}
            fn by_reference<T>(_: &T)
            where
                for<'a> &'a T: Read + Write,
            {
            }

            pub(super) fn run() {
                let listener = BIND("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                assert_eq!(address.to_socket_addrs().unwrap().next(), Some(address));
                shared_and_sent(&listener);
                let serving: JoinHandle<io::Result<()>> = thread::spawn(move || serve(listener));

                let stream: TcpStream = CONNECT(address).unwrap();
                shared_and_sent(&stream);
                by_reference(&stream);
                READ_TIMEOUT(&stream, Some(Duration::from_secs(20))).unwrap();
                WRITE_TIMEOUT(&stream, Some(Duration::from_secs(20))).unwrap();
                NODELAY(&stream, true).unwrap();
                assert_eq!(PEER(&stream).unwrap(), address);
                let mut lines = BufReader::new(CLONE(&stream).unwrap());
                for number in 0..100 {
                    writeln!(&stream, "line {number}").unwrap();
                    let mut line = String::new();
                    lines.read_line(&mut line).unwrap();
                    assert_eq!(line, format!("LINE {number}\n"));
                }
                let mut stream = stream;
                let parts = [IoSlice::new(b"two "), IoSlice::new(b"parts\n")];
                assert_eq!(WRITE_VECTORED(&mut stream, &parts).unwrap(), 10);
                assert_eq!(WRITE(&mut stream, b"last\n").unwrap(), 5);
                let mut buffer = [0; 4];
                assert_eq!(PEEK(&stream, &mut buffer).unwrap(), 4);
                assert_eq!(&buffer, b"TWO ");
                assert_eq!(READ(&mut stream, &mut buffer).unwrap(), 4);
                SHUTDOWN(&stream, Shutdown::Write).unwrap();
                let mut rest = String::new();
                lines.read_to_string(&mut rest).unwrap();
                assert_eq!(rest, "PARTS\nLAST\n");
                NONBLOCKING(&stream, true).unwrap();
                assert!(ERROR(&stream).unwrap().is_none());
                drop((stream, lines));

                drop(CONNECT_TIMEOUT(&address, Duration::from_secs(20)).unwrap());
                serving.join().unwrap().unwrap();
                assert_eq!(SPAWN(|| 42).join().unwrap(), 42);
            }

            /// A connection that says something, and one that says nothing.
            fn serve(listener: TcpListener) -> io::Result<()> {
                let (first, _) = ACCEPT(&listener)?;
                let first = thread::Builder::new()
                    .name("first".into())
                    .spawn(move || shout(first))?;
                let second = listener.incoming().next().expect("there is no last one")?;
                shout(second)?;
                first.join().unwrap()
            }

            fn shout(mut stream: TcpStream) -> io::Result<()> {
                NODELAY(&stream, true)?;
                let lines = BufReader::new(stream.try_clone()?).lines();
                for line in lines {
                    writeln!(stream, "{}", line?.to_uppercase())?;
                }
                Ok(())
            }
        }
    };
}

program!(on_std, std);
program!(on_netpoll, netpoll);

#[test]
fn pain_21_the_signatures_are_those_of_std() {
    on_std::run();
    on_netpoll::run();
    on_workers(on_netpoll::run);
}
