//! Accepting connections, and serving one.
//!
//! A connection that waits for its client costs its task a page: it waits with a
//! buffer of [`FIRST`] bytes on the stack. Only one that has more to say than that
//! gets a big buffer, until it has been read empty.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netpoll::net::TcpStream;
use netpoll::thread::{self, JoinHandle};

use super::Server;
use super::counters;
use super::registry::Ticket;
use crate::buffers::Buffer;

/// How much is read at first: most requests, and little enough for a stack that
/// shall stay within a page.
const FIRST: usize = 512;

/// The rest that the acceptor takes after each failure. Without descriptors
/// `accept` rests by itself; this is for failures that nobody has thought of.
const REST: Duration = Duration::from_millis(1);

/// Starts to accept connections, on a task.
pub(super) fn start(server: &Arc<Server>) -> io::Result<JoinHandle<()>> {
    let task = Arc::clone(server);
    thread::Builder::new()
        .name("acceptor".into())
        .spawn_on(&server.runtime, move || accept(&task))
}

/// Accepts until the listener is closed.
fn accept(server: &Arc<Server>) {
    for stream in server.listener.incoming() {
        if let Err(error) = stream.and_then(|stream| serve(server, stream)) {
            server.totals.failed.fetch_add(1, Ordering::Relaxed);
            server.report.failed(error);
            thread::sleep(REST);
        }
    }
}

/// Starts a task for a connection.
fn serve(server: &Arc<Server>, stream: TcpStream) -> io::Result<()> {
    let connection = Connection::open(server, stream)?;
    thread::Builder::new().spawn(move || connection.run())?;
    server.totals.accepted.fetch_add(1, Ordering::Relaxed);
    counters::stir();
    Ok(())
}

/// A connection that the registry knows of until it is dropped.
struct Connection {
    server: Arc<Server>,
    ticket: Ticket,
    stream: TcpStream,
}

impl Connection {
    fn open(server: &Arc<Server>, stream: TcpStream) -> io::Result<Self> {
        // Fails if the client has gone already; then reading says so.
        let _ = stream.set_nodelay(true);
        Ok(Self {
            ticket: server.registry.enter(&stream)?,
            server: Arc::clone(server),
            stream,
        })
    }

    fn run(self) {
        match echo(&self.stream) {
            Err(error) if is_deadline(&error) => {
                self.server.totals.cut_off.fetch_add(1, Ordering::Relaxed);
            }
            // The client has closed, or has gone without saying so: nobody is left
            // to tell.
            _ => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.server.registry.leave(&self.ticket);
        counters::stir();
    }
}

/// Whether this is the deadline that a stop sets, and not a connection that timed
/// out by itself.
fn is_deadline(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// Sends back what comes in, until the client has nothing more to say.
fn echo(mut stream: &TcpStream) -> io::Result<()> {
    let mut first = [0; FIRST];
    loop {
        let length = stream.read(&mut first)?;
        match length {
            0 => return Ok(()),
            FIRST => echo_more(stream, &first)?,
            _ => send(stream, &first[..length])?,
        }
    }
}

/// Sends back `first` and what there is behind it, without waiting for more. Not
/// inlined: its frame shall not lie under those that wait.
#[inline(never)]
fn echo_more(mut stream: &TcpStream, first: &[u8; FIRST]) -> io::Result<()> {
    let mut buffer = Buffer::take();
    buffer[..FIRST].copy_from_slice(first);
    let mut kept = FIRST;
    loop {
        // The client may have nothing more to say: a big buffer is not for waiting.
        stream.set_nonblocking(true)?;
        let result = stream.read(&mut buffer[kept..]);
        stream.set_nonblocking(false)?;
        let (more, drained) = match result {
            Ok(more) => (more, kept + more < buffer.len()),
            // Also the deadline and the end: the next to read finds them again.
            Err(_) => (0, true),
        };
        send(stream, &buffer[..kept + more])?;
        if drained {
            return Ok(());
        }
        kept = 0;
    }
}

/// Sends all of it, and counts it. What is sent at once is a request: what one read
/// brought, or two, where the first filled the small buffer.
fn send(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    if !bytes.is_empty() {
        counters::count_request();
    }
    while !bytes.is_empty() {
        match write(stream, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if is_deadline(&error) => {
                push(stream, bytes)?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sends what the socket takes without waiting: the last words before a connection
/// is cut off.
#[cold]
fn push(stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.set_write_deadline(None)?;
    stream.set_nonblocking(true)?;
    // Taken or not, the connection ends.
    let _ = write(stream, bytes);
    Ok(())
}

fn write(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let written = stream.write(bytes)?;
    counters::count_bytes(written);
    Ok(written)
}
