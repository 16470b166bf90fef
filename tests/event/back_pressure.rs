//! Who does not read its replies is not worked for, and everything is there when it does.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use netpoll::event::{Connection, FrameHandler, Framed, Handler, Next, Options};
use netpoll::sync::mpsc;
use netpoll::thread;

use crate::common::{LONG, on_workers, until};
use crate::limits::Telling;
use crate::support::{Server, echo, rest, round_trip};

const REPLY: usize = 100_000;
const REQUESTS: usize = 800;
/// The mark, what sockets take, and what one turn does at most, in replies, generously.
const BOUND: usize = 150;

/// Sends many requests of a byte for large replies, reads none, and then all.
fn ask_for_much(handler: impl Handler, handled: &AtomicUsize, finishes: bool) {
    let server = Server::new(handler);
    let mut client = server.connect();
    client.write_all(&[b'b'; REQUESTS]).unwrap();
    if finishes {
        client.shutdown(Shutdown::Write).unwrap();
    }
    until("it works", || handled.load(Ordering::SeqCst) > 0);
    // Others are served, so much that it would be through with all of the first ones.
    let other = server.connect();
    for _ in 0..50 {
        round_trip(&other, b".");
    }
    thread::sleep(Duration::from_millis(20));
    let count = handled.load(Ordering::SeqCst);
    assert!(count <= BOUND, "{count} replies wait for a peer");
    let mut left = REQUESTS * REPLY;
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let n = client.read(&mut buffer).unwrap();
        assert!(n > 0, "{left} bytes are missing");
        left -= n;
    }
    assert_eq!(handled.load(Ordering::SeqCst), REQUESTS);
    if finishes {
        assert_eq!(rest(&client), b"");
    }
    server.end();
}

fn reply_to(byte: u8, connection: &Connection, handled: &AtomicUsize) {
    if byte == b'b' {
        handled.fetch_add(1, Ordering::SeqCst);
        connection.writer().malloc(REPLY).fill(b'r');
    } else {
        connection.writer().write_byte(byte);
    }
}

#[test]
fn pain_02_large_replies_to_small_requests() {
    on_workers(|| {
        for finishes in [false, true] {
            let handled: Arc<AtomicUsize> = Arc::default();
            let handler = {
                let handled = Arc::clone(&handled);
                move |connection: &mut Connection| {
                    let byte = connection.reader().read_byte()?;
                    reply_to(byte, connection, &handled);
                    Ok(Next::Again)
                }
            };
            ask_for_much(handler, &handled, finishes);
        }
    });
}

struct Frames(Arc<AtomicUsize>);

impl FrameHandler for Frames {
    type Context = ();

    fn prepare(&self, _: &mut Connection) -> io::Result<()> {
        Ok(())
    }

    fn frame(&self, connection: &mut Connection, frame: &[u8], (): &mut ()) -> io::Result<Next> {
        reply_to(frame[0], connection, &self.0);
        Ok(Next::Again)
    }
}

#[test]
fn pain_02_large_replies_to_small_frames() {
    on_workers(|| {
        let handled: Arc<AtomicUsize> = Arc::default();
        let handler = Framed::new(1, |_: &[u8]| Ok(1), Frames(Arc::clone(&handled)));
        ask_for_much(handler, &handled, false);
    });
}

/// A peer that has finished may take its time to read the reply.
#[test]
fn a_peer_that_has_finished_may_be_slow_to_read() {
    on_workers(|| {
        const LEN: usize = 20 << 20;
        let server = Server::with_options(
            |connection: &mut Connection| {
                connection.reader().skip(connection.reader().len())?;
                connection
                    .writer()
                    .write_direct(Bytes::from(vec![b'r'; LEN]));
                Ok(Next::Again)
            },
            Options::new().close_timeout(Duration::from_millis(1)),
        );
        let mut client = server.connect();
        client.write_all(b"request").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        client.read_exact(&mut [0]).unwrap();
        thread::sleep(Duration::from_millis(20));
        assert_eq!(rest(&client).len(), LEN - 1);
        server.end();
    });
}

/// What is flushed after the handler has parked is sent, not kept until its end.
#[test]
fn every_flush_of_a_handler_that_has_parked_is_sent() {
    on_workers(|| {
        let (sender, go_on) = mpsc::channel::<()>();
        let go_on = std::sync::Mutex::new(Some(go_on));
        let server = Server::new(move |connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            let Some(go_on) = go_on.lock().unwrap().take() else {
                return Ok(Next::Again);
            };
            for part in [b'1', b'2', b'3'] {
                connection.writer().write_byte(part);
                connection.flush()?;
                go_on.recv().unwrap();
            }
            Ok(Next::Close)
        });
        let mut client = server.connect();
        client.write_all(b"go").unwrap();
        for part in [b'1', b'2', b'3'] {
            let mut came = [0];
            client.read_exact(&mut came).unwrap();
            assert_eq!(came, [part]);
            sender.send(()).unwrap();
        }
        drop(client);
        server.end();
    });
}

/// Who flushes waits for the low mark, and not until everything is sent.
#[test]
fn a_flush_waits_until_the_low_mark() {
    on_workers(|| {
        const LEN: usize = 40 << 20;
        const LOW: usize = 30 << 20;
        let (sender, flushed) = mpsc::channel();
        let server = Server::with_options(
            move |connection: &mut Connection| {
                connection.reader().skip(connection.reader().len())?;
                let bytes = Bytes::from(vec![b'r'; LEN]);
                connection.writer().write_direct(bytes);
                connection.flush()?;
                sender.send(connection.handle().unsent()).unwrap();
                Ok(Next::Again)
            },
            Options::new().output_marks(LOW, LOW),
        );
        let mut client = server.connect();
        client.write_all(b"go").unwrap();
        // No more than brings it to the low mark, with something to spare. The rest is far
        // more than the sockets take.
        let mut buffer = vec![0; LEN];
        let (first, rest) = buffer.split_at_mut(LEN - LOW + (1 << 20));
        client.read_exact(first).unwrap();
        let unsent = flushed.recv_timeout(LONG).expect("it returns");
        // A handle that is made later knows what waits.
        assert!(unsent > 0 && unsent <= LOW, "{unsent}");
        client.read_exact(rest).unwrap();
        server.end();
    });
}

/// A handler that waits for more than may wait, without saying so, waits in vain.
#[test]
fn pain_02_input_that_a_handler_does_not_want_is_bounded() {
    on_workers(|| {
        const MARK: usize = 8 << 10;
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            match connection.reader().try_until(b'\n') {
                Some(_) => connection.writer().write_byte(b'.'),
                None => return Ok(Next::Again),
            }
            Ok(Next::Again)
        });
        let options = Options::new().input_mark(MARK).linger(Duration::ZERO, 0);
        let server = Server::with_options(handler, options);
        // A line that fits.
        let mut client = server.connect();
        let mut line = vec![b'x'; MARK - 1];
        line.push(b'\n');
        client.write_all(&line).unwrap();
        client.read_exact(&mut [0]).unwrap();
        // One that does not: the handler gets no more of it than the mark, and a window.
        let mut sent = 0;
        while client.write_all(&[b'x'; 1024]).is_ok() {
            sent += 1024;
            assert!(sent < 64 << 20, "it takes all of it");
        }
        until("it has ended", || !ends.lock().unwrap().is_empty());
        assert_eq!(*ends.lock().unwrap(), [Some(io::ErrorKind::InvalidData)]);
        let other = server.connect();
        assert_eq!(round_trip(&other, b"\n").len(), 1);
        server.end();
    });
}

/// One that says how much it needs gets it, up to the limit, mark or no mark.
#[test]
fn a_handler_that_says_what_it_needs_gets_more_than_the_mark() {
    on_workers(|| {
        const LEN: usize = 1 << 20;
        let server = Server::with_options(
            |connection: &mut Connection| match connection.reader().len() {
                LEN => echo(connection),
                _ => Ok(Next::Need(LEN)),
            },
            Options::new().input_mark(8 << 10),
        );
        let client = server.connect();
        let message: Vec<u8> = (0..LEN).map(|n| n as u8).collect();
        let sending = thread::spawn({
            let (mut client, message) = (client.try_clone().unwrap(), message.clone());
            move || client.write_all(&message).unwrap()
        });
        let mut reply = vec![0; LEN];
        (&client).read_exact(&mut reply).unwrap();
        sending.join().unwrap();
        assert!(reply == message);
        server.end();
    });
}
