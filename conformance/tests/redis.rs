//! The `redis` crate's commands over a stream of ours.
//!
//! Its own connections open std's sockets. What it has for others is `ConnectionLike`,
//! which asks for no more than to send a request and to read the answers; commands,
//! pipelines, transactions and conversions are the crate's.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;
use netpoll_conformance::common::{LONG, on_workers, until};
use netpoll_conformance::ends::{AnyStream, on_both};
use netpoll_conformance::pattern;
use redis::{Commands, ConnectionLike, ErrorKind, Parser, RedisResult, Value};

/// A connection over any stream. The parser keeps what it has read beyond an answer.
struct Connection<S> {
    stream: S,
    parser: Parser,
    is_open: bool,
}

impl<S: Read + Write> Connection<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            parser: Parser::new(),
            is_open: true,
        }
    }

    fn send(&mut self, request: &[u8]) -> RedisResult<()> {
        let result = self.stream.write_all(request);
        self.is_open &= result.is_ok();
        Ok(result?)
    }

    fn receive(&mut self) -> RedisResult<Value> {
        let result = self.parser.parse_value(&mut self.stream);
        self.is_open &= result.is_ok();
        result
    }
}

impl<S: Read + Write> ConnectionLike for Connection<S> {
    fn req_packed_command(&mut self, request: &[u8]) -> RedisResult<Value> {
        self.send(request)?;
        self.receive()?.extract_error()
    }

    fn req_packed_commands(
        &mut self,
        requests: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.send(requests)?;
        for _ in 0..offset {
            self.receive()?;
        }
        (0..count).map(|_| self.receive()).collect()
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        self.req_packed_command(b"*1\r\n$4\r\nPING\r\n").is_ok()
    }

    fn is_open(&self) -> bool {
        self.is_open
    }
}

/// What the tests ask, of whichever server. Keys begin with the prefix.
fn talk<S: Read + Write>(stream: S, prefix: &str) {
    let mut connection = Connection::new(stream);
    assert!(connection.check_connection());
    let key = |name: &str| format!("{prefix}:{name}");

    let _: () = connection.set(key("greeting"), "hello").unwrap();
    let greeting: String = connection.get(key("greeting")).unwrap();
    assert_eq!(greeting, "hello");
    let missing: Option<String> = connection.get(key("nothing")).unwrap();
    assert_eq!(missing, None);
    let large = pattern::bytes(1, 3 << 20);
    let _: () = connection.set(key("large"), &large).unwrap();
    let back: Vec<u8> = connection.get(key("large")).unwrap();
    assert!(back == large);
    let removed: i64 = connection.del(&[key("large"), key("greeting")]).unwrap();
    assert_eq!(removed, 2);

    // A thousand requests before the first answer is read.
    let mut pipeline = redis::pipe();
    for _ in 0..1000 {
        pipeline.incr(key("count"), 3);
    }
    let counts: Vec<i64> = pipeline.query(&mut connection).unwrap();
    assert_eq!(
        counts,
        (1..=1000).map(|count| 3 * count).collect::<Vec<_>>()
    );

    let error = redis::cmd("NONSENSE").query::<()>(&mut connection);
    let error = error.unwrap_err();
    assert!(error.detail().unwrap_or_default().contains("unknown"));
    assert_ne!(error.kind(), ErrorKind::Io);
    // The connection goes on after an error.
    let _: i64 = connection.del(key("count")).unwrap();
    assert!(connection.is_open());
}

/// As much of a server as `talk` needs, over any stream.
fn serve<S: Read + Write>(mut stream: S) -> RedisResult<()> {
    let mut parser = Parser::new();
    let mut values: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    loop {
        let request = match parser.parse_value(&mut stream) {
            Ok(request) => redis::from_redis_value::<Vec<Vec<u8>>>(request)?,
            Err(error) if error.is_io_error() => return Ok(()),
            Err(error) => return Err(error),
        };
        let key = request.get(1).cloned().unwrap_or_default();
        let answer = match &request[0][..] {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"SET" => {
                values.insert(key, request[2].clone());
                b"+OK\r\n".to_vec()
            }
            b"GET" => match values.get(&key) {
                Some(value) => {
                    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
                }
                None => b"$-1\r\n".to_vec(),
            },
            b"DEL" => {
                let removed = request[1..]
                    .iter()
                    .filter(|key| values.remove(*key).is_some());
                format!(":{}\r\n", removed.count()).into_bytes()
            }
            b"INCRBY" => {
                let number =
                    |bytes: &[u8]| -> i64 { std::str::from_utf8(bytes).unwrap().parse().unwrap() };
                let sum = values.get(&key).map_or(0, |value| number(value)) + number(&request[2]);
                values.insert(key, sum.to_string().into_bytes());
                format!(":{sum}\r\n").into_bytes()
            }
            _ => b"-ERR unknown command\r\n".to_vec(),
        };
        stream.write_all(&answer)?;
    }
}

#[test]
fn commands_and_pipelines() {
    on_both(
        |stream: AnyStream| serve(stream).unwrap(),
        |stream: AnyStream| talk(stream, "fake"),
    );
}

/// The answer does not come: the deadline ends the request inside the crate's parser.
#[test]
fn a_server_that_is_silent_is_given_up() {
    on_workers(|| {
        let (_silent, stream) = netpoll_conformance::common::pair();
        stream
            .set_read_deadline(Some(
                std::time::Instant::now() + std::time::Duration::from_millis(20),
            ))
            .unwrap();
        let mut connection = Connection::new(stream);
        let error = connection.get::<_, Option<String>>("key").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.is_timeout(), "{error}");
        assert!(!connection.is_open());
    });
}

/// A `redis-server` of our own, ended when dropped.
struct RealServer {
    child: Child,
    address: SocketAddr,
}

impl RealServer {
    /// Nothing if there is no such program here.
    fn start() -> Option<Self> {
        // An address of this process alone: between the moment that a port is found free
        // and the one at which the server takes it, nobody else gets it.
        let [.., one, two, three] = std::process::id().to_be_bytes();
        let ip = Ipv4Addr::new(127, one.max(1), two, three);
        let child = Command::new("redis-server")
            .args(["--bind", &ip.to_string(), "--port", "6379"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Self {
                child,
                address: (ip, 6379).into(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => panic!("redis-server: {error}"),
        }
    }

    fn wait_until_it_accepts(&mut self) {
        let (child, address) = (&mut self.child, self.address);
        until("redis-server accepts", || {
            let status = child.try_wait().unwrap();
            assert!(status.is_none(), "redis-server ended: {status:?}");
            std::net::TcpStream::connect(address).is_ok()
        });
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_server() {
    let Some(mut server) = RealServer::start() else {
        println!("skipped: there is no redis-server on the PATH");
        return;
    };
    server.wait_until_it_accepts();
    let address = server.address;
    on_workers(move || {
        let clients: Vec<_> = (0..20)
            .map(|number| {
                thread::spawn(move || {
                    let stream = TcpStream::connect(address).unwrap();
                    stream.set_read_timeout(Some(LONG)).unwrap();
                    stream.set_nodelay(true).unwrap();
                    talk(stream, &number.to_string());
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
    });
}

/// Many clients of one fake server, each on a connection and a task of its own.
#[test]
fn many_clients_at_once() {
    on_workers(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                thread::spawn(move || serve(stream).unwrap());
            }
        });
        let clients: Vec<_> = (0..20)
            .map(|_| {
                thread::spawn(move || {
                    let stream = TcpStream::connect(address).unwrap();
                    stream.set_nodelay(true).unwrap();
                    talk(stream, "x");
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
    });
}
