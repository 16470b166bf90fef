//! Closing: who waits is woken, later operations fail, no number is reused under
//! a caller, and none leaks.

mod common;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

use common::{everywhere, on, on_workers, pair};
use netpoll::io::Closed;
use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;

fn is_closed<T>(result: std::io::Result<T>) -> bool {
    result.is_err_and(|error| Closed::is_cause_of(&error))
}

#[test]
fn close_wakes_all_who_wait() {
    on_workers(|| {
        let (server, _client) = pair();
        let waiting: Vec<_> = (0..8)
            .map(|i| {
                let mut clone = server.try_clone().unwrap();
                thread::spawn(move || match i % 2 {
                    0 => is_closed(clone.read(&mut [0; 8])),
                    _ => loop {
                        match clone.write(&[0; 1 << 20]) {
                            // What was written before is still reported.
                            Ok(written) => assert_ne!(written, 0),
                            Err(error) => return Closed::is_cause_of(&error),
                        }
                    },
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(5));
        server.close();
        for waiter in waiting {
            assert!(waiter.join().unwrap());
        }
        server.close();
    });
}

#[test]
fn operations_after_close_fail_and_say_so() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        client.write_all(b"unread").unwrap();
        server.close();
        assert!(is_closed(server.read(&mut [0; 8])));
        assert!(is_closed(server.peek(&mut [0; 8])));
        assert!(is_closed(server.write(b"x")));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.close();
        assert!(is_closed(listener.accept()));
        assert!(listener.incoming().next().is_none());
    });
}

#[test]
fn the_peer_sees_a_close_at_once_while_clones_live() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        let clone = server.try_clone().unwrap();
        server.write_all(b"last words").unwrap();
        server.close();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert_eq!(received, b"last words");
        drop(clone);
    });
}

/// A number is not given to another descriptor while somebody may still use it.
#[test]
fn a_closed_number_stays_taken_until_the_last_clone_is_gone() {
    everywhere(|| {
        let (server, _client) = pair();
        let number = server.as_raw_fd();
        server.close();
        let others: Vec<_> = (0..20).map(|_| pair()).collect();
        let numbers: HashSet<_> = others
            .iter()
            .flat_map(|(one, other)| [one.as_raw_fd(), other.as_raw_fd()])
            .collect();
        assert!(!numbers.contains(&number));
    });
}

#[test]
fn a_listener_that_is_closed_wakes_acceptors_and_refuses() {
    on_workers(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let acceptors: Vec<_> = (0..4)
            .map(|_| {
                let clone = listener.try_clone().unwrap();
                thread::spawn(move || is_closed(clone.accept()))
            })
            .collect();
        thread::yield_now();
        listener.close();
        for acceptor in acceptors {
            assert!(acceptor.join().unwrap());
        }
        assert!(TcpStream::connect(address).is_err());
    });
}

#[test]
fn closing_in_the_middle_of_everything() {
    on_workers(|| {
        for round in 0..200_u64 {
            let (server, client) = pair();
            let tasks: Vec<_> = [server.try_clone().unwrap(), client.try_clone().unwrap()]
                .into_iter()
                .flat_map(|stream| {
                    let mut reader = stream.try_clone().unwrap();
                    let mut writer = stream;
                    [
                        thread::spawn(move || while let Ok(1..) = reader.read(&mut [0; 512]) {}),
                        thread::spawn(move || while writer.write(&[1; 4096]).is_ok() {}),
                    ]
                })
                .collect();
            if round % 2 == 0 {
                thread::sleep(Duration::from_micros(round));
            }
            server.close();
            for task in tasks {
                task.join().unwrap();
            }
        }
    });
}

/// How many descriptors of this process are open. Threads of other tests open
/// and close theirs, so this runs in a child.
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Pain 10: descriptors that leak on the edges.
#[test]
fn pain_10_no_descriptor_is_left() {
    common::in_child("pain_10_no_descriptor_is_left", &[], || {
        on(2, || {
            let rounds = |n: usize| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                let acceptor = thread::spawn(move || {
                    for stream in listener.incoming().take(n) {
                        let mut stream = stream.unwrap();
                        thread::spawn(move || {
                            let mut buffer = [0; 16];
                            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                                if stream.write_all(&buffer[..n]).is_err() {
                                    return;
                                }
                            }
                        });
                    }
                });
                for i in 0..n {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(b"ping").unwrap();
                    let mut reply = [0; 4];
                    stream.read_exact(&mut reply).unwrap();
                    assert_eq!(&reply, b"ping");
                    if i % 3 == 0 {
                        stream.close();
                    }
                }
                acceptor.join().unwrap();
            };
            rounds(10);
            let before = open_descriptors();
            rounds(3000);
            common::until("all are closed", || open_descriptors() <= before);
        });
    });
}
