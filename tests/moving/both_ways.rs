//! `io::copy_bidirectional`.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use netpoll::io::{self, Duplex};
use netpoll::net::{self, Shutdown};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{everywhere, kind, on_workers, pair, pair_with_std};
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
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        // SAFETY: plain C, on memory that outlives the call.
        unsafe {
            libc::setsockopt(
                client.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const linger).cast(),
                size_of_val(&linger) as u32,
            );
        }
        drop(client);
        assert_eq!(kind(proxy.join().unwrap()), ErrorKind::ConnectionReset);
        assert_eq!((&server).read(&mut [0; 1]).unwrap(), 0);
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
