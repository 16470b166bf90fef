//! HTTP: a server that is a loop around `httparse`, and ureq as its client, on our
//! streams by the hook that ureq has for transports.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use netpoll::net::{TcpListener, TcpStream, ToSocketAddrs};
use netpoll::thread;
use netpoll_conformance::common::on_workers;
use netpoll_conformance::ends::join_thread;
use netpoll_conformance::pattern;
use netpoll_conformance::tls::{self, Authority};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, RustlsConnector,
    Transport,
};
use ureq::{Agent, Error, Timeout};

// The client.

/// Opens our streams.
#[derive(Debug)]
struct Connect;

impl<In: Transport> Connector<In> for Connect {
    type Out = Either<In, Stream>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let stream = match details.timeout.not_zero() {
            Some(timeout) => TcpStream::connect_timeout(&details.addrs[0], *timeout),
            None => TcpStream::connect(&details.addrs[..]),
        };
        let stream = stream.map_err(|error| timed_out(error, Timeout::Connect))?;
        stream.set_nodelay(details.config.no_delay())?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(Stream { stream, buffers })))
    }
}

/// Looks names up without blocking a worker.
#[derive(Debug)]
struct Resolve;

impl Resolver for Resolve {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let authority = uri.authority().ok_or(Error::HostNotFound)?;
        let port = match (authority.port_u16(), uri.scheme_str()) {
            (Some(port), _) => port,
            (None, Some("https")) => 443,
            (None, _) => 80,
        };
        let mut found = self.empty();
        for address in (authority.host(), port).to_socket_addrs()?.take(16) {
            found.push(address);
        }
        Ok(found)
    }
}

/// A stream, and the buffers that ureq has it hold. All timeouts are std's.
struct Stream {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl Transport for Stream {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let bound = timeout.not_zero().map(|bound| *bound);
        self.stream.set_write_timeout(bound)?;
        let output = &self.buffers.output()[..amount];
        self.stream
            .write_all(output)
            .map_err(|error| timed_out(error, timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let bound = timeout.not_zero().map(|bound| *bound);
        self.stream.set_read_timeout(bound)?;
        let input = self.buffers.input_append_buf();
        let n = self
            .stream
            .read(input)
            .map_err(|error| timed_out(error, timeout.reason))?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    fn is_open(&mut self) -> bool {
        let mut probe = || {
            self.stream.set_nonblocking(true)?;
            let result = self.stream.read(&mut [0]);
            self.stream.set_nonblocking(false)?;
            result
        };
        matches!(probe(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

fn timed_out(error: io::Error, reason: Timeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(reason),
        _ => Error::Io(error),
    }
}

fn agent() -> Agent {
    let root = Certificate::from_der(Authority::trusted().certificate()).to_owned();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[root]))
        .unversioned_rustls_crypto_provider(tls::provider())
        .build();
    let config = Agent::config_builder().tls_config(tls).build();
    Agent::with_parts(config, Connect.chain(RustlsConnector::default()), Resolve)
}

// The server.

/// A request: its method, its path, and its body.
struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

/// Reads one request, of which some bytes may be here already; nothing at the end.
fn read_request(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut headers);
        let status = parsed.parse(bytes).map_err(io::Error::other)?;
        if let httparse::Status::Complete(head) = status {
            let length = parsed
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |header| {
                    std::str::from_utf8(header.value).unwrap().parse().unwrap()
                });
            let (method, path) = (parsed.method.unwrap().into(), parsed.path.unwrap().into());
            let mut body: Vec<u8> = bytes.drain(..).skip(head).collect();
            if body.len() > length {
                bytes.extend(body.drain(length..));
            }
            let have = body.len();
            body.resize(length, 0);
            stream.read_exact(&mut body[have..])?;
            return Ok(Some(Request { method, path, body }));
        }
        let mut more = [0; 4096];
        match stream.read(&mut more)? {
            0 if bytes.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&more[..n]),
        }
    }
}

/// Serves a connection, request after request.
fn serve<S: Read + Write>(mut stream: S) -> io::Result<()> {
    let mut bytes = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut bytes)? {
        match (&*request.method, &*request.path) {
            ("GET", "/hello") => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")?;
            }
            ("GET", "/chunks") => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                for chunk in pattern::bytes(1, 300_000).chunks(7000) {
                    write!(stream, "{:x}\r\n", chunk.len())?;
                    stream.write_all(chunk)?;
                    stream.write_all(b"\r\n")?;
                }
                stream.write_all(b"0\r\n\r\n")?;
            }
            ("POST", "/back") => {
                let length = request.body.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
                )?;
                stream.write_all(&request.body)?;
            }
            ("GET", "/never") => {
                // The client hangs up in the end.
                return stream.read(&mut [0; 1]).map(drop);
            }
            ("GET", "/gone") => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbye")?;
                return Ok(());
            }
            _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?,
        }
        stream.flush()?;
    }
    Ok(())
}

/// A server on tasks, over TLS or not. Counts the connections that it accepts.
fn start(is_secure: bool) -> (SocketAddr, Arc<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(());
    let counted = Arc::downgrade(&connections);
    let config = Authority::trusted().server();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let config = is_secure.then(|| Arc::clone(&config));
            let open = counted.upgrade();
            thread::spawn(move || {
                let _open = open;
                match config {
                    Some(config) => serve(tls::serve(&config, stream)),
                    None => serve(stream),
                }
            });
        }
    });
    (address, connections)
}

// The tests.

fn get(agent: &Agent, url: &str) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let mut response = agent.get(url).call()?;
    response.body_mut().as_reader().read_to_end(&mut body)?;
    Ok(body)
}

fn all_requests(agent: &Agent, base: &str) {
    assert_eq!(get(agent, &format!("{base}/hello")).unwrap(), b"hello");
    let chunks = get(agent, &format!("{base}/chunks")).unwrap();
    assert!(chunks == pattern::bytes(1, 300_000));

    let sent = pattern::bytes(2, 2 << 20);
    let mut response = agent.post(format!("{base}/back")).send(&sent[..]).unwrap();
    let mut back = Vec::new();
    response
        .body_mut()
        .as_reader()
        .read_to_end(&mut back)
        .unwrap();
    assert!(back == sent);

    let missing = agent.get(format!("{base}/missing")).call().unwrap_err();
    assert!(matches!(missing, Error::StatusCode(404)), "{missing}");
    let cut = get(agent, &format!("{base}/gone")).unwrap_err();
    assert!(matches!(cut, Error::Io(_)), "{cut}");
}

#[test]
fn requests_of_every_kind() {
    on_workers(|| {
        let (address, _open) = start(false);
        all_requests(&agent(), &format!("http://{address}"));
    });
}

#[test]
fn requests_over_tls() {
    on_workers(|| {
        let (address, _open) = start(true);
        all_requests(&agent(), &format!("https://localhost:{}", address.port()));
    });
}

#[test]
fn a_connection_serves_many_requests() {
    on_workers(|| {
        let (address, open) = start(false);
        let agent = agent();
        for _ in 0..50 {
            let hello = get(&agent, &format!("http://{address}/hello")).unwrap();
            assert_eq!(hello, b"hello");
            assert_eq!(Arc::strong_count(&open), 2);
        }
    });
}

/// ureq's pool of connections is behind a lock of std, which it holds while it looks
/// whether a connection still stands.
#[test]
fn tasks_share_an_agent() {
    on_workers(|| {
        let (address, _open) = start(false);
        let agent = agent();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let agent = agent.clone();
                thread::spawn(move || {
                    for _ in 0..40 {
                        let hello = get(&agent, &format!("http://{address}/hello")).unwrap();
                        assert_eq!(hello, b"hello");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.join().unwrap();
        }
    });
}

#[test]
fn an_answer_that_does_not_come_is_given_up() {
    on_workers(|| {
        let (address, _open) = start(false);
        let agent = agent();
        let request = agent.get(format!("http://{address}/never")).config();
        let request = request.timeout_recv_response(Some(Duration::from_millis(30)));
        let error = request.build().call().unwrap_err();
        assert!(
            matches!(error, Error::Timeout(Timeout::RecvResponse)),
            "{error}"
        );
    });
}

/// ureq as it comes, with its own connections, on threads; the server on tasks.
#[test]
fn clients_on_threads() {
    on_workers(|| {
        let (address, _open) = start(false);
        let clients: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(move || {
                    all_requests(&Agent::new_with_defaults(), &format!("http://{address}"));
                })
            })
            .collect();
        for client in clients {
            join_thread(client);
        }
    });
}

/// The server on threads, over std's sockets; ureq on tasks.
#[test]
fn a_server_on_threads() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || serve(stream));
        }
    });
    on_workers(move || all_requests(&agent(), &format!("http://{address}")));
}
