//! How long a peer may take to complete what it has begun to send, and what is not its
//! fault.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use netpoll::event::{Connection, Next, Options};
use netpoll::thread;

use crate::common::{LONG, on_workers, until};
use crate::limits::Telling;
use crate::support::{Server, rest};

const LIMIT: Duration = Duration::from_millis(40);

/// One byte after the other, until the connection is closed.
fn trickle(mut client: impl Write) {
    let begun_at = Instant::now();
    while client.write_all(b"x").is_ok() {
        assert!(begun_at.elapsed() < LONG, "it may go on for ever");
        thread::sleep(LIMIT / 10);
    }
}

#[test]
fn pain_07_a_line_that_trickles_in_takes_too_long() {
    on_workers(|| {
        type Line = fn(&mut Connection) -> io::Result<Next>;
        let looks: Line = |connection| {
            let _ = connection.reader().try_until(b'\n');
            Ok(Next::Again)
        };
        let needs: Line = |connection| match connection.reader().len() {
            1000 => Ok(Next::Close),
            _ => Ok(Next::Need(1000)),
        };
        let waits: Line = |connection| {
            connection.reader().until(b'\n', 1000)?;
            Ok(Next::Again)
        };
        for handler in [looks, needs, waits] {
            let (handler, ends) = Telling::new(handler);
            let options = Options::new().read_timeout(LIMIT).linger(Duration::ZERO, 0);
            let server = Server::with_options(handler, options);
            trickle(server.connect());
            until("it has ended", || !ends.lock().unwrap().is_empty());
            assert_eq!(*ends.lock().unwrap(), [Some(io::ErrorKind::TimedOut)]);
            server.end();
        }
    });
}

/// What is complete is no matter of the peer any more, however long its handler takes.
#[test]
fn a_slow_handler_is_not_the_fault_of_its_peer() {
    on_workers(|| {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            if connection.reader().len() < 10 {
                return Ok(Next::Need(10));
            }
            connection.reader().skip(10)?;
            thread::sleep(3 * LIMIT);
            connection.writer().write_string("reply");
            Ok(Next::Again)
        });
        let server = Server::with_options(handler, Options::new().read_timeout(LIMIT));
        let mut client = server.connect();
        // In two parts, so that the first one waits.
        client.write_all(b"01234").unwrap();
        thread::sleep(Duration::from_millis(2));
        client.write_all(b"56789").unwrap();
        let mut reply = [0; 5];
        if client.read_exact(&mut reply).is_ok() {
            assert_eq!(&reply, b"reply");
            drop(client);
            until("it has ended", || !ends.lock().unwrap().is_empty());
            assert_eq!(*ends.lock().unwrap(), [None]);
        } else {
            // The second part came late, on a busy machine; then there was no reply at all.
            until("it has ended", || !ends.lock().unwrap().is_empty());
            assert_eq!(*ends.lock().unwrap(), [Some(io::ErrorKind::TimedOut)]);
        }
        server.end();
    });
}

/// Requests that wait because replies wait are no matter of reading.
#[test]
fn who_is_slow_to_read_replies_has_sent_its_requests_in_time() {
    on_workers(|| {
        const REQUESTS: usize = 400;
        const REPLY: usize = 50_000;
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            connection.reader().read_byte()?;
            connection.writer().malloc(REPLY).fill(b'r');
            Ok(Next::Again)
        });
        let server = Server::with_options(handler, Options::new().read_timeout(LIMIT));
        let mut client = server.connect();
        client.write_all(&[b'x'; REQUESTS]).unwrap();
        let mut buffer = vec![0; REQUESTS * REPLY / 8];
        for _ in 0..8 {
            thread::sleep(LIMIT);
            client.read_exact(&mut buffer).unwrap();
        }
        assert!(ends.lock().unwrap().is_empty());
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(rest(&client), b"");
        until("it has ended", || !ends.lock().unwrap().is_empty());
        assert_eq!(*ends.lock().unwrap(), [None]);
        server.end();
    });
}
