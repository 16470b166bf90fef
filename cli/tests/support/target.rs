//! What a proxy leads to.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::LONG;

/// A stream of either network.
pub trait Both: Read + Write + Send {
    fn end_writing(&self);
    fn twin(&self) -> Box<dyn Both>;
}

impl Both for TcpStream {
    fn end_writing(&self) {
        self.shutdown(std::net::Shutdown::Write).unwrap();
    }
    fn twin(&self) -> Box<dyn Both> {
        Box::new(self.try_clone().unwrap())
    }
}

impl Both for UnixStream {
    fn end_writing(&self) {
        self.shutdown(std::net::Shutdown::Write).unwrap();
    }
    fn twin(&self) -> Box<dyn Both> {
        Box::new(self.try_clone().unwrap())
    }
}

/// Waits for a connection, but not for ever.
fn patiently<T>(mut accept: impl FnMut() -> io::Result<T>) -> T {
    let start = Instant::now();
    loop {
        match accept() {
            Ok(accepted) => return accepted,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        assert!(start.elapsed() < LONG, "nobody connects");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A server, played by the test.
pub struct Target(TcpListener);

impl Target {
    pub fn new() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn text(&self) -> String {
        self.address().to_string()
    }

    /// Takes a connection.
    pub fn accept(&self) -> TcpStream {
        let stream = patiently(|| self.0.accept()).0;
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Whether a connection is there; it is closed.
    pub fn has_one(&self) -> bool {
        self.0.accept().is_ok()
    }

    /// An address that refuses connections, as long as nobody listens there. Nobody else
    /// is given it by chance: its host is this process's and this call's alone.
    pub fn refusing() -> SocketAddr {
        static CALLS: AtomicU8 = AtomicU8::new(0);
        let [.., high, low] = std::process::id().to_be_bytes();
        let call = CALLS.fetch_add(1, Ordering::Relaxed) % 250;
        Self::at(SocketAddr::from(([127, 1 + call, high, low], 0))).address()
    }
}

/// A server on a path, played by the test.
pub struct UnixTarget {
    listener: UnixListener,
    pub path: PathBuf,
}

impl UnixTarget {
    pub fn new(name: &str) -> Self {
        let path = path(name);
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, path }
    }

    pub fn text(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    pub fn accept(&self) -> UnixStream {
        let stream = patiently(|| self.listener.accept()).0;
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        stream
    }
}

impl Drop for UnixTarget {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A path that nobody else uses.
pub fn path(name: &str) -> PathBuf {
    let name = format!("netpoll-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    path
}

/// An address that answers nothing: a listener whose queue is full. What fills it goes
/// along.
pub struct Silent {
    _listener: netpoll::net::TcpListener,
    _queue: Vec<TcpStream>,
    pub address: SocketAddr,
}

impl Silent {
    pub fn new() -> Self {
        let listener = netpoll::net::ListenConfig::new()
            .backlog(1)
            .listen_tcp("127.0.0.1:0")
            .unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queue.push(stream);
            assert!(queue.len() < 100, "the queue has no end");
        }
        Self {
            _listener: listener,
            _queue: queue,
            address,
        }
    }
}

/// Resets a connection.
pub fn reset(stream: TcpStream) {
    let stream = netpoll::net::TcpStream::from(stream);
    stream.set_linger(Some(Duration::ZERO)).unwrap();
}
