//! rustls on both ends of a connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;
use netpoll_conformance::common::{LONG, kind, on_workers, pair};
use netpoll_conformance::ends::{AnyStream, on_both};
use netpoll_conformance::pattern;
use netpoll_conformance::tls::{self, Authority};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, CertificateError, ClientConfig, ServerConfig};

/// More than the sockets' buffers hold, so that both directions have to wait.
const LARGE: u64 = 4 << 20;

/// A client that sends much, says that it is done, and reads as much: both ends of each
/// direction wait for the other one many times.
fn large_transfers(client: Arc<ClientConfig>) {
    let server = Authority::trusted().server();
    on_both(
        move |stream: AnyStream| {
            let mut stream = tls::serve(&server, stream);
            assert_eq!(pattern::receive(&mut stream, 1).unwrap(), LARGE);
            pattern::send(&mut stream, 2, LARGE).unwrap();
            tls::finish_server(&mut stream).unwrap();
        },
        move |stream: AnyStream| {
            let mut stream = tls::connect(&client, stream);
            pattern::send(&mut stream, 1, LARGE).unwrap();
            tls::finish_client(&mut stream).unwrap();
            assert_eq!(pattern::receive(&mut stream, 2).unwrap(), LARGE);
        },
    );
}

#[test]
fn large_transfers_with_tls_1_3() {
    large_transfers(Authority::trusted().client_of(&[&TLS13], None));
}

#[test]
fn large_transfers_with_tls_1_2() {
    large_transfers(Authority::trusted().client_of(&[&TLS12], None));
}

/// The end of what one side sends is an end for the other one, who goes on sending.
#[test]
fn close_notify_ends_one_direction() {
    let server = Authority::trusted().server();
    let client = Authority::trusted().client(None);
    on_both(
        move |stream: AnyStream| {
            let mut stream = tls::serve(&server, stream);
            let mut question = String::new();
            stream.read_to_string(&mut question).unwrap();
            assert_eq!(question, "how are you?");
            for word in ["fine", ", ", "and you?"] {
                stream.write_all(word.as_bytes()).unwrap();
                stream.flush().unwrap();
            }
            tls::finish_server(&mut stream).unwrap();
        },
        move |stream: AnyStream| {
            let mut stream = tls::connect(&client, stream);
            stream.write_all(b"how are you?").unwrap();
            tls::finish_client(&mut stream).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "fine, and you?");
        },
    );
}

/// A connection that ends without `close_notify` may have been cut by anybody, and must
/// not look complete.
#[test]
fn an_end_without_close_notify_is_an_error() {
    on_workers(|| {
        let (there, here) = pair();
        let served = thread::spawn(move || {
            let mut stream = tls::serve(&Authority::trusted().server(), there);
            let mut text = String::new();
            let result = stream.read_to_string(&mut text);
            (result.map_err(|error| error.kind()), text)
        });
        let mut stream = tls::connect(&Authority::trusted().client(None), here);
        stream.write_all(b"half a sen").unwrap();
        stream.flush().unwrap();
        stream.sock.shutdown(Shutdown::Write).unwrap();
        let (result, text) = served.join().unwrap();
        assert_eq!(result, Err(ErrorKind::UnexpectedEof));
        assert_eq!(text, "half a sen");
    });
}

fn tls_error(result: io::Result<usize>) -> rustls::Error {
    let error = result.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    *error.into_inner().unwrap().downcast().unwrap()
}

#[test]
fn a_server_that_is_not_trusted_is_refused() {
    let server = Authority::new("a stranger").server();
    let client = Authority::trusted().client(None);
    on_both(
        move |stream: AnyStream| {
            let mut stream = tls::serve(&server, stream);
            assert_eq!(
                tls_error(stream.read(&mut [0; 16])),
                rustls::Error::AlertReceived(AlertDescription::UnknownCA)
            );
        },
        move |stream: AnyStream| {
            let mut stream = tls::connect(&client, stream);
            assert_eq!(
                tls_error(stream.write(b"a secret")),
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
            );
        },
    );
}

#[test]
fn a_client_that_is_not_trusted_is_refused() {
    let stranger = Authority::new("a stranger").identity();
    let server = Authority::trusted().server_of_known_clients();
    let client = Authority::trusted().client(Some(stranger));
    on_both(
        move |stream: AnyStream| {
            let mut stream = tls::serve(&server, stream);
            assert!(matches!(
                tls_error(stream.read(&mut [0; 16])),
                rustls::Error::InvalidCertificate(_)
            ));
        },
        move |stream: AnyStream| {
            let mut stream = tls::connect(&client, stream);
            // With TLS 1.3 the client's handshake is done before the server has looked
            // at its certificate: the refusal is what it reads.
            stream.write_all(b"let me in").unwrap();
            assert!(matches!(
                tls_error(stream.read(&mut [0; 16])),
                rustls::Error::AlertReceived(_)
            ));
        },
    );
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let server = Authority::trusted().server_of_known_clients();
    let client = Authority::trusted().client(None);
    on_both(
        move |stream: AnyStream| {
            let mut stream = tls::serve(&server, stream);
            assert_eq!(
                tls_error(stream.read(&mut [0; 16])),
                rustls::Error::NoCertificatesPresented
            );
        },
        move |stream: AnyStream| {
            let mut stream = tls::connect(&client, stream);
            stream.write_all(b"let me in").unwrap();
            assert_eq!(
                tls_error(stream.read(&mut [0; 16])),
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired)
            );
        },
    );
}

#[test]
fn a_client_that_is_trusted_is_served() {
    let server = Authority::trusted().server_of_known_clients();
    let known = Authority::trusted().identity();
    let shown = known.certificate.clone();
    let client = Authority::trusted().client(Some(known));
    on_both(
        move |stream: AnyStream| {
            let mut stream = tls::serve(&server, stream);
            let mut request = [0; 9];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(stream.conn.peer_certificates(), Some(&[shown.clone()][..]));
            stream.write_all(b"welcome").unwrap();
            tls::finish_server(&mut stream).unwrap();
        },
        move |stream: AnyStream| {
            let mut stream = tls::connect(&client, stream);
            stream.write_all(b"let me in").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "welcome");
        },
    );
}

fn handshake(stream: &TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    let mut stream = tls::serve(config, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(())
}

/// A peer that connects, perhaps begins its handshake, and then is silent.
#[test]
fn a_handshake_that_stalls_ends_at_the_deadline() {
    let server = Authority::trusted().server();
    on_workers(move || {
        for begun in [&b""[..], &[22, 3, 1, 2, 0, 1, 0]] {
            let (there, mut here) = pair();
            here.write_all(begun).unwrap();
            let deadline = Instant::now() + Duration::from_millis(30);
            there.set_read_deadline(Some(deadline)).unwrap();
            let result = handshake(&there, &server);
            assert!(Instant::now() >= deadline);
            assert_eq!(kind(result), ErrorKind::TimedOut);

            // std's timeout bounds each read anew, and has std's error.
            let (there, mut here) = pair();
            here.write_all(begun).unwrap();
            let timeout = Duration::from_millis(30);
            there.set_read_timeout(Some(timeout)).unwrap();
            assert_eq!(kind(handshake(&there, &server)), ErrorKind::WouldBlock);
        }
    });
}

/// Somebody else loses patience: what waits inside rustls is ended from outside.
#[test]
fn a_handshake_that_stalls_is_ended_by_another_task() {
    let server = Authority::trusted().server();
    on_workers(move || {
        let (there, _here) = pair();
        there.set_read_timeout(Some(LONG)).unwrap();
        let clone = there.try_clone().unwrap();
        let config = Arc::clone(&server);
        let shaking = thread::spawn(move || handshake(&clone, &config));
        thread::sleep(Duration::from_millis(5));
        there.set_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(shaking.join().unwrap()), ErrorKind::TimedOut);

        let (there, _here) = pair();
        let clone = there.try_clone().unwrap();
        let config = Arc::clone(&server);
        let shaking = thread::spawn(move || handshake(&clone, &config));
        thread::sleep(Duration::from_millis(5));
        there.close();
        let error = shaking.join().unwrap().unwrap_err();
        assert!(netpoll::io::Closed::is_cause_of(&error), "{error}");
    });
}

/// The peer's writes go out one byte at a time, so that each record comes in many reads.
#[test]
fn records_in_single_bytes() {
    #[derive(Debug)]
    struct Drip<S>(S);
    impl<S: Read> Read for Drip<S> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl<S: Write> Write for Drip<S> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(&bytes[..bytes.len().min(1)])
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
    let server = Authority::trusted().server();
    let client = Authority::trusted().client(None);
    on_both(
        move |stream: AnyStream| {
            let mut stream = tls::serve(&server, Drip(stream));
            assert_eq!(pattern::receive(&mut stream, 3).unwrap(), 2000);
            pattern::send(&mut stream, 4, 2000).unwrap();
            tls::finish_server(&mut stream).unwrap();
        },
        move |stream: AnyStream| {
            let mut stream = tls::connect(&client, Drip(stream));
            pattern::send(&mut stream, 3, 2000).unwrap();
            tls::finish_client(&mut stream).unwrap();
            assert_eq!(pattern::receive(&mut stream, 4).unwrap(), 2000);
        },
    );
}

/// Many sessions at once, each on two tasks of its own, all of them interleaved.
#[test]
fn many_sessions_at_once() {
    const SESSIONS: u64 = 60;
    let server = Authority::trusted().server();
    let client = Authority::trusted().client(None);
    on_workers(move || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::clone(&server);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().take(SESSIONS as usize) {
                let config = Arc::clone(&config);
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(LONG)).unwrap();
                thread::spawn(move || {
                    let mut stream = tls::serve(&config, stream);
                    let mut number = [0; 8];
                    stream.read_exact(&mut number)?;
                    let number = u64::from_be_bytes(number);
                    pattern::send(&mut stream, number, 100_000)?;
                    tls::finish_server(&mut stream)
                });
            }
        });
        let clients: Vec<_> = (0..SESSIONS)
            .map(|number| {
                let config = Arc::clone(&client);
                thread::spawn(move || {
                    let stream = TcpStream::connect(address).unwrap();
                    stream.set_read_timeout(Some(LONG)).unwrap();
                    let mut stream = tls::connect(&config, stream);
                    stream.write_all(&number.to_be_bytes()).unwrap();
                    assert_eq!(pattern::receive(&mut stream, number).unwrap(), 100_000);
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        accepting.join().unwrap();
    });
}
