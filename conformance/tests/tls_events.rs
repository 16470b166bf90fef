//! rustls in handler mode: a server without a task for each connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, Handler, Next, Options};
use netpoll::net::TcpListener;
use netpoll::thread;
use netpoll_conformance::common::{LONG, on_workers, until};
use netpoll_conformance::tls::{self, Authority};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, ServerConnection};

/// Answers each frame, two bytes of length and the content, with the content reversed.
struct Reversing {
    config: Arc<ServerConfig>,
}

/// What belongs to one connection.
struct Session {
    tls: ServerConnection,
    /// What was decrypted and is not complete.
    plain: LinkBuffer,
}

/// What is decrypted at once.
const AT_ONCE: usize = 16 << 10;

impl Session {
    /// Takes what was received. Returns whether there may be more.
    fn receive(&mut self, connection: &Connection) -> io::Result<bool> {
        loop {
            let n = match self.tls.read_tls(&mut connection.received()) {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            let state = match self.tls.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    // It has written an alert, which says why.
                    self.send(connection)?;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            };
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                left -= self
                    .plain
                    .read_from(&mut self.tls.reader(), AT_ONCE.min(left))?;
            }
            if n == 0 || state.peer_has_closed() {
                return Ok(false);
            }
            self.answer(connection)?;
        }
    }

    /// Handles the frames that are complete.
    fn answer(&mut self, connection: &Connection) -> io::Result<()> {
        while let Some(header) = self.plain.try_peek(2) {
            let len = 2 + usize::from(u16::from_be_bytes([header[0], header[1]]));
            let Some(frame) = self.plain.try_next(len) else {
                break;
            };
            let mut reply = frame.to_vec();
            reply[2..].reverse();
            self.tls.writer().write_all(&reply)?;
            self.send(connection)?;
        }
        self.plain.release();
        Ok(())
    }

    fn send(&mut self, connection: &Connection) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut connection.writer())?;
        }
        Ok(())
    }
}

impl Handler for Reversing {
    type Context = Session;

    fn prepare(&self, _: &mut Connection) -> io::Result<Session> {
        let tls = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        let plain = LinkBuffer::new();
        Ok(Session { tls, plain })
    }

    fn request(&self, connection: &mut Connection, session: &mut Session) -> io::Result<Next> {
        let goes_on = session.receive(connection)?;
        session.answer(connection)?;
        session.send(connection)?;
        Ok(if goes_on { Next::Again } else { Next::Close })
    }

    fn disconnect(&self, connection: &mut Connection, mut session: Session) {
        session.tls.send_close_notify();
        let _ = session.send(connection);
    }
}

/// Writes frames of all sizes, in pieces that are not theirs, and reads the answers.
fn talk(config: &Arc<ClientConfig>, address: std::net::SocketAddr, number: usize) {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut stream = tls::connect(config, stream);
    for round in 0..20 {
        let contents: Vec<Vec<u8>> = (0..5)
            .map(|n| {
                let len = (number * 331 + round * 1009 + n * 7919) % 20_000;
                (0..len).map(|at| (at * 7 + n + round) as u8).collect()
            })
            .collect();
        let mut sent = Vec::new();
        for content in &contents {
            sent.extend_from_slice(&(content.len() as u16).to_be_bytes());
            sent.extend_from_slice(content);
        }
        for piece in sent.chunks(1 + (round * 1777) % 9000) {
            stream.write_all(piece).unwrap();
        }
        for mut content in contents {
            let mut reply = vec![0; 2 + content.len()];
            stream.read_exact(&mut reply).unwrap();
            content.reverse();
            assert_eq!(reply[2..], content);
        }
    }
    tls::finish_client(&mut stream).unwrap();
    // The end is said, and not only cut off: that would be an error.
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

/// Starts a server, has clients talk to it, and ends it.
fn serving(talk: impl Fn(std::net::SocketAddr) + Clone + Send + 'static, connections: u64) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Authority::trusted().server();
    let server = EventLoop::with_options(Reversing { config }, Options::new());
    let serving = thread::spawn({
        let server = server.clone();
        move || server.serve(listener)
    });
    // std's sockets block: on a thread of their own.
    let client = std::thread::spawn(move || talk(address));
    until("the clients are done", || client.is_finished());
    client.join().unwrap();
    assert_eq!(server.metrics().accepted, connections);
    let shutdown = server.shutdown(Instant::now() + LONG);
    assert_eq!(shutdown.cut_off, 0);
    serving.join().unwrap().unwrap();
}

#[test]
fn pain_01_tls_in_handler_mode() {
    for version in [&TLS13, &TLS12] {
        on_workers(move || {
            let config = Authority::trusted().client_of(&[version], None);
            let talk = move |address| {
                std::thread::scope(|scope| {
                    for number in 0..6 {
                        let config = &config;
                        scope.spawn(move || talk(config, address, number));
                    }
                });
            };
            serving(talk, 6);
        });
    }
}

/// Who does not speak TLS is told so, and disturbs nobody.
#[test]
fn garbage_is_answered_by_an_alert_and_closes_one_connection() {
    on_workers(|| {
        let config = Authority::trusted().client(None);
        let both = move |address| {
            let mut garbage = TcpStream::connect(address).unwrap();
            garbage.set_read_timeout(Some(LONG)).unwrap();
            garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            garbage.read_to_end(&mut answer).unwrap();
            assert_eq!(answer.first(), Some(&21), "an alert");
            talk(&config, address, 1);
        };
        serving(both, 2);
    });
}
