//! Echo by a task for each connection.
//!
//! A connection that waits for its client costs its task a page: it waits with a
//! buffer of [`FIRST`] bytes on the stack, or with none. Only one that has more to say
//! gets a big buffer, until it has been read empty.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use netpoll::io::BufReader;

use super::super::counters;
use super::super::linger::linger;
use super::super::report::Report;
use super::super::stream::Stream;
use super::super::tasks::{Connection, Outcome, Tasks, is_deadline};
use super::frames::TooLong;
use super::{complain, frames};
use crate::buffers::Buffer;
use crate::frames::HEADER;

/// How much is read at first: most requests, and little enough for a stack that
/// shall stay within a page.
const FIRST: usize = 512;

/// Sends back what comes in, as it comes.
pub(super) fn plain() -> Tasks<impl Fn(&Connection) -> Outcome> {
    Tasks::new(|connection: &Connection| outcome(&connection.stream, echo(&connection.stream)))
}

/// Sends back whole frames.
pub(super) fn framed(report: Arc<Report>) -> Tasks<impl Fn(&Connection) -> Outcome> {
    Tasks::new(move |connection: &Connection| {
        let stream = &connection.stream;
        // By their types, which wait without a buffer.
        let result = match stream {
            Stream::Tcp(tcp) => echo_frames(BufReader::new(tcp), stream, &report),
            Stream::Unix(unix) => echo_frames(BufReader::new(unix), stream, &report),
        };
        outcome(stream, result)
    })
}

fn outcome(stream: &Stream, result: io::Result<()>) -> Outcome {
    match result {
        Err(error) if is_deadline(&error) => return Outcome::CutOff,
        // Replies to what came before are on their way.
        Err(error) if TooLong::is_cause_of(&error) => linger(stream),
        // The client has closed, or has gone without saying so: nobody is left to tell.
        _ => {}
    }
    Outcome::Ended
}

/// What is left to do where waiting for the next request has failed: nothing, if that was by
/// the deadline of a stop, and nothing has come.
#[cold]
#[inline(never)]
fn last_look(mut stream: &Stream, error: io::Error) -> io::Result<()> {
    if is_deadline(&error) {
        stream.set_deadline(None)?;
        stream.set_nonblocking(true)?;
        if !matches!(stream.read(&mut [0]), Ok(1..)) {
            return Ok(());
        }
    }
    Err(error)
}

/// Sends back what comes in, until the client has nothing more to say.
fn echo(mut stream: &Stream) -> io::Result<()> {
    let mut first = [0; FIRST];
    loop {
        match stream.read(&mut first) {
            Ok(0) => return Ok(()),
            Ok(FIRST) => echo_more(stream, &first)?,
            Ok(length) => send(stream, 1, &first[..length])?,
            Err(error) => return last_look(stream, error),
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
        if kept + more > 0 {
            send(stream, 1, &buffer[..kept + more])?;
        }
        if drained {
            return Ok(());
        }
        kept = 0;
    }
}

/// Sends back frames, until the client has nothing more to say. An incomplete one at
/// the end gets no answer.
fn echo_frames<R: Read>(
    mut reader: BufReader<R>,
    stream: &Stream,
    report: &Report,
) -> io::Result<()> {
    loop {
        let there = match reader.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(there) => there,
            Err(error) => return last_look(stream, error),
        };
        let front = frames::look(there, there.len()).inspect_err(|why| complain(report, *why))?;
        if front.frames > 0 {
            send(stream, front.frames, &there[..front.len])?;
            reader.consume(front.len);
        } else {
            echo_one(&mut reader, stream, report)?;
        }
    }
}

/// Sends back a frame of which only a part is in the buffer. Not inlined, as above.
#[inline(never)]
fn echo_one<R: Read>(
    reader: &mut BufReader<R>,
    stream: &Stream,
    report: &Report,
) -> io::Result<()> {
    let mut header = [0; HEADER];
    reader.read_exact(&mut header)?;
    let length = frames::length(header).inspect_err(|why| complain(report, *why))?;
    let mut frame = header.to_vec();
    // It grows as it comes: who only says that there will be much gets no memory for it.
    let missing = length - HEADER;
    if reader.take(missing as u64).read_to_end(&mut frame)? < missing {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    send(stream, 1, &frame)
}

/// Sends all of it, and counts it as so many requests. (Where nothing says where one
/// ends, it is what one read brought, or two, where the first filled the small buffer.)
fn send(stream: &Stream, requests: u64, mut bytes: &[u8]) -> io::Result<()> {
    counters::count_requests(requests);
    while !bytes.is_empty() {
        match write(stream, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if is_deadline(&error) => return push(stream, bytes, error),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sends what the socket takes without waiting: the last words before a connection ends by
/// the deadline. It is cut off unless they are all.
#[cold]
fn push(stream: &Stream, bytes: &[u8], error: io::Error) -> io::Result<()> {
    stream.set_write_deadline(None)?;
    stream.set_nonblocking(true)?;
    match write(stream, bytes) {
        Ok(written) if written == bytes.len() => Ok(()),
        _ => Err(error),
    }
}

fn write(mut stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    let written = stream.write(bytes)?;
    counters::count_bytes(written);
    Ok(written)
}
