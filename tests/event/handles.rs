//! What others do with a connection.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use netpoll::event::{Connection, ConnectionHandle, Next};
use netpoll::io::Closed;
use netpoll::thread;

use crate::common::{LONG, on, on_workers, until};
use crate::limits::Telling;
use crate::support::{Server, echo, rest, round_trip};

/// A server that hands out handles of those that say something.
fn server() -> (
    Server<impl netpoll::event::Handler>,
    mpsc::Receiver<ConnectionHandle>,
) {
    let (send, receive) = mpsc::channel();
    let send = Mutex::new(send);
    let server = Server::new(move |connection: &mut Connection| {
        send.lock().unwrap().send(connection.handle()).unwrap();
        echo(connection)
    });
    (server, receive)
}

#[test]
fn others_write_whole_pieces_from_tasks_and_threads() {
    on_workers(|| {
        let (server, handles) = server();
        let client = server.connect();
        assert_eq!(round_trip(&client, b"hello"), b"hello");
        let handle = handles.try_recv().unwrap();
        let tasks: Vec<_> = (b'a'..=b'd')
            .map(|letter| {
                let handle = handle.clone();
                thread::spawn(move || {
                    for _ in 0..50 {
                        handle.write(vec![letter; 700]).unwrap();
                    }
                })
            })
            .collect();
        let other = handle.clone();
        let thread = std::thread::spawn(move || {
            for _ in 0..50 {
                other.write(vec![b'e'; 700]).unwrap();
            }
        });
        let mut came = vec![0; 5 * 50 * 700];
        (&client).read_exact(&mut came).unwrap();
        for task in tasks {
            task.join().unwrap();
        }
        thread.join().unwrap();
        let whole = |piece: &[u8]| piece.iter().all(|byte| *byte == piece[0]);
        assert!(came.chunks(700).all(whole), "pieces are mixed");
        for letter in b'a'..=b'e' {
            let count = came.iter().filter(|byte| **byte == letter).count();
            assert_eq!(count, 50 * 700);
        }
        until("all is sent", || handle.unsent() == 0);
    });
}

#[test]
fn closing_by_a_handle_sends_first_and_writing_fails_afterwards() {
    on_workers(|| {
        let (server, handles) = server();
        let client = server.connect();
        assert_eq!(round_trip(&client, b"hello"), b"hello");
        let handle = handles.try_recv().unwrap();
        assert!(handle.is_active());
        handle.write(vec![b'x'; 1_000_000]).unwrap();
        handle.close();
        let error = handle.write("too late").unwrap_err();
        assert!(Closed::is_cause_of(&error));
        assert_eq!(rest(&client).len(), 1_000_000);
        until("it is not active", || !handle.is_active());
    });
}

/// A handler that waits for a peer which says nothing more.
#[test]
fn closing_ends_the_wait_of_a_handler() {
    on_workers(|| {
        let (send, handles) = mpsc::channel();
        let send = Mutex::new(send);
        let (handler, ends) = Telling::new(move |connection: &mut Connection| {
            send.lock().unwrap().send(connection.handle()).unwrap();
            let error = connection.reader().next(100).unwrap_err();
            assert!(Closed::is_cause_of(&error), "{error}");
            assert_eq!(connection.reader().try_next(5), Some(&b"hello"[..]));
            connection.writer().write_string("so be it");
            Ok(Next::Again)
        });
        let server = Server::new(handler);
        let mut client = server.connect();
        client.write_all(b"hello").unwrap();
        let mut handle = None;
        until("its handler runs", || {
            handle = handles.try_recv().ok();
            handle.is_some()
        });
        handle.unwrap().close();
        assert_eq!(rest(&client), b"so be it");
        assert_eq!(*ends.lock().unwrap(), [None]);
    });
}

#[test]
fn a_handle_tells_when_the_peer_has_gone() {
    on_workers(|| {
        let (server, handles) = server();
        let client = server.connect();
        assert_eq!(round_trip(&client, b"hello"), b"hello");
        let handle = handles.try_recv().unwrap();
        drop(client);
        until("it is noticed", || !handle.is_active());
        assert!(Closed::is_cause_of(&handle.write("x").unwrap_err()));
    });
}

#[test]
fn a_connection_that_is_paused_is_not_read_until_it_is_resumed() {
    on_workers(|| {
        let (server, handles) = server();
        let client = server.connect();
        assert_eq!(round_trip(&client, b"hello"), b"hello");
        let handle = handles.try_recv().unwrap();
        handle.pause();
        // Behind the pause, and before its answer comes, it is paused.
        handle.write("!").unwrap();
        let mut byte = [0];
        (&client).read_exact(&mut byte).unwrap();
        (&client).write_all(b"anybody?").unwrap();
        thread::sleep(std::time::Duration::from_millis(20));
        assert!(handles.try_recv().is_err(), "it was handled");
        handle.resume();
        let mut reply = [0; 8];
        (&client).read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"anybody?");
    });
}

/// One handler closes the connections of the others, which have input in the same turn.
#[test]
fn pain_09_a_connection_closed_by_another_handler_within_the_turn() {
    on_workers(|| {
        let handles = Arc::new(Mutex::new(Vec::<ConnectionHandle>::new()));
        let all = Arc::clone(&handles);
        let server = Server::new(move |connection: &mut Connection| {
            if connection.reader().try_peek(5) == Some(b"close") {
                for handle in all.lock().unwrap().iter() {
                    handle.close();
                    assert!(handle.write("x").is_err());
                }
                return Ok(Next::Close);
            }
            all.lock().unwrap().push(connection.handle());
            echo(connection)
        });
        for _ in 0..10 {
            let clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
            for client in &clients {
                assert_eq!(round_trip(client, b"hello"), b"hello");
            }
            let mut closer = server.connect();
            for mut client in &clients[..10] {
                client.write_all(b"before").unwrap();
            }
            closer.write_all(b"close").unwrap();
            for mut client in &clients[10..] {
                let _ = client.write_all(b"after");
            }
            for mut client in clients {
                // Some have had an answer; all of them end.
                let mut answer = Vec::new();
                let _ = client.read_to_end(&mut answer);
                assert!(answer.len() <= 6);
            }
            handles.lock().unwrap().clear();
        }
        until("all are gone", || {
            server
                .event_loop
                .metrics()
                .connections
                .iter()
                .sum::<usize>()
                == 0
        });
    });
}

/// Bytes whose owner parks when it is dropped.
struct Slow([u8; 3000]);

impl AsRef<[u8]> for Slow {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn what_a_handler_writes_may_park_when_it_is_dropped() {
    on_workers(|| {
        let server = Server::new(|connection: &mut Connection| {
            let count = connection.reader().len();
            connection.reader().skip(count)?;
            // A handler that is parked comes back while others are dropped.
            thread::sleep(std::time::Duration::from_millis(1));
            for _ in 0..count {
                let slow = bytes::Bytes::from_owner(Slow([9; 3000]));
                connection.writer().write_direct(slow);
            }
            Ok(Next::Again)
        });
        let clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
        for _ in 0..3 {
            for mut client in &clients {
                client.write_all(b"abc").unwrap();
            }
            for mut client in &clients {
                let mut reply = [0; 9000];
                client.read_exact(&mut reply).unwrap();
                assert_eq!(reply, [9; 9000]);
            }
        }
        // And those that are never sent.
        for mut client in &clients {
            client.write_all(&[0; 100]).unwrap();
        }
        drop(clients);
        until("all are gone", || {
            server
                .event_loop
                .metrics()
                .connections
                .iter()
                .sum::<usize>()
                == 0
        });
    });
}

/// Handles are used, and dropped at once, while their connections move to another worker
/// and back.
#[test]
fn what_a_handle_wrote_arrives_wherever_its_connection_goes() {
    on(2, || {
        let (server, handles) = {
            let (send, receive) = mpsc::channel();
            let send = Mutex::new(send);
            let answer = move |connection: &mut Connection| {
                connection.reader().skip(connection.reader().len())?;
                send.lock().unwrap().send(connection.handle()).unwrap();
                Ok(Next::Again)
            };
            (Server::new(answer), receive)
        };
        // Threads of std: the workers have enough to do.
        std::thread::spawn(move || {
            for handle in handles {
                handle.write("y").unwrap();
            }
        });
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, event_loop) = (Arc::clone(&stop), server.event_loop.clone());
        let moving = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                event_loop.set_workers(1);
                event_loop.set_workers(2);
                event_loop.rebalance();
                // Enough of them, and time to work in between.
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let client = std::net::TcpStream::connect(server.address).unwrap();
                client.set_read_timeout(Some(LONG)).unwrap();
                client
            })
            .collect();
        let event_loop = server.event_loop.clone();
        let talking = std::thread::spawn(move || {
            let start = Instant::now();
            while event_loop.metrics().moved < 5000 {
                assert!(start.elapsed() < LONG, "they do not move");
                for client in &clients {
                    assert_eq!(round_trip(client, b"x"), b"y");
                }
            }
        });
        until("enough have moved", || talking.is_finished());
        talking.join().unwrap();
        stop.store(true, Ordering::Relaxed);
        until("nobody moves them", || moving.is_finished());
        assert_eq!(server.end().cut_off, 0);
    });
}
