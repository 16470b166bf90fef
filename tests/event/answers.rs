//! Answers that come when the handler has returned.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use netpoll::event::{Answer, Connection, Next, Options};
use netpoll::sync::mpsc as tasks;
use netpoll::thread;

use crate::common::{LONG, on_workers, until};
use crate::support::{Server, rest};

/// Who sends and says that this was all still reads the answer, however late it comes.
#[test]
fn pain_08_a_peer_that_has_finished_gets_its_answers() {
    on_workers(|| {
        let server = Server::new(|connection: &mut Connection| {
            let request = connection.reader().read_string(connection.reader().len())?;
            let answer = connection.answer_later();
            thread::spawn(move || {
                // Until the loop has seen that the peer has finished.
                thread::sleep(Duration::from_millis(5));
                answer.write(request.to_uppercase()).unwrap();
            });
            Ok(Next::Again)
        });
        let mut client = server.connect();
        client.write_all(b"request").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&client), b"REQUEST");
        server.end();
    });
}

/// However little is between the answer, its drop, and what the loop learns of the peer.
#[test]
fn no_answer_is_lost_that_comes_while_the_peer_finishes() {
    on_workers(|| {
        let (sender, requests) = std::sync::mpsc::channel::<Answer>();
        let answering = std::thread::spawn(move || {
            for answer in requests {
                answer.write("answer").unwrap();
            }
        });
        let server = Server::new(move |connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            sender.send(connection.answer_later()).unwrap();
            Ok(Next::Again)
        });
        for _ in 0..400 {
            let mut client = server.connect();
            client.write_all(b"request").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(rest(&client), b"answer");
        }
        server.end();
        answering.join().unwrap();
    });
}

/// A peer that ends with a part of a request, or with something that is none, has sent others
/// before.
#[test]
fn what_is_of_no_use_at_the_end_keeps_nobody_from_an_answer() {
    on_workers(|| {
        for says_what_it_needs in [true, false] {
            let server = Server::new(move |connection: &mut Connection| {
                let reader = connection.reader();
                let Some(request) = reader.try_next(4) else {
                    return Ok(match says_what_it_needs {
                        true => Next::Need(4),
                        false => Next::Again,
                    });
                };
                let request = request.to_ascii_uppercase();
                let answer = connection.answer_later();
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(2));
                    answer.write(request)
                });
                Ok(Next::Again)
            });
            for end in [&b""[..], b"\r\n"] {
                let mut client = server.connect();
                client.write_all(&[b"ping", end].concat()).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                assert_eq!(rest(&client), b"PING");
            }
            server.end();
        }
    });
}

/// An answer that is dropped unwritten was all there was to wait for.
#[test]
fn a_connection_ends_with_the_last_answer_it_owes() {
    on_workers(|| {
        let (sender, answers) = tasks::channel();
        let server = Server::new(move |connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            for _ in 0..2 {
                sender.send(connection.answer_later()).unwrap();
            }
            connection.writer().write_byte(b'.');
            Ok(Next::Again)
        });
        let mut client = server.connect();
        client.write_all(b"request").unwrap();
        client.read_exact(&mut [0]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let [first, second] = [(); 2].map(|()| answers.recv().unwrap());
        let handle = (*first).clone();
        drop(first);
        handle.write("one").unwrap();
        assert!(handle.is_active());
        let mut one = [0; 3];
        client.read_exact(&mut one).unwrap();
        assert_eq!(&one, b"one");
        drop(second);
        assert_eq!(rest(&client), b"");
        until("it has ended", || !handle.is_active());
        server.end();
    });
}

#[test]
fn pain_11_shutdown_waits_for_answers() {
    on_workers(|| {
        let (sender, answers) = tasks::channel();
        let server = Server::new(move |connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            sender.send(connection.answer_later()).unwrap();
            Ok(Next::Again)
        });
        let mut client = server.connect();
        client.write_all(b"request").unwrap();
        let answer = answers.recv().unwrap();
        let event_loop = server.event_loop.clone();
        let shutdown = thread::spawn(move || event_loop.shutdown(Instant::now() + LONG));
        // The listener is the first thing that a shutdown ends.
        until("it has begun", || {
            std::net::TcpStream::connect(server.address).is_err()
        });
        answer.write("answer").unwrap();
        drop(answer);
        assert_eq!(rest(&client), b"answer");
        let shutdown = shutdown.join().unwrap();
        assert_eq!(shutdown.cut_off, 0);
        server.end();
    });
}

/// An answer that takes long is not a connection on which nothing happens.
#[test]
fn who_waits_for_an_answer_is_not_idle() {
    const LIMIT: Duration = Duration::from_millis(60);
    on_workers(|| {
        let server = Server::with_options(
            |connection: &mut Connection| {
                connection.reader().skip(connection.reader().len())?;
                let answer = connection.answer_later();
                thread::spawn(move || {
                    thread::sleep(4 * LIMIT);
                    answer.write("answer").unwrap();
                });
                Ok(Next::Again)
            },
            Options::new().idle_timeout(LIMIT),
        );
        loop {
            let begun_at = Instant::now();
            let mut client = server.connect();
            let sent = client.write_all(b"request");
            if sent.is_ok() && begun_at.elapsed() < LIMIT / 2 {
                // Then nothing happens, and it is closed.
                assert_eq!(rest(&client), b"answer");
                break;
            }
            // It was idle itself, on a busy machine.
        }
        server.end();
    });
}
