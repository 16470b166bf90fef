//! Several event loops on the same workers.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, Next, Options};
use netpoll::os::unix::net::UnixStream;
use netpoll::sync::{Condvar, Mutex};
use netpoll::thread;

use crate::common::{LONG, in_child, on, on_workers, until};
use crate::support::{Server, echo, round_trip};

/// Who comes waits until it is opened.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let is_open = self.is_open.lock().unwrap();
        let is_shut = |is_open: &mut bool| !*is_open;
        drop(self.opened.wait_while(is_open, is_shut).unwrap());
    }

    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// How many handlers are parked, and how many there were at once.
#[derive(Default)]
struct Parked {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Parked {
    fn park(&self, how: impl FnOnce()) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        how();
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn each_event_loop_of_a_worker_has_its_own_bound_of_parked_handlers() {
    for workers in [1, 2] {
        on(workers, move || {
            let first = Server::new(echo);
            let client = first.connect();
            assert_eq!(round_trip(&client, b"first"), b"first");

            let parked = Arc::new(Parked::default());
            let gate = Arc::new(Gate::default());
            let (counts, waits) = (Arc::clone(&parked), Arc::clone(&gate));
            let second = Server::with_options(
                move |connection: &mut Connection| {
                    counts.park(|| waits.pass());
                    echo(connection)
                },
                Options::new().most_parked(1),
            );
            // Some come later, as new connections, and as requests of old ones.
            let mut clients: Vec<_> = (0..10).map(|_| second.connect()).collect();
            for client in &mut clients {
                client.write_all(b"a").unwrap();
            }
            let there = || parked.now.load(Ordering::Relaxed);
            until("they are parked", || there() == workers);
            clients.extend((0..10).map(|_| second.connect()));
            for client in &mut clients {
                client.write_all(b"b").unwrap();
            }
            // The other one goes on meanwhile, with as many as it likes.
            for _ in 0..20 {
                assert_eq!(round_trip(&client, b"meanwhile"), b"meanwhile");
            }
            let connections = || second.event_loop.metrics().connections;
            until("all have come", || {
                connections().iter().sum::<usize>() == 20
            });
            assert_eq!(there(), workers);
            // All of them have their turn, as stacks are free again.
            gate.open();
            for (n, client) in clients.iter_mut().enumerate() {
                let mut reply = vec![0; if n < 10 { 2 } else { 1 }];
                client.read_exact(&mut reply).unwrap();
                assert_eq!(reply, if n < 10 { &b"ab"[..] } else { b"b" });
            }
            assert_eq!(parked.most.load(Ordering::Relaxed), workers);
            drop((client, clients));
            assert_eq!(second.end().cut_off, 0);
            first.end();
        });
    }
}

#[test]
fn connections_that_wait_for_the_handlers_of_others_end_with_their_event_loop() {
    on_workers(|| {
        let gate = Arc::new(Gate::default());
        let waits = Arc::clone(&gate);
        let (send, parked) = mpsc::channel();
        let server = Server::with_options(
            move |connection: &mut Connection| {
                send.send(()).unwrap();
                waits.pass();
                echo(connection)
            },
            Options::new().most_parked(1),
        );
        let mut clients: Vec<_> = (0..30).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.write_all(b"a").unwrap();
        }
        let mut count = 0;
        until("one is parked", || {
            count += parked.try_iter().count();
            count > 0
        });
        // Those that the listener still has go with it.
        let accepted = || server.event_loop.metrics().accepted == 30;
        until("all are accepted", accepted);
        let ending = thread::spawn({
            let event_loop = server.event_loop.clone();
            move || event_loop.shutdown(Instant::now() + LONG)
        });
        thread::yield_now();
        gate.open();
        let shutdown = ending.join().unwrap();
        assert_eq!(shutdown.cut_off, 0);
        for client in &mut clients {
            let mut reply = Vec::new();
            client.read_to_end(&mut reply).unwrap();
            assert_eq!(reply, b"a");
        }
        server.end();
    });
}

/// The time that it waits for others is not the peer's.
#[test]
fn a_connection_that_waits_for_the_handlers_of_others_is_not_idle() {
    on(1, || {
        let gate = Arc::new(Gate::default());
        let waits = Arc::clone(&gate);
        let (send, parked) = mpsc::channel();
        let idle = || Options::new().idle_timeout(Duration::from_millis(300));
        let server = Server::with_options(
            move |connection: &mut Connection| {
                send.send(()).unwrap();
                waits.pass();
                echo(connection)
            },
            idle().most_parked(1),
        );
        let clients = [server.connect(), server.connect()];
        for mut client in &clients {
            client.write_all(b"a").unwrap();
        }
        until("one is parked", || parked.try_recv().is_ok());
        // One of another event loop that does nothing from now on.
        let other = Server::with_options(echo, idle());
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let ends = other.event_loop.adopt(ours, LinkBuffer::new()).unwrap();
        until("it has ended", || !ends.is_active());
        gate.open();
        for mut client in &clients {
            let mut reply = [0];
            client.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"a");
        }
        drop(clients);
        server.end();
        other.end();
    });
}

/// Uses so much of its stack.
#[inline(never)]
fn deep(bytes: usize) -> usize {
    let frame = std::hint::black_box([1_u8; 4096]);
    match bytes.checked_sub(frame.len()) {
        Some(rest) => deep(rest) + usize::from(frame[rest % frame.len()]),
        None => 0,
    }
}

#[test]
fn an_event_loop_that_comes_later_has_the_stacks_it_asked_for() {
    in_child(
        "sharing::an_event_loop_that_comes_later_has_the_stacks_it_asked_for",
        &[],
        || {
            on_workers(|| {
                let first = Server::new(echo);
                let client = first.connect();
                assert_eq!(round_trip(&client, b"first"), b"first");
                let second = Server::with_options(
                    |connection: &mut Connection| {
                        assert_eq!(deep(8 << 20), (8 << 20) / 4096);
                        // On the stack that comes next, too.
                        thread::sleep(Duration::from_millis(1));
                        echo(connection)
                    },
                    Options::new().stack_size(32 << 20),
                );
                let clients: Vec<_> = (0..20).map(|_| second.connect()).collect();
                for mut client in &clients {
                    client.write_all(b"deep").unwrap();
                }
                for mut client in &clients {
                    let mut reply = [0; 4];
                    client.read_exact(&mut reply).unwrap();
                    assert_eq!(&reply, b"deep");
                }
                assert_eq!(round_trip(&client, b"first"), b"first");
                drop((client, clients));
                second.end();
                first.end();
            });
        },
    );
}

/// No memory is to be had for another stack from now on.
fn no_more_stacks() {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let mapped = text.lines().find_map(|it| it.strip_prefix("VmSize:"));
    let mapped = mapped.unwrap().trim().strip_suffix(" kB").unwrap();
    let most = mapped.parse::<u64>().unwrap() * 1024 + (64 << 20);
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: it reads what is there.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

#[test]
fn handlers_that_wait_get_their_input_when_no_task_can_be_started() {
    in_child(
        "sharing::handlers_that_wait_get_their_input_when_no_task_can_be_started",
        &[],
        || {
            // The address sanitizer maps as it likes.
            if std::env::var_os("ASAN_OPTIONS").is_some() {
                return;
            }
            on(1, || {
                let server = Server::with_options(
                    |connection: &mut Connection| {
                        let two = connection.reader().next(2)?;
                        connection.writer().write_binary(two);
                        Ok(Next::Again)
                    },
                    Options::new().stack_size(512 << 20),
                );
                let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
                assert_eq!(round_trip(&clients[0], b"ab"), b"ab");
                no_more_stacks();
                for client in &mut clients {
                    client.write_all(b"a").unwrap();
                }
                // The first of them has parked, with what there is.
                thread::yield_now();
                for mut client in clients.iter().rev() {
                    client.write_all(b"b").unwrap();
                }
                for client in &mut clients {
                    let mut reply = [0; 2];
                    client.read_exact(&mut reply).unwrap();
                    assert_eq!(&reply, b"ab");
                }
                drop(clients);
                assert_eq!(server.end().cut_off, 0);
            });
        },
    );
}

/// Nobody waits for a handler with being closed: neither what is held nor what is idle.
#[test]
fn a_shutdown_cuts_off_also_what_waits_for_the_handlers_of_others() {
    on_workers(|| {
        let gate = Arc::new(Gate::default());
        let waits = Arc::clone(&gate);
        let (send, parked) = mpsc::channel();
        let server = Server::with_options(
            move |connection: &mut Connection| {
                if connection.reader().read_byte()? == b'p' {
                    send.send(()).unwrap();
                    waits.pass();
                }
                connection.writer().write_byte(b'.');
                Ok(Next::Again)
            },
            Options::new().most_parked(1),
        );
        let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.write_all(b"a").unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
        let (busy, idle) = clients.split_at_mut(10);
        for client in &mut *busy {
            client.write_all(b"p").unwrap();
        }
        until("one is parked", || parked.try_recv().is_ok());
        server.event_loop.shutdown(Instant::now());
        // While the handlers are still parked.
        for client in busy.iter_mut().chain(idle) {
            let end = client.read(&mut [0]);
            assert!(end.is_err() || matches!(end, Ok(0)), "{end:?}");
        }
        gate.open();
        server.end();
    });
}

/// An event loop that wants larger stacks comes while the driver's handler gives way, and
/// then waits for what a driver brings.
#[test]
fn larger_stacks_come_while_a_handler_is_about_to_wait() {
    on(1, || {
        let (send, begun) = mpsc::channel();
        let there = Arc::new(AtomicBool::new(false));
        let is_there = Arc::clone(&there);
        let first = Server::new(move |connection: &mut Connection| {
            if connection.reader().read_byte()? == b'e' {
                return echo_byte(connection, b'e');
            }
            send.send(()).unwrap();
            // Operations that do not wait, and give way now and then.
            let (mut one, mut other) = UnixStream::pair()?;
            while !is_there.load(Ordering::Relaxed) {
                one.write_all(b"1")?;
                other.read_exact(&mut [0])?;
            }
            let byte = connection.reader().read_byte()?;
            echo_byte(connection, byte)
        });
        let mut client = first.connect();
        assert_eq!(round_trip(&client, b"e"), b"e");
        client.write_all(b"1").unwrap();
        until("it has begun", || begun.try_recv().is_ok());
        let second = Server::with_options(echo, Options::new().stack_size(1 << 20));
        let other = second.connect();
        // Until the second one has been installed on the worker.
        for _ in 0..100 {
            thread::yield_now();
        }
        there.store(true, Ordering::Relaxed);
        client.write_all(b"2").unwrap();
        let mut reply = [0];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"2");
        assert_eq!(round_trip(&other, b"other"), b"other");
        drop((client, other));
        second.end();
        first.end();
    });
}

fn echo_byte(connection: &mut Connection, byte: u8) -> io::Result<Next> {
    connection.writer().write_byte(byte);
    Ok(Next::Again)
}
