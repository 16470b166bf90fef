//! Deadlines: moments, not durations.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Answer, Connection, ConnectionHandle, EventLoop, Next, Options};
use netpoll::os::unix::net::UnixStream;
use netpoll::sync::mpsc;
use netpoll::thread;

use crate::common::{LONG, kind, on_workers, until};
use crate::limits::Telling;
use crate::support::{echo, rest, round_trip};

const SOON: Duration = Duration::from_millis(20);

fn soon() -> Option<Instant> {
    Some(Instant::now() + SOON)
}

fn late() -> Option<Instant> {
    Some(Instant::now() + LONG)
}

/// A connection, and how it ended.
struct Served {
    handle: ConnectionHandle,
    peer: UnixStream,
    ends: Arc<Mutex<Vec<Option<ErrorKind>>>>,
}

impl Served {
    fn new(
        handler: impl Fn(&mut Connection) -> io::Result<Next> + Send + Sync + 'static,
        received: &[u8],
        options: Options,
    ) -> Self {
        let (server, peer) = UnixStream::pair().unwrap();
        peer.set_deadline(late()).unwrap();
        let (handler, ends) = Telling::new(handler);
        let event_loop = EventLoop::with_options(handler, options.linger(Duration::ZERO, 0));
        let handle = event_loop
            .adopt(server, LinkBuffer::from(received))
            .unwrap();
        Self { handle, peer, ends }
    }

    fn assert_ended(&self, end: Option<ErrorKind>) {
        until("it has ended", || !self.ends.lock().unwrap().is_empty());
        assert_eq!(*self.ends.lock().unwrap(), [end]);
    }
}

#[test]
fn pain_07_nothing_that_a_peer_sends_puts_a_deadline_off() {
    on_workers(|| {
        type Call = fn(&mut Connection) -> io::Result<Next>;
        let trickle: Call = |connection| Ok(Next::Need(connection.reader().len() + 1));
        let waits: Call = |connection| {
            connection.reader().until(b'\n', 1 << 20)?;
            Ok(Next::Again)
        };
        let slow: Call = |connection| {
            let request = connection.reader().read_byte()?;
            connection.writer().write_byte(request);
            Ok(Next::Again)
        };
        for (call, len) in [(echo as Call, 1), (trickle, 1), (waits, 1), (slow, 4096)] {
            let is_set = AtomicBool::new(false);
            let call = move |connection: &mut Connection| {
                if !is_set.swap(true, Ordering::Relaxed) {
                    connection.set_read_deadline(soon());
                }
                call(connection)
            };
            // With timeouts that begin anew all the time.
            let options = Options::new().idle_timeout(LONG).read_timeout(LONG);
            let begun_at = Instant::now();
            let mut served = Served::new(call, b"", options);
            let mut reader = served.peer.try_clone().unwrap();
            // It may be a reset, because nobody reads what is sent until then.
            let reading = thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
            while served.peer.write_all(&[b'x'; 4096][..len]).is_ok() {
                assert!(begun_at.elapsed() < LONG / 2, "it may go on for ever");
                thread::yield_now();
            }
            assert!(begun_at.elapsed() >= SOON, "it was closed before its time");
            served.assert_ended(Some(ErrorKind::TimedOut));
            let _ = reading.join();
        }
    });
}

/// It is the connection's: it does not matter who set it, and whether that handle lives.
#[test]
fn a_deadline_outlives_the_handle_that_set_it() {
    on_workers(|| {
        let served = Served::new(echo, b"", Options::new());
        let Served {
            handle,
            mut peer,
            ends,
        } = served;
        // It has begun.
        assert_eq!(round_trip(&mut peer, b"hello"), b"hello");
        // Requests in between give the loop all reasons to forget it.
        handle.set_read_deadline(Some(Instant::now() + 5 * SOON));
        drop(handle);
        for _ in 0..3 {
            if peer.write_all(b"x").is_ok() {
                let _ = peer.read(&mut [0]);
            }
        }
        assert_eq!(rest(&mut peer), b"");
        until("it has ended", || !ends.lock().unwrap().is_empty());
        assert_eq!(*ends.lock().unwrap(), [Some(ErrorKind::TimedOut)]);
    });
}

#[test]
fn a_deadline_that_is_taken_away_or_moved_does_nothing() {
    on_workers(|| {
        for moved in [None, late()] {
            let mut served = Served::new(echo, b"", Options::new());
            served.handle.set_deadline(soon());
            served.handle.set_deadline(moved);
            thread::sleep(2 * SOON);
            // If the machine was so slow that the first deadline had its time, that is right.
            if served.handle.is_active() {
                assert_eq!(round_trip(&mut served.peer, b"hello"), b"hello");
                served.peer.shutdown(Shutdown::Write).unwrap();
                served.assert_ended(None);
            }
        }
    });
}

/// It may answer, and go on.
#[test]
fn a_handler_that_waits_is_told_and_its_connection_stays() {
    on_workers(|| {
        let mut served = Served::new(
            |connection| {
                connection.set_read_deadline(soon());
                let error = connection.reader().next(10).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
                // It is as with sockets: what is past fails before anything is tried.
                let again = connection.reader().next(10).map(<[u8]>::len);
                assert_eq!(kind(again), ErrorKind::TimedOut);
                connection.writer().write_string("slow");
                connection.flush()?;
                connection.set_read_deadline(late());
                let request = connection.reader().read_binary(10)?;
                connection.writer().write_binary(&request);
                connection.set_read_deadline(None);
                Ok(Next::Again)
            },
            b"",
            Options::new(),
        );
        for _ in 0..2 {
            served.peer.write_all(b"01234").unwrap();
            let mut reply = [0; 4];
            served.peer.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"slow");
            served.peer.write_all(b"56789").unwrap();
            let mut reply = [0; 10];
            served.peer.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"0123456789");
        }
        served.peer.shutdown(Shutdown::Write).unwrap();
        served.assert_ended(None);
    });
}

#[test]
fn a_deadline_that_is_moved_ends_the_wait_of_a_handler() {
    on_workers(|| {
        let (sender, waits) = mpsc::channel();
        let served = Served::new(
            move |connection| {
                connection.set_read_deadline(Some(Instant::now() + 10 * LONG));
                sender.send(()).unwrap();
                let waited = connection.reader().next(10).map(<[u8]>::len);
                assert_eq!(kind(waited), ErrorKind::TimedOut);
                Ok(Next::Close)
            },
            b"x",
            Options::new(),
        );
        waits.recv().unwrap();
        served.handle.set_read_deadline(Some(Instant::now()));
        served.assert_ended(None);
    });
}

/// Who was received in time has its answer, and the handler may set another one.
#[test]
fn a_handler_that_takes_longer_than_the_deadline_is_not_disturbed() {
    on_workers(|| {
        for (moves, by_handle) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut served = Served::new(
                move |connection| {
                    let request = connection.reader().read_byte()?;
                    if by_handle {
                        connection.handle().set_read_deadline(soon());
                    } else {
                        connection.set_read_deadline(soon());
                    }
                    thread::sleep(2 * SOON);
                    if moves {
                        connection.set_read_deadline(late());
                    }
                    connection.writer().write_byte(request);
                    Ok(Next::Again)
                },
                b"",
                Options::new(),
            );
            assert_eq!(round_trip(&mut served.peer, b"1"), b"1");
            if moves {
                assert_eq!(round_trip(&mut served.peer, b"2"), b"2");
                served.peer.shutdown(Shutdown::Write).unwrap();
            }
            assert_eq!(rest(&mut served.peer), b"");
            served.assert_ended((!moves).then_some(ErrorKind::TimedOut));
        }
    });
}

/// What was received is handled, however many turns that takes; part of a frame is not.
#[test]
fn what_was_received_before_the_deadline_is_handled() {
    on_workers(|| {
        const REQUESTS: usize = 1000;
        let received = [&b"12345678".repeat(REQUESTS)[..], b"1234"].concat();
        let mut served = Served::new(
            |connection| {
                connection.set_read_deadline(Some(Instant::now()));
                let Some(request) = connection.reader().try_next(8) else {
                    return Ok(Next::Need(8));
                };
                connection.writer().write_binary(request);
                Ok(Next::Again)
            },
            &received,
            Options::new(),
        );
        assert_eq!(rest(&mut served.peer).len(), 8 * REQUESTS);
        served.assert_ended(Some(ErrorKind::TimedOut));
    });
}

#[test]
fn a_deadline_means_nothing_while_a_connection_is_paused() {
    on_workers(|| {
        let mut served = Served::new(echo, b"", Options::new());
        assert_eq!(round_trip(&mut served.peer, b"1"), b"1");
        served.handle.pause();
        served.handle.set_read_deadline(Some(Instant::now()));
        thread::sleep(SOON);
        assert!(served.handle.is_active());
        served.handle.resume();
        assert_eq!(rest(&mut served.peer), b"");
        served.assert_ended(Some(ErrorKind::TimedOut));
    });
}

/// Nothing is expected from it any more.
#[test]
fn a_deadline_means_nothing_to_a_peer_that_has_finished() {
    on_workers(|| {
        let (sender, answers) = mpsc::channel::<Answer>();
        let mut served = Served::new(
            move |connection| {
                connection.reader().skip(connection.reader().len())?;
                sender.send(connection.answer_later()).unwrap();
                Ok(Next::Again)
            },
            b"",
            Options::new(),
        );
        served.peer.write_all(b"request").unwrap();
        served.peer.shutdown(Shutdown::Write).unwrap();
        let answer = answers.recv().unwrap();
        // Until the loop has seen that it has finished.
        thread::sleep(SOON);
        served.handle.set_read_deadline(Some(Instant::now()));
        thread::sleep(SOON);
        answer.write("answer").unwrap();
        drop(answer);
        assert_eq!(rest(&mut served.peer), b"answer");
        served.assert_ended(None);
    });
}

/// A handler that waits to write is told, and nothing of what it wrote is lost.
#[test]
fn a_flush_gives_up_at_the_write_deadline_and_the_connection_stays() {
    on_workers(|| {
        const LEN: usize = 4 << 20;
        for moves in [false, true] {
            let (sender, gave_up) = mpsc::channel();
            let mut served = Served::new(
                move |connection| {
                    connection.reader().skip(1)?;
                    connection.writer().write_direct(vec![b'r'; LEN].into());
                    if !moves {
                        connection.set_write_deadline(soon());
                    }
                    let flushed = connection.flush();
                    assert_eq!(kind(flushed), ErrorKind::TimedOut);
                    assert!(connection.is_active());
                    connection.writer().write_string("the end");
                    sender.send(()).unwrap();
                    Ok(Next::Again)
                },
                b"",
                Options::new(),
            );
            served.peer.write_all(b"x").unwrap();
            if moves {
                until("it waits", || served.handle.unsent() > 0);
                served.handle.set_write_deadline(Some(Instant::now()));
            }
            gave_up.recv().unwrap();
            served.peer.shutdown(Shutdown::Write).unwrap();
            let came = rest(&mut served.peer);
            assert_eq!(came.len(), LEN + 7);
            assert!(came.ends_with(b"the end"));
            served.assert_ended(None);
        }
    });
}
