//! Servers to test, and their peers.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use netpoll::event::{Connection, EventLoop, Handler, Next, Options, Shutdown};
use netpoll::net::TcpListener;
use netpoll::thread::{self, JoinHandle};

use crate::common::LONG;

/// An event loop that serves.
pub(crate) struct Server<H: Handler> {
    pub(crate) event_loop: EventLoop<H>,
    pub(crate) address: SocketAddr,
    serving: Option<JoinHandle<io::Result<()>>>,
}

impl<H: Handler> Server<H> {
    pub(crate) fn new(handler: H) -> Self {
        Self::with_options(handler, Options::new())
    }

    pub(crate) fn with_options(handler: H, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let event_loop = EventLoop::with_options(handler, options);
        let serving = thread::spawn({
            let event_loop = event_loop.clone();
            move || event_loop.serve(listener)
        });
        Self {
            event_loop,
            address,
            serving: Some(serving),
        }
    }

    /// A peer, of std, which blocks its thread: use it where the server has other
    /// threads, or make sure that there is something to read.
    pub(crate) fn connect(&self) -> netpoll::net::TcpStream {
        let stream = netpoll::net::TcpStream::connect(self.address).unwrap();
        stream.set_deadline(Some(Instant::now() + LONG)).unwrap();
        stream
    }

    /// Ends it, and checks that all comes to its end.
    pub(crate) fn end(mut self) -> Shutdown {
        let shutdown = self.event_loop.shutdown(Instant::now() + LONG);
        self.serving.take().unwrap().join().unwrap().unwrap();
        shutdown
    }
}

/// Sends back what comes.
pub(crate) fn echo(connection: &mut Connection) -> io::Result<Next> {
    let received = connection.reader().slice(connection.reader().len())?;
    connection.writer().append(received);
    Ok(Next::Again)
}

/// Sends something and reads as much.
pub(crate) fn round_trip(mut stream: impl Read + Write, message: &[u8]) -> Vec<u8> {
    stream.write_all(message).unwrap();
    let mut reply = vec![0; message.len()];
    stream.read_exact(&mut reply).unwrap();
    reply
}

/// Reads to the end.
pub(crate) fn rest(mut stream: impl Read) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}

/// A frame: two bytes of length, and the content.
pub(crate) fn frame(content: &[u8]) -> Vec<u8> {
    let mut frame = u16::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(content);
    frame
}
