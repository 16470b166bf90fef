//! How connections come, move and go, and event loops with them.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Balance, Connection, EventLoop, Handler, Next, Options};
use netpoll::net::{TcpListener, TcpStream};
use netpoll::os::unix::net::{UnixListener, UnixStream};
use netpoll::thread;

use crate::common::{LONG, in_child, on, on_workers, unix_address, until};
use crate::limits::Telling;
use crate::support::{Server, echo, rest, round_trip};

fn total<H: Handler>(event_loop: &EventLoop<H>) -> usize {
    event_loop.metrics().connections.iter().sum()
}

/// PAINS 11: graceful shutdown hangs, or drops.
#[test]
fn pain_11_shutdown_answers_what_was_received_and_refuses_what_comes() {
    on_workers(|| {
        let (handled, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&handled);
        let server = Server::new(move |connection: &mut Connection| {
            // Some park.
            if count.fetch_add(1, Ordering::SeqCst) % 3 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
            echo(connection)
        });
        let address = server.address;
        let clients: Vec<_> = (0..30)
            .map(|_| {
                let mut client = server.connect();
                let asked = Arc::clone(&asked);
                thread::spawn(move || {
                    let mut answered = 0;
                    loop {
                        // What the server has not received when it closes is not answered.
                        if client.write_all(b"request!").is_err() {
                            return answered;
                        }
                        asked.fetch_add(1, Ordering::SeqCst);
                        let mut reply = [0; 8];
                        match client.read_exact(&mut reply) {
                            Ok(()) => assert_eq!(&reply, b"request!"),
                            Err(_) => return answered,
                        }
                        answered += 1;
                    }
                })
            })
            .collect();
        until("it is under load", || asked.load(Ordering::SeqCst) > 300);
        let event_loop = server.event_loop.clone();
        let shutdown = server.end();
        assert_eq!((shutdown.finished, shutdown.cut_off), (30, 0));
        assert!(TcpStream::connect(address).is_err(), "the listener refuses");
        assert_eq!(total(&event_loop), 0);
        let answered: usize = clients.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(answered, handled.load(Ordering::SeqCst), "a reply was lost");
    });
}

#[test]
fn pain_11_shutdown_gives_up_at_the_deadline_and_says_how_many() {
    on_workers(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (handler, ends) = Telling::new(move |connection: &mut Connection| {
            if connection.reader().try_peek(4) == Some(b"hang") {
                while !stopped.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            echo(connection)
        });
        let server = Server::new(handler);
        let clients: Vec<_> = (0..7).map(|_| server.connect()).collect();
        for client in &clients {
            assert_eq!(round_trip(client, b"hello"), b"hello");
        }
        for mut client in &clients[..3] {
            client.write_all(b"hang").unwrap();
        }
        let soon = Instant::now() + Duration::from_secs(2);
        let shutdown = server.event_loop.shutdown(soon);
        assert_eq!((shutdown.finished, shutdown.cut_off), (4, 3));
        // Their peers learn of it although the handlers have not come back.
        for client in &clients[..3] {
            assert_eq!(rest(client), b"");
        }
        assert_eq!(total(&server.event_loop), 3);
        stop.store(true, Ordering::SeqCst);
        until("all have ended", || ends.lock().unwrap().len() == 7);
        until("none is left", || total(&server.event_loop) == 0);
        server.end();
    });
}

/// Nobody reads what comes to it, so there is nothing to wait for.
#[test]
fn pain_11_a_connection_that_is_paused_holds_no_shutdown_up() {
    on_workers(|| {
        let (send, handles) = mpsc::channel();
        let send = Mutex::new(send);
        let (handler, ends) = Telling::new(move |connection: &mut Connection| {
            send.lock().unwrap().send(connection.handle()).unwrap();
            match connection.reader().try_next(5) {
                Some(word) => connection.writer().write_binary(word),
                None => return Ok(Next::Need(5)),
            }
            Ok(Next::Again)
        });
        let server = Server::new(handler);
        let clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
        for (n, mut client) in clients.iter().enumerate() {
            // Of two, there is the beginning of a request.
            client.write_all(&b"hellohel"[..5 + n % 2 * 3]).unwrap();
            let mut reply = [0; 6];
            client.read_exact(&mut reply[..5]).unwrap();
            let handle = handles.recv().unwrap();
            until("it waits for more", || {
                n % 2 == 0 || handles.try_recv().is_ok()
            });
            handle.pause();
            // Sent behind the pause.
            handle.write("!").unwrap();
            client.read_exact(&mut reply[5..]).unwrap();
            assert_eq!(&reply, b"hello!");
        }
        for mut client in &clients[..2] {
            client.write_all(b"never read").unwrap();
        }
        let shutdown = server.end();
        assert_eq!((shutdown.finished, shutdown.cut_off), (4, 0));
        assert_eq!(*ends.lock().unwrap(), [None; 4]);
    });
}

#[test]
fn pain_11_connections_on_their_way_to_another_worker_are_shut_down_too() {
    for _ in 0..20 {
        on(2, || {
            let server = Server::new(echo);
            let clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
            for client in &clients {
                round_trip(client, b"x");
            }
            server.event_loop.set_workers(1);
            let shutdown = server.end();
            assert_eq!((shutdown.finished, shutdown.cut_off), (20, 0));
        });
    }
}

#[test]
fn a_connection_is_taken_away_with_what_was_received() {
    on_workers(|| {
        let (send, receive) = mpsc::channel();
        let send = Mutex::new(send);
        let (handler, ends) = Telling::new(move |connection: &mut Connection| {
            let line = connection.reader().until(b'\n', 100)?;
            connection.writer().write_binary(line);
            let detached = connection.detach::<TcpStream>()?;
            assert!(connection.detach::<TcpStream>().is_err());
            send.lock().unwrap().send(detached).unwrap();
            Ok(Next::Again)
        });
        let server = Server::new(handler);
        let mut client = server.connect();
        client.write_all(b"STARTTLS\nfirst bytes").unwrap();
        let mut reply = [0; 9];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"STARTTLS\n");
        until("it has ended", || ends.lock().unwrap().len() == 1);
        let (mut stream, mut received) = receive.try_recv().unwrap();
        // The rest may have come later.
        let mut first = vec![0; 11];
        let buffered = received.len();
        received.read_exact(&mut first[..buffered]).unwrap();
        stream.read_exact(&mut first[buffered..]).unwrap();
        assert_eq!(first, b"first bytes");
        stream.write_all(b"it is a stream").unwrap();
        drop(stream);
        assert_eq!(rest(&client), b"it is a stream");
        until("its place is free", || total(&server.event_loop) == 0);
    });
}

#[test]
fn a_stream_that_a_task_had_is_served_with_what_it_had_read() {
    on_workers(|| {
        let server = Server::new(echo);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        client.write_all(b"for the task|for the handler").unwrap();
        let mut mine = [0; 20];
        stream.read_exact(&mut mine).unwrap();
        let event_loop = server.event_loop.clone();
        let handle = event_loop
            .adopt(stream, LinkBuffer::from(&mine[13..]))
            .unwrap();
        let mut reply = [0; 15];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"for the handler");
        assert!(handle.is_active());
        drop(client);
        until("the peer's end is noticed", || !handle.is_active());
    });
}

/// Bytes whose owner parks when it is dropped.
struct Slow(&'static [u8]);

impl AsRef<[u8]> for Slow {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whatever the bytes are that somebody had received, and whether they are handled or not.
#[test]
fn what_was_received_before_may_park_when_it_is_dropped() {
    on_workers(|| {
        let server = Server::new(|connection: &mut Connection| {
            if connection.reader().len() < 8 {
                return Ok(Next::Need(8));
            }
            echo(connection)
        });
        for whole in [true, false] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let received: LinkBuffer = [&b"some"[..], if whole { b"more" } else { b"les" }]
                .map(|part| bytes::Bytes::from_owner(Slow(part)))
                .into_iter()
                .fold(LinkBuffer::new(), |all, part| {
                    all.write_direct(part);
                    all
                });
            let handle = server.event_loop.adopt(ours, received).unwrap();
            if whole {
                let mut reply = [0; 8];
                theirs.read_exact(&mut reply).unwrap();
                assert_eq!(&reply, b"somemore");
            }
            drop(theirs);
            until("it is noticed", || !handle.is_active());
        }
        until("none is left", || total(&server.event_loop) == 0);
    });
}

#[test]
fn a_client_is_served_like_any_other_and_knows_when_its_peer_goes() {
    on_workers(|| {
        let server = Server::new(echo);
        let (send, replies) = mpsc::channel();
        let send = Mutex::new(send);
        let clients = EventLoop::new(move |connection: &mut Connection| {
            let reply = connection.reader().read_binary(connection.reader().len())?;
            send.lock().unwrap().send(reply).unwrap();
            Ok(Next::Again)
        });
        let pool: Vec<_> = (0..5)
            .map(|_| clients.connect(server.address).unwrap())
            .collect();
        for client in &pool {
            client.write("ping").unwrap();
        }
        let mut came = 0;
        until("all have come", || {
            came += replies.try_iter().map(|reply| reply.len()).sum::<usize>();
            came == 20
        });
        assert!(pool.iter().all(|client| client.is_active()));
        server.end();
        until("it is noticed", || {
            pool.iter().all(|client| !client.is_active())
        });
        assert_eq!(clients.shutdown(Instant::now() + LONG).cut_off, 0);
    });
}

#[test]
fn listeners_of_every_kind_are_served_at_once() {
    on_workers(|| {
        let server = EventLoop::new(echo);
        let ours = TcpListener::bind("127.0.0.1:0").unwrap();
        let of_std = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        of_std.set_nonblocking(true).unwrap();
        let tcp = [ours.local_addr().unwrap(), of_std.local_addr().unwrap()];
        let (path, other_path) = (unix_address(), unix_address());
        let unix = UnixListener::bind_addr(&path).unwrap();
        let unix_of_std = std::os::unix::net::UnixListener::bind_addr(&other_path).unwrap();
        let serving: Vec<_> = [
            netpoll::event::Listener::from(ours),
            of_std.into(),
            unix.into(),
            unix_of_std.into(),
        ]
        .into_iter()
        .map(|listener| {
            let server = server.clone();
            thread::spawn(move || server.serve(listener))
        })
        .collect();
        let message = vec![5; 300_000];
        for address in tcp {
            let client = TcpStream::connect(address).unwrap();
            assert_eq!(round_trip(&client, b"over TCP"), b"over TCP");
        }
        for path in [path, other_path] {
            let client = UnixStream::connect_addr(&path).unwrap();
            assert_eq!(round_trip(&client, b"over Unix"), b"over Unix");
            let sending = thread::spawn({
                let (mut client, message) = (client.try_clone().unwrap(), message.clone());
                move || client.write_all(&message).unwrap()
            });
            let mut came = vec![0; message.len()];
            (&client).read_exact(&mut came).unwrap();
            sending.join().unwrap();
            assert!(came == message);
        }
        server.shutdown(Instant::now() + LONG);
        for serving in serving {
            serving.join().unwrap().unwrap();
        }
    });
}

/// Counts per connection, to see that contexts move along.
struct Counting;

impl Handler for Counting {
    type Context = u32;

    fn prepare(&self, _: &mut Connection) -> io::Result<u32> {
        Ok(0)
    }

    fn request(&self, connection: &mut Connection, count: &mut u32) -> io::Result<Next> {
        connection.reader().skip(connection.reader().len())?;
        *count += 1;
        connection.writer().write_binary(&count.to_be_bytes());
        Ok(Next::Again)
    }
}

#[test]
fn skewed_connections_even_out_with_their_contexts_and_handles() {
    on(2, || {
        let server = Server::new(Counting);
        server.event_loop.set_workers(1);
        let clients: Vec<_> = (0..60).map(|_| server.connect()).collect();
        let count = |expected: u32| {
            for mut client in &clients {
                client.write_all(b"x").unwrap();
                let mut count = [0; 4];
                client.read_exact(&mut count).unwrap();
                assert_eq!(u32::from_be_bytes(count), expected);
            }
        };
        count(1);
        assert_eq!(server.event_loop.metrics().connections, [60, 0]);
        server.event_loop.set_workers(2);
        until("they have moved", || {
            server.event_loop.rebalance();
            server.event_loop.metrics().connections == [30, 30]
        });
        assert_eq!(server.event_loop.metrics().moved, 30);
        count(2);
        // Back again, while they are busy: those that are idle go at once.
        until("they have moved", || {
            server.event_loop.set_workers(1);
            server.event_loop.metrics().connections[0] == 60
        });
        count(3);
        assert_eq!(server.end().cut_off, 0);
    });
}

#[test]
fn connections_are_balanced_as_it_was_said() {
    on(4, || {
        let options = Options::new().rebalance(false);
        let server = Server::with_options(echo, options);
        let connect = |n| {
            let clients: Vec<_> = (0..n).map(|_| server.connect()).collect();
            for client in &clients {
                round_trip(client, b"x");
            }
            clients
        };
        server.event_loop.set_balance(Balance::RoundRobin);
        let first = connect(20);
        assert_eq!(server.event_loop.metrics().connections, [5; 4]);
        server.event_loop.set_balance(Balance::LeastConnections);
        let second = connect(8);
        assert_eq!(server.event_loop.metrics().connections, [7; 4]);
        drop((first, second));
        until("they are gone", || total(&server.event_loop) == 0);
        server.event_loop.set_balance(Balance::SourceHash);
        let third = connect(10);
        let connections = server.event_loop.metrics().connections;
        assert_eq!(connections.iter().max(), Some(&10), "{connections:?}");
        drop(third);
        until("they are gone", || total(&server.event_loop) == 0);
        server.event_loop.set_balance(Balance::LessLoadedOfTwo);
        let _fourth = connect(40);
        let connections = server.event_loop.metrics().connections;
        assert!(connections.iter().all(|n| *n > 3), "{connections:?}");
    });
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// PAINS 10: leaked descriptors on the edges.
#[test]
fn pain_10_connections_that_come_and_go_leave_no_descriptor() {
    const NAME: &str = "lifecycle::pain_10_connections_that_come_and_go_leave_no_descriptor";
    in_child(NAME, &[], || {
        on_workers(|| {
            let (handler, ends) = Telling::new(|connection: &mut Connection| {
                match connection.reader().read_byte()? {
                    b'p' => std::panic::resume_unwind(Box::new("as asked")),
                    b'e' => Err(io::ErrorKind::Other.into()),
                    b'c' => Ok(Next::Close),
                    b'w' => connection.reader().next(5).map(|_| Next::Again),
                    b'd' => connection.detach::<TcpStream>().map(|_| Next::Again),
                    _ => Ok(Next::Need(10)),
                }
            });
            let server = Server::new(handler);
            round(&server, &ends);
            let before = descriptors();
            for _ in 0..5 {
                round(&server, &ends);
            }
            until("the count is back", || descriptors() <= before);
        });
    });

    fn round<H: Handler>(server: &Server<H>, ends: &Mutex<Vec<Option<io::ErrorKind>>>) {
        ends.lock().unwrap().clear();
        let mut clients = Vec::new();
        for what in b"pecwdn".repeat(5) {
            let mut client = server.connect();
            client.write_all(&[what]).unwrap();
            clients.push(client);
        }
        // And some that say nothing.
        clients.extend((0..5).map(|_| server.connect()));
        until("all have come", || total(&server.event_loop) >= 15);
        drop(clients);
        until("all have ended", || ends.lock().unwrap().len() == 35);
        until("none is left", || total(&server.event_loop) == 0);
    }
}

/// A runtime that ends does not wait for connections, and tells their handlers.
#[test]
fn a_runtime_that_ends_disconnects_them() {
    for workers in [1, 2, 8] {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            connection.reader().next(100).map(drop)?;
            Ok(Next::Again)
        });
        let runtime = netpoll::Builder::new().workers(workers).build().unwrap();
        let clients = runtime
            .spawn(move || {
                let server = Server::new(handler);
                let clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
                for mut client in &clients[..10] {
                    // Their handlers park.
                    client.write_all(b"x").unwrap();
                }
                until("all are there", || total(&server.event_loop) == 20);
                thread::sleep(Duration::from_millis(20));
                clients
            })
            .join()
            .unwrap();
        let shutdown = runtime.shutdown(Instant::now() + LONG);
        assert_eq!(shutdown.unfinished, 0);
        assert_eq!(ends.lock().unwrap().len(), 20);
        drop(clients);
    }
}

#[test]
fn a_peer_goes_while_handlers_are_parked_in_the_middle_of_a_phase() {
    on_workers(|| {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            let all = connection.reader().read_binary(connection.reader().len())?;
            thread::sleep(Duration::from_millis(1));
            connection.writer().write_binary(&all);
            connection.flush()?;
            thread::sleep(Duration::from_millis(1));
            Ok(Next::Again)
        });
        let server = Server::new(handler);
        for _ in 0..5 {
            ends.lock().unwrap().clear();
            let clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
            for mut client in &clients {
                client.write_all(b"something").unwrap();
            }
            let (go, stay): (Vec<_>, Vec<_>) = clients
                .into_iter()
                .enumerate()
                .partition(|(n, _)| n % 2 == 0);
            drop(go);
            for (_, client) in &stay {
                let mut client = client;
                let mut reply = [0; 9];
                client.read_exact(&mut reply).unwrap();
                assert_eq!(&reply, b"something");
            }
            until("half of them have ended", || {
                ends.lock().unwrap().len() == 20
            });
            drop(stay);
            until("all have ended", || ends.lock().unwrap().len() == 40);
        }
    });
}

/// PAINS 14: accept without descriptors spins a core.
#[test]
fn pain_14_without_descriptors_the_listener_waits_and_goes_on() {
    const NAME: &str = "lifecycle::pain_14_without_descriptors_the_listener_waits_and_goes_on";
    in_child(NAME, &[], || {
        on(1, || {
            let server = Server::new(echo);
            let client = server.connect();
            assert_eq!(round_trip(&client, b"before"), b"before");
            let late = server.connect();
            assert_eq!(round_trip(&late, b"x"), b"x");
            // A socket to connect with later, and then no descriptor is left.
            let mut taken = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                taken.push(file);
            }
            drop(taken.pop());
            let waiting = server.connect();
            (&waiting).write_all(b"anybody?").unwrap();
            // Those that are there are served.
            for _ in 0..20 {
                assert_eq!(round_trip(&client, b"still"), b"still");
                thread::sleep(Duration::from_millis(2));
            }
            drop(taken);
            let mut reply = [0; 8];
            (&waiting).read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"anybody?");
        });
    });
}
