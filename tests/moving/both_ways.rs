//! `io::copy_bidirectional`.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netpoll::io::{self, Duplex, Idle, Relay};
use netpoll::net::{self, Shutdown};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{everywhere, kind, on_workers, pair, pair_with_std, until};
use crate::pattern::{MUCH, check, write};

/// A proxy between the inner two of four ends; the outer two say when they end.
fn proxy<C, S, A, B>(client: (C, A), server: (B, S), who_ends_first: u8)
where
    C: Duplex + Send + Sync + 'static,
    S: Duplex + Send + Sync + 'static,
    A: Duplex + Send + Sync + 'static,
    B: Duplex + Send + Sync + 'static,
    for<'x> &'x C: Read + Write,
    for<'x> &'x S: Read + Write,
    for<'x> &'x A: Read + Write,
    for<'x> &'x B: Read + Write,
{
    let ((client, a), (b, server)) = (client, server);
    let proxy = thread::spawn(move || io::copy_bidirectional(&a, &b));
    thread::scope(|s| {
        let (client, server) = (&client, &server);
        match who_ends_first {
            // The client ends, and the server answers to that.
            0 => {
                s.spawn(move || {
                    assert_eq!(check(server, 1).unwrap(), MUCH);
                    write(server, 2, MUCH + 1).unwrap();
                    server.shutdown(Shutdown::Write).unwrap();
                });
                s.spawn(move || {
                    write(client, 1, MUCH).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                });
                assert_eq!(check(client, 2).unwrap(), MUCH + 1);
            }
            // The other way round.
            1 => {
                s.spawn(move || {
                    write(server, 2, MUCH + 1).unwrap();
                    server.shutdown(Shutdown::Write).unwrap();
                    assert_eq!(check(server, 1).unwrap(), MUCH);
                });
                assert_eq!(check(client, 2).unwrap(), MUCH + 1);
                write(client, 1, MUCH).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            }
            // Both at once, each while the other still writes.
            _ => {
                s.spawn(move || {
                    write(client, 1, MUCH).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                });
                s.spawn(move || {
                    write(server, 2, MUCH + 1).unwrap();
                    server.shutdown(Shutdown::Write).unwrap();
                });
                s.spawn(move || assert_eq!(check(server, 1).unwrap(), MUCH));
                assert_eq!(check(client, 2).unwrap(), MUCH + 1);
            }
        }
    });
    let counts = proxy.join().unwrap().unwrap();
    assert_eq!(counts, (MUCH as u64, MUCH as u64 + 1));
}

#[test]
fn pain_08_half_close_goes_through_in_every_order() {
    on_workers(|| {
        for order in 0..3 {
            proxy(pair(), pair(), order);
            proxy(pair(), UnixStream::pair().unwrap(), order);
            proxy(UnixStream::pair().unwrap(), pair(), order);
            proxy(net::pipe(), pair(), order);
        }
    });
}

#[test]
fn ends_without_a_byte_are_ends() {
    everywhere(|| {
        let ((client, a), (b, server)) = (pair(), pair());
        let proxy = thread::spawn(move || io::copy_bidirectional(&a, &b));
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&server).read(&mut [0; 1]).unwrap(), 0);
        drop(server);
        assert_eq!((&client).read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(proxy.join().unwrap().unwrap(), (0, 0));
    });
}

#[test]
fn a_reset_ends_both_ways() {
    everywhere(|| {
        // The server says nothing, and would never end.
        let ((a, client), (b, server)) = (pair_with_std(), pair());
        let proxy = thread::spawn(move || io::copy_bidirectional(&a, &b));
        (&client).write_all(b"before").unwrap();
        (&server).read_exact(&mut [0; 6]).unwrap();
        let client = net::TcpStream::from(client);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(kind(proxy.join().unwrap()), ErrorKind::ConnectionReset);
        // And is no end for the server either.
        let read = (&server).read(&mut [0; 1]);
        assert_eq!(kind(read), ErrorKind::ConnectionReset);
    });
}

#[test]
fn what_was_said_before_a_reset_is_passed_on() {
    everywhere(|| {
        // It answers before it has read, and goes: that resets the connection, and whoever
        // sends the request first finds out.
        let ((client, a), (b, server)) = (pair(), pair());
        (&client).write_all(b"request").unwrap();
        (&server).write_all(b"too large").unwrap();
        server.abort();
        let relay = Relay::new();
        let error = kind(relay.run(&a, &b));
        assert_eq!(error, ErrorKind::ConnectionReset);
        let mut reply = [0; 9];
        (&client).read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"too large");
        assert_eq!(relay.moved(), (0, 9));
    });
}

#[test]
fn counts_are_there_meanwhile_and_after_an_error() {
    on_workers(|| {
        let ((client, a), (b, server)) = (pair(), pair());
        let seen = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let relay = Arc::new(Relay::new());
        let running = {
            let seen = Arc::clone(&seen);
            let first = Arc::clone(&relay);
            thread::spawn(move || {
                first.run(&a, &b).unwrap();
                let ((left, a), (b, right)) = (pair(), pair());
                (&left).write_all(b"more").unwrap();
                left.shutdown(Shutdown::Write).unwrap();
                right.shutdown(Shutdown::Write).unwrap();
                let inspect = |there, back| {
                    seen.0.fetch_add(there, Ordering::Relaxed);
                    seen.1.fetch_add(back, Ordering::Relaxed);
                };
                Relay::new().inspect(&inspect).run(&a, &b)
            })
        };
        (&client).write_all(b"12345").unwrap();
        (&server).write_all(b"123").unwrap();
        until("all was moved", || relay.moved() == (5, 3));
        (&server).read_exact(&mut [0; 5]).unwrap();
        drop(server);
        (&client).read_exact(&mut [0; 3]).unwrap();
        drop(client);
        assert_eq!(running.join().unwrap().unwrap(), (4, 0));
        assert_eq!(seen.0.load(Ordering::Relaxed), 4);
        assert_eq!(seen.1.load(Ordering::Relaxed), 0);

        let ((client, a), (b, server)) = (pair(), pair());
        thread::scope(|s| {
            let relay = Relay::new();
            s.spawn(|| {
                write(&client, 1, MUCH).unwrap();
                client.abort();
            });
            s.spawn(|| check(&server, 1));
            relay.run(&a, &b).unwrap_err();
            let (there, back) = relay.moved();
            assert!(there <= MUCH as u64, "{there}");
            assert_eq!(back, 0);
        });
    });
}

#[test]
fn a_relay_in_which_nothing_moves_is_idle() {
    fn idles<A, B>(a: (A, A), b: (B, B))
    where
        A: Duplex + Sync,
        B: Duplex + Sync,
        for<'x> &'x A: Read + Write,
        for<'x> &'x B: Read + Write,
    {
        let (_client, a) = a;
        let (b, server) = b;
        let timeout = Duration::from_millis(20);
        let relay = Relay::new().idle_timeout(timeout);
        (&server).write_all(b"hello").unwrap();
        let start = Instant::now();
        let error = relay.run(&a, &b).unwrap_err();
        assert!(start.elapsed() >= timeout);
        assert!(Idle::is_cause_of(&error), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(relay.moved(), (0, 5));
    }
    everywhere(|| {
        idles(pair(), pair());
        idles(pair(), UnixStream::pair().unwrap());
        idles(UnixStream::pair().unwrap(), pair());
    });
}

#[test]
fn a_peer_that_does_not_read_is_idle_too() {
    on_workers(|| {
        // The way there waits to write, and holds what it has read; the way back to read.
        let ((client, a), (b, server)) = (pair(), pair());
        thread::scope(|s| {
            (&client).write_all(b"first").unwrap();
            let mut client = &client;
            // However much there is room for on the way.
            let writes = s.spawn(move || {
                loop {
                    if let Err(error) = client.write_all(&[0; 100_000]) {
                        return error.kind();
                    }
                }
            });
            let relay = Relay::new().idle_timeout(Duration::from_millis(100));
            let error = relay.run(&a, &b).unwrap_err();
            assert!(Idle::is_cause_of(&error), "{error:?}");
            assert!(relay.moved().0 > 0);
            // It learns that not all has arrived.
            assert_ne!(writes.join().unwrap(), ErrorKind::WouldBlock);
        });
        drop(server);
    });
}

#[test]
fn a_relay_is_not_idle_while_one_way_moves() {
    on_workers(|| {
        let ((client, a), (b, server)) = (pair(), pair());
        let timeout = Duration::from_millis(300);
        let relay = thread::spawn(move || Relay::new().idle_timeout(timeout).run(&a, &b));
        // The server says something now and then, for longer than the timeout; the client,
        // nothing, until the end.
        let start = Instant::now();
        let mut said = 0;
        while start.elapsed() < 4 * timeout {
            (&server).write_all(b"x").unwrap();
            (&client).read_exact(&mut [0]).unwrap();
            said += 1;
            thread::sleep(Duration::from_millis(1));
        }
        (&client).write_all(b"bye").unwrap();
        drop(client);
        (&server).read_exact(&mut [0; 3]).unwrap();
        drop(server);
        assert_eq!(relay.join().unwrap().unwrap(), (3, said));
    });
}

#[test]
fn what_cannot_be_bounded_says_so() {
    everywhere(|| {
        let ((_client, a), (b, _server)) = (pair(), pair());
        let zero = Relay::new().idle_timeout(Duration::ZERO);
        assert_eq!(kind(zero.run(&a, &b)), ErrorKind::InvalidInput);
        let (in_memory, _peer) = net::pipe();
        let relay = Relay::new().idle_timeout(Duration::from_secs(1));
        assert_eq!(kind(relay.run(&a, &in_memory)), ErrorKind::Unsupported);
        // One that does not wait at all is no idle one.
        a.set_nonblocking(true).unwrap();
        let relay = Relay::new().idle_timeout(Duration::from_secs(3600));
        assert_eq!(kind(relay.run(&a, &b)), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_timeout_and_a_deadline_end_both_ways() {
    everywhere(|| {
        let ((_client, a), (b, _server)) = (pair(), pair());
        a.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        assert_eq!(kind(io::copy_bidirectional(&a, &b)), ErrorKind::WouldBlock);

        let ((_client, a), (b, _server)) = (pair(), pair());
        let again = b.try_clone().unwrap();
        let proxy = thread::spawn(move || io::copy_bidirectional(&a, &b));
        again.set_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(proxy.join().unwrap()), ErrorKind::TimedOut);
    });
}

#[test]
fn a_panic_ends_both_ways() {
    struct Panics(UnixStream);
    impl Read for &Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("as it shall")
        }
    }
    impl Write for &Panics {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            (&self.0).write(buffer)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Duplex for Panics {
        fn shutdown(&self, how: Shutdown) -> io::Result<()> {
            self.0.shutdown(how)
        }
    }
    on_workers(|| {
        let (left, _peer) = UnixStream::pair().unwrap();
        for first in [true, false] {
            let (other, silent) = UnixStream::pair().unwrap();
            let panics = Panics(left.try_clone().unwrap());
            let proxy = thread::spawn(move || match first {
                true => io::copy_bidirectional(&panics, &other).map(drop),
                false => io::copy_bidirectional(&other, &panics).map(drop),
            });
            proxy.join().unwrap_err();
            drop(silent);
        }
    });
}
