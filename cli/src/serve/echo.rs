//! What comes in goes back.
//!
//! A connection that waits for its client costs its task a page: it waits with a
//! buffer of [`FIRST`] bytes on the stack. Only one that has more to say than that
//! gets a big buffer, until it has been read empty.

use std::io::{self, Read, Write};

use super::accept::Connection;
use super::counters::{self, Sum};
use super::figures::Rates;
use super::stream::Stream;
use super::{Outcome, Service, is_deadline};
use crate::buffers::Buffer;
use crate::units::{many, size};

/// How much is read at first: most requests, and little enough for a stack that
/// shall stay within a page.
const FIRST: usize = 512;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Echo;

impl Service for Echo {
    fn name(&self) -> String {
        "echo".into()
    }

    fn serve(&self, connection: &Connection) -> Outcome {
        match echo(&connection.stream) {
            Err(error) if is_deadline(&error) => Outcome::CutOff,
            // The client has closed, or has gone without saying so: nobody is left
            // to tell.
            _ => Outcome::Ended,
        }
    }

    fn rates(&self, rates: &Rates) -> String {
        format!("{}/s, {:.0} requests/s", size(rates.bytes), rates.requests)
    }

    fn totals(&self, sum: &Sum) -> String {
        format!("{} echoed", many(sum.bytes, "byte"))
    }
}

/// Sends back what comes in, until the client has nothing more to say.
fn echo(mut stream: &Stream) -> io::Result<()> {
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
fn echo_more(mut stream: &Stream, first: &[u8; FIRST]) -> io::Result<()> {
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
fn send(stream: &Stream, mut bytes: &[u8]) -> io::Result<()> {
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
fn push(stream: &Stream, bytes: &[u8]) -> io::Result<()> {
    stream.set_write_deadline(None)?;
    stream.set_nonblocking(true)?;
    // Taken or not, the connection ends.
    let _ = write(stream, bytes);
    Ok(())
}

fn write(mut stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    let written = stream.write(bytes)?;
    counters::count_bytes(written);
    Ok(written)
}
