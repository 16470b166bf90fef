//! What peers may not do for ever, or as much as they like.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netpoll::event::{Connection, ConnectionHandle, Handler, Next, Options};
use netpoll::net::KeepAlive;
use netpoll::thread;

use crate::common::{on_workers, until};
use crate::support::{Server, echo, frame, rest, round_trip};

/// Calls a closure, and tells how each connection ended.
pub(crate) struct Telling<F> {
    pub(crate) call: F,
    pub(crate) ends: Arc<Mutex<Vec<Option<io::ErrorKind>>>>,
}

impl<F: Fn(&mut Connection) -> io::Result<Next> + Send + Sync + 'static> Telling<F> {
    pub(crate) fn new(call: F) -> (Self, Arc<Mutex<Vec<Option<io::ErrorKind>>>>) {
        let ends = Arc::new(Mutex::new(Vec::new()));
        let telling = Self {
            call,
            ends: Arc::clone(&ends),
        };
        (telling, ends)
    }
}

impl<F: Fn(&mut Connection) -> io::Result<Next> + Send + Sync + 'static> Handler for Telling<F> {
    type Context = ();

    fn prepare(&self, _: &mut Connection) -> io::Result<()> {
        Ok(())
    }

    fn request(&self, connection: &mut Connection, (): &mut ()) -> io::Result<Next> {
        (self.call)(connection)
    }

    fn disconnect(&self, connection: &mut Connection, (): ()) {
        let end = connection.error().map(io::Error::kind);
        self.ends.lock().unwrap().push(end);
    }
}

/// Waits for frames, by saying what it needs.
fn frames(connection: &mut Connection) -> io::Result<Next> {
    let reader = connection.reader();
    let Some(header) = reader.try_peek(2) else {
        return Ok(Next::Need(2));
    };
    let len = 2 + usize::from(u16::from_be_bytes([header[0], header[1]]));
    match reader.try_next(len) {
        Some(frame) => connection.writer().write_binary(frame),
        None => return Ok(Next::Need(len)),
    }
    Ok(Next::Again)
}

const SOON: Duration = Duration::from_millis(30);

/// Who does nothing is closed, and not before its time; who does something is only closed
/// if it happened to do nothing for so long, which a slow machine may bring about.
#[test]
fn who_does_nothing_is_closed_and_who_does_something_is_not() {
    on_workers(|| {
        let (handler, ends) = Telling::new(echo);
        let server = Server::with_options(handler, Options::new().idle_timeout(SOON));
        let begun = Instant::now();
        let idle = server.connect();
        assert_eq!(round_trip(&idle, b"once"), b"once");
        let idle = thread::spawn(move || {
            assert_eq!(rest(&idle), b"");
            begun.elapsed()
        });
        let mut busy = server.connect();
        let (mut sent_at, mut answers) = (Instant::now(), 0);
        while !idle.is_finished() || answers < 50 {
            let sending_at = Instant::now();
            let mut reply = [0; 5];
            let sent = (&busy).write_all(b"again");
            if sent.and_then(|()| (&busy).read_exact(&mut reply)).is_ok() {
                assert_eq!(&reply, b"again");
                (sent_at, answers) = (sending_at, answers + 1);
            } else {
                assert!(sent_at.elapsed() >= SOON, "it was closed before its time");
                busy = server.connect();
                sent_at = Instant::now();
            }
        }
        assert!(
            idle.join().unwrap() >= SOON,
            "it was closed before its time"
        );
        let ends = ends.lock().unwrap();
        assert!(!ends.is_empty() && ends.iter().all(|end| *end == Some(io::ErrorKind::TimedOut)));
    });
}

/// The time of a connection begins when it comes, not when something last happened to the
/// worker that gets it.
#[test]
fn a_worker_that_had_nothing_to_do_gives_a_connection_its_time() {
    on_workers(|| {
        const LIMIT: Duration = Duration::from_millis(150);
        let (handler, ends) = Telling::new(echo);
        let server = Server::with_options(handler, Options::new().idle_timeout(LIMIT));
        for round in 1..3 {
            let connected_at = Instant::now();
            let client = server.connect();
            assert_eq!(round_trip(&client, b"first"), b"first");
            assert_eq!(rest(&client), b"");
            assert!(connected_at.elapsed() >= LIMIT, "it was closed at once");
            until("it has ended", || ends.lock().unwrap().len() == round);
            // Nothing happens, for longer than may be.
            thread::sleep(LIMIT * 3 / 2);
        }
    });
}

/// A handler that takes long is no connection that does nothing.
#[test]
fn the_time_for_doing_nothing_begins_when_the_handler_is_done() {
    on_workers(|| {
        let done_at = Arc::new(Mutex::new(Vec::new()));
        let done = Arc::clone(&done_at);
        let (handler, _ends) = Telling::new(move |connection: &mut Connection| {
            thread::sleep(SOON * 3 / 2);
            done.lock().unwrap().push(Instant::now());
            echo(connection)
        });
        let server = Server::with_options(handler, Options::new().idle_timeout(SOON));
        let mut client = server.connect();
        client.write_all(b"slowly").unwrap();
        assert_eq!(rest(&client), b"slowly");
        let done_at = done_at.lock().unwrap();
        assert_eq!(done_at.len(), 1);
        assert!(done_at[0].elapsed() >= SOON);
    });
}

#[test]
fn who_begins_a_frame_has_to_complete_it_in_time() {
    on_workers(|| {
        let (handler, ends) = Telling::new(frames);
        let server = Server::with_options(handler, Options::new().read_timeout(SOON));
        let (mut slow, patient) = (server.connect(), server.connect());
        let whole = frame(b"complete");
        assert_eq!(round_trip(&patient, &whole), whole);
        slow.write_all(&whole[..5]).unwrap();
        assert_eq!(rest(&slow), b"");
        assert_eq!(*ends.lock().unwrap(), [Some(io::ErrorKind::TimedOut)]);
        assert_eq!(round_trip(&patient, &whole), whole, "it had begun nothing");
    });
}

#[test]
fn a_handler_that_reads_waits_no_longer_than_the_read_timeout() {
    on_workers(|| {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            connection.reader().next(5).map(drop)?;
            Ok(Next::Again)
        });
        let server = Server::with_options(handler, Options::new().read_timeout(SOON));
        let mut client = server.connect();
        client.write_all(b"abc").unwrap();
        assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0);
        until("it has ended", || !ends.lock().unwrap().is_empty());
        assert_eq!(*ends.lock().unwrap(), [Some(io::ErrorKind::TimedOut)]);
    });
}

/// Floods until the server takes no more for a while. Returns how much it took.
fn flood(client: &netpoll::net::TcpStream) -> usize {
    client.set_write_timeout(Some(SOON * 5)).unwrap();
    let (mut sent, chunk) = (0, [7; 1 << 16]);
    loop {
        match (&mut &*client).write(&chunk) {
            Ok(n) => sent += n,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return sent;
            }
        }
        assert!(sent < 1 << 30, "the server takes whatever comes");
    }
}

/// PAINS 2: a slow consumer: the reader goes on filling the buffer until memory ends.
#[test]
fn pain_02_a_peer_that_never_reads_its_replies_is_read_no_more() {
    on_workers(|| {
        let handles = Arc::new(Mutex::new(Vec::<ConnectionHandle>::new()));
        let known = Arc::clone(&handles);
        let server = Server::with_options(
            move |connection: &mut Connection| {
                let mut known = known.lock().unwrap();
                if known.is_empty() {
                    known.push(connection.handle());
                }
                drop(known);
                echo(connection)
            },
            Options::new().output_marks(200_000, 50_000),
        );
        let greedy = server.connect();
        let sent = flood(&greedy);
        let other = server.connect();
        assert_eq!(round_trip(&other, b"others go on"), b"others go on");
        let waits = handles.lock().unwrap()[0].unsent();
        assert!(
            waits > 0 && waits < 400_000,
            "{waits} bytes wait to be sent"
        );
        // It has its replies, all of them, when it wants them.
        let mut replies = vec![0; sent];
        (&greedy).read_exact(&mut replies).unwrap();
        assert!(replies.iter().all(|byte| *byte == 7));
        until("all is sent", || handles.lock().unwrap()[0].unsent() == 0);
    });
}

/// PAINS 2, with a handler that is slow.
#[test]
fn pain_02_a_slow_handler_gets_no_more_than_the_mark() {
    on_workers(|| {
        let (most, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, may) = (Arc::clone(&most), Arc::clone(&go));
        let server = Server::with_options(
            move |connection: &mut Connection| {
                while may.load(Ordering::SeqCst) == 0 && connection.reader().len() > 100 {
                    thread::sleep(Duration::from_millis(1));
                }
                seen.fetch_max(connection.reader().len(), Ordering::SeqCst);
                connection.reader().skip(connection.reader().len())?;
                Ok(Next::Again)
            },
            Options::new().input_mark(10_000),
        );
        let client = server.connect();
        flood(&client);
        let other = server.connect();
        (&other).write_all(b"x").unwrap();
        go.store(1, Ordering::SeqCst);
        client.close();
        until("it was handled", || most.load(Ordering::SeqCst) > 0);
        assert!(most.load(Ordering::SeqCst) <= 10_000 + (64 << 10));
    });
}

#[test]
fn who_takes_nothing_for_too_long_is_cut_off() {
    on_workers(|| {
        let (handler, ends) = Telling::new(echo);
        let options = Options::new()
            .write_timeout(SOON)
            .output_marks(50_000, 10_000);
        let server = Server::with_options(handler, options);
        let client = server.connect();
        client.set_write_timeout(Some(SOON * 20)).unwrap();
        let chunk = [7; 1 << 16];
        let failed = loop {
            if let Err(error) = (&client).write(&chunk) {
                break error;
            }
        };
        until("it is cut off", || !ends.lock().unwrap().is_empty());
        assert_eq!(
            *ends.lock().unwrap(),
            [Some(io::ErrorKind::TimedOut)],
            "{failed}"
        );
    });
}

/// PAINS 2: all of them at once, and somebody who behaves.
#[test]
fn pain_02_who_floods_who_never_reads_and_who_is_slow_keep_nobody_waiting() {
    on_workers(|| {
        let handles = Arc::new(Mutex::new(Vec::<ConnectionHandle>::new()));
        let inside = Arc::new(AtomicUsize::new(0));
        let (known, count) = (Arc::clone(&handles), Arc::clone(&inside));
        let options = Options::new()
            .input_mark(10_000)
            .output_marks(50_000, 10_000);
        let server = Server::with_options(
            move |connection: &mut Connection| {
                match connection.reader().try_peek(1) {
                    // Its handler waits for somebody who does not come.
                    Some(b"s") => {
                        count.fetch_add(1, Ordering::SeqCst);
                        connection.reader().next(1 << 20).map(drop)?;
                    }
                    Some(b"f") => {
                        let mut known = known.lock().unwrap();
                        if known.is_empty() {
                            known.push(connection.handle());
                        }
                    }
                    _ => {}
                }
                echo(connection)
            },
            options,
        );
        let slow: Vec<_> = (0..5).map(|_| server.connect()).collect();
        for mut slow in &slow {
            slow.write_all(b"slow").unwrap();
        }
        until("their handlers wait", || inside.load(Ordering::SeqCst) == 5);
        // It floods, and does not read what comes back.
        let flooding = server.connect();
        let stop = Arc::new(AtomicUsize::new(0));
        let flood = thread::spawn({
            let (mut client, stop) = (flooding.try_clone().unwrap(), Arc::clone(&stop));
            client.set_write_timeout(Some(SOON)).unwrap();
            move || {
                while stop.load(Ordering::SeqCst) == 0 {
                    let _ = client.write(&[b'f'; 1 << 16]);
                }
            }
        });
        until("it is held back", || {
            let handles = handles.lock().unwrap();
            handles
                .first()
                .is_some_and(|handle| handle.unsent() > 50_000)
        });
        let behaving: Vec<_> = (0..5).map(|_| server.connect()).collect();
        for round in 0..100 {
            for client in &behaving {
                assert_eq!(round_trip(client, &[round; 500]), [round; 500]);
            }
            let unsent = handles.lock().unwrap()[0].unsent();
            assert!(
                unsent <= 50_000 + (64 << 10),
                "{unsent} bytes wait to be sent"
            );
        }
        stop.store(1, Ordering::SeqCst);
        flood.join().unwrap();
    });
}

/// What is said of one connection goes for no other.
#[test]
fn a_connection_has_timeouts_of_its_own() {
    on_workers(|| {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            connection.set_keepalive(Some(KeepAlive::default()))?;
            if connection.reader().try_peek(4) == Some(b"read") {
                connection.set_timeouts(Some(SOON), None, None);
                return Ok(Next::Need(100));
            }
            if connection.reader().try_peek(4) == Some(b"idle") {
                connection.set_timeouts(None, None, Some(SOON));
            }
            echo(connection)
        });
        let server = Server::new(handler);
        let (patient, mut reading, idle) = (server.connect(), server.connect(), server.connect());
        assert_eq!(round_trip(&patient, b"patient"), b"patient");
        let begun = Instant::now();
        reading.write_all(b"read").unwrap();
        assert_eq!(round_trip(&idle, b"idle"), b"idle");
        assert_eq!((rest(&reading), rest(&idle)), (vec![], vec![]));
        assert!(begun.elapsed() >= SOON);
        assert_eq!(*ends.lock().unwrap(), [Some(io::ErrorKind::TimedOut); 2]);
        assert_eq!(round_trip(&patient, b"still there"), b"still there");
    });
}

/// A handler that writes much waits at the mark.
#[test]
fn flush_parks_above_the_high_mark() {
    on_workers(|| {
        let server = Server::with_options(
            |connection: &mut Connection| {
                connection.reader().skip(connection.reader().len())?;
                let chunk = vec![3; 50_000];
                for _ in 0..200 {
                    connection.writer().write_binary(&chunk);
                    connection.flush()?;
                    assert!(connection.handle().unsent() <= 400_000);
                }
                Ok(Next::Close)
            },
            Options::new().output_marks(200_000, 50_000),
        );
        let mut client = server.connect();
        client.write_all(b"all").unwrap();
        thread::sleep(SOON);
        let other = server.connect();
        (&other).write_all(b"all").unwrap();
        assert_eq!(rest(&other).len(), 10_000_000, "others go on");
        assert_eq!(rest(&client).len(), 10_000_000);
    });
}

/// There is a cap for handlers that park, and beyond it nobody is lost.
#[test]
fn no_more_handlers_park_than_may() {
    on_workers(|| {
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, peak) = (Arc::clone(&inside), Arc::clone(&most));
        let server = Server::with_options(
            move |connection: &mut Connection| {
                peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(2));
                count.fetch_sub(1, Ordering::SeqCst);
                echo(connection)
            },
            Options::new().most_parked(3),
        );
        let clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
        for mut client in &clients {
            client.write_all(b"me too").unwrap();
        }
        for mut client in &clients {
            let mut reply = [0; 6];
            client.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"me too");
        }
        let workers = server.event_loop.metrics().connections.len();
        assert!(most.load(Ordering::SeqCst) <= 3 * workers);
    });
}

/// Handlers that wait for their own connections are not stopped by the cap.
#[test]
fn who_waits_for_input_gets_it_at_the_cap() {
    on_workers(|| {
        let server = Server::with_options(
            |connection: &mut Connection| {
                let all = connection.reader().next(4)?;
                connection.writer().write_binary(all);
                Ok(Next::Again)
            },
            Options::new().most_parked(2),
        );
        let clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
        for mut client in &clients {
            client.write_all(b"ab").unwrap();
        }
        thread::sleep(SOON);
        for mut client in &clients {
            client.write_all(b"cd").unwrap();
        }
        for mut client in &clients {
            let mut reply = [0; 4];
            client.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"abcd");
        }
    });
}
