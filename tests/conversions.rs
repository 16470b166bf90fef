//! From and to std's types and descriptors: what is in flight stays, modes are what the
//! next owner expects, nothing fails and nothing leaks.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net as std_unix;
use std::time::{Duration, Instant};

use common::{LONG, everywhere, kind, on_workers, pair, unix_address, until};
use netpoll::net::{TcpListener, TcpStream, UdpSocket};
use netpoll::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use netpoll::thread;

/// Whether those who use no flag of their own would not wait.
fn is_nonblocking(fd: impl AsFd) -> bool {
    let flags = rustix::fs::fcntl_getfl(fd).unwrap();
    flags.contains(rustix::fs::OFlags::NONBLOCK)
}

/// The forms that a stream can have.
enum Form {
    Ours(TcpStream),
    Std(std::net::TcpStream),
    Owned(OwnedFd),
    Raw(RawFd),
}

const FORMS: usize = 4;

impl Form {
    /// The same stream in the form of this number, by the conversion for this pair.
    fn into(self, form: usize) -> Form {
        // SAFETY: a number in `Raw` was given away, and is taken back once.
        let owned = |raw| unsafe { OwnedFd::from_raw_fd(raw) };
        match (self, form) {
            (Form::Ours(stream), 0) => Form::Ours(stream),
            (Form::Ours(stream), 1) => Form::Std(stream.into()),
            (Form::Ours(stream), 2) => Form::Owned(stream.into()),
            (Form::Ours(stream), _) => Form::Raw(stream.into_raw_fd()),
            (Form::Std(stream), 0) => Form::Ours(stream.into()),
            (Form::Std(stream), 1) => Form::Std(stream),
            (Form::Std(stream), 2) => Form::Owned(stream.into()),
            (Form::Std(stream), _) => Form::Raw(stream.into_raw_fd()),
            (Form::Owned(fd), 0) => Form::Ours(fd.into()),
            (Form::Owned(fd), 1) => Form::Std(fd.into()),
            (Form::Owned(fd), 2) => Form::Owned(fd),
            (Form::Owned(fd), _) => Form::Raw(fd.into_raw_fd()),
            // SAFETY: as above.
            (Form::Raw(raw), 0) => Form::Ours(unsafe { TcpStream::from_raw_fd(raw) }),
            (Form::Raw(raw), 1) => Form::Std(owned(raw).into()),
            (Form::Raw(raw), 2) => Form::Owned(owned(raw)),
            (Form::Raw(raw), _) => Form::Raw(raw),
        }
    }

    fn number(&self) -> RawFd {
        match self {
            Form::Ours(stream) => stream.as_raw_fd(),
            Form::Std(stream) => stream.as_raw_fd(),
            Form::Owned(fd) => fd.as_raw_fd(),
            Form::Raw(raw) => *raw,
        }
    }

    /// Reads one byte, which is there, in the way of this form.
    fn read_byte(&mut self) -> u8 {
        let mut byte = [0];
        match self {
            Form::Ours(stream) => stream.read_exact(&mut byte).unwrap(),
            Form::Std(stream) => stream.read_exact(&mut byte).unwrap(),
            Form::Owned(fd) => assert_eq!(rustix::io::read(fd, &mut byte), Ok(1)),
            Form::Raw(raw) => {
                // SAFETY: the number is open: this owns it.
                let fd = unsafe { BorrowedFd::borrow_raw(*raw) };
                assert_eq!(rustix::io::read(fd, &mut byte), Ok(1));
            }
        }
        byte[0]
    }
}

#[test]
fn sixteen_ways_with_data_in_flight() {
    everywhere(|| {
        for from in 0..FORMS {
            for to in 0..FORMS {
                let (server, mut client) = pair();
                let number = server.as_raw_fd();
                // It has waited, so it is registered with a poller.
                let late = thread::spawn(move || {
                    thread::sleep(Duration::from_millis(1));
                    client.write_all(&[0]).unwrap();
                    client
                });
                let mut form = Form::Ours(server);
                assert_eq!(form.read_byte(), 0);
                let mut client = late.join().unwrap();
                client.write_all(&[1, 2, 3, 4, 5, 6]).unwrap();
                assert_eq!(form.read_byte(), 1);
                form = form.into(from);
                assert_eq!(form.read_byte(), 2);
                form = form.into(to);
                assert_eq!(form.read_byte(), 3);
                form = form.into(0);
                assert_eq!(form.read_byte(), 4);
                assert_eq!(form.number(), number);
                // It waits again, and is woken: it is registered anew.
                assert_eq!((form.read_byte(), form.read_byte()), (5, 6));
                let late = thread::spawn(move || {
                    thread::sleep(Duration::from_millis(1));
                    client.write_all(&[7]).unwrap();
                });
                assert_eq!(form.read_byte(), 7);
                late.join().unwrap();
            }
        }
    });
}

#[test]
fn std_sockets_made_from_ours_block_a_plain_thread() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let unix_address = unix_address();
        let unix_listener = UnixListener::bind_addr(&unix_address).unwrap();
        let (left, right) = UnixStream::pair().unwrap();
        let (datagram, datagram_peer) = UnixDatagram::pair().unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let udp_address = udp.local_addr().unwrap();

        let listener = std::net::TcpListener::from(listener);
        let unix_listener = std_unix::UnixListener::from(unix_listener);
        let mut left = std_unix::UnixStream::from(left);
        let datagram = std_unix::UnixDatagram::from(datagram);
        let udp = std::net::UdpSocket::from(udp);
        // All of them wait.
        let accepting = std::thread::spawn(move || listener.accept().unwrap().0);
        let unix_accepting = std::thread::spawn(move || unix_listener.accept().map(drop));
        let reading = std::thread::spawn(move || left.read(&mut [0; 8]));
        let receiving = std::thread::spawn(move || datagram.recv(&mut [0; 8]));
        let udp_receiving = std::thread::spawn(move || udp.recv(&mut [0; 8]));
        thread::sleep(Duration::from_millis(5));
        let client = TcpStream::connect(address).unwrap();
        UnixStream::connect_addr(&unix_address).unwrap();
        (&right).write_all(b"x").unwrap();
        datagram_peer.send(b"x").unwrap();
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(b"x", udp_address)
            .unwrap();
        netpoll::blocking(move || {
            accepting.join().unwrap();
            unix_accepting.join().unwrap().unwrap();
            assert_eq!(reading.join().unwrap().unwrap(), 1);
            assert_eq!(receiving.join().unwrap().unwrap(), 1);
            assert_eq!(udp_receiving.join().unwrap().unwrap(), 1);
        });
        // What connected, and what was accepted.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        for stream in [client, connected, accepted] {
            assert!(!is_nonblocking(std::net::TcpStream::from(stream)));
        }
    });
}

#[test]
fn modes_and_timeouts_come_along_and_deadlines_do_not() {
    everywhere(|| {
        let (server, mut client) = pair();
        server.set_nonblocking(true).unwrap();
        assert!(is_nonblocking(&server), "for those who go by it");
        server
            .set_read_timeout(Some(Duration::from_secs(7)))
            .unwrap();
        server.set_read_deadline(Some(Instant::now())).unwrap();
        let mut theirs = std::net::TcpStream::from(server);
        assert_eq!(kind(theirs.read(&mut [0; 8])), ErrorKind::WouldBlock);
        assert_eq!(theirs.read_timeout().unwrap(), Some(Duration::from_secs(7)));
        theirs
            .set_write_timeout(Some(Duration::from_secs(9)))
            .unwrap();
        theirs.set_read_timeout(None).unwrap();
        let mut ours = TcpStream::from(theirs);
        assert_eq!(ours.read_timeout().unwrap(), None);
        assert_eq!(ours.write_timeout().unwrap(), Some(Duration::from_secs(9)));
        assert_eq!(kind(ours.read(&mut [0; 8])), ErrorKind::WouldBlock);
        ours.set_nonblocking(false).unwrap();
        client.write_all(b"x").unwrap();
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 1);
        assert!(!is_nonblocking(std::net::TcpStream::from(ours)));

        for nonblocking in [true, false] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(nonblocking).unwrap();
            let listener = TcpListener::from(listener);
            listener
                .set_deadline(Some(Instant::now() + Duration::from_millis(5)))
                .unwrap();
            let expected = if nonblocking {
                ErrorKind::WouldBlock
            } else {
                ErrorKind::TimedOut
            };
            assert_eq!(kind(listener.accept()), expected);
            assert_eq!(
                is_nonblocking(std::net::TcpListener::from(listener)),
                nonblocking
            );
        }
    });
}

#[test]
fn one_with_clones_goes_out_as_a_duplicate_and_they_stay() {
    everywhere(|| {
        let (server, mut client) = pair();
        let number = server.as_raw_fd();
        let mut stays = server.try_clone().unwrap();
        let theirs = std::net::TcpStream::from(server);
        assert_ne!(theirs.as_raw_fd(), number);
        assert_eq!(stays.as_raw_fd(), number);
        client.write_all(b"ab").unwrap();
        let mut byte = [0];
        stays.read_exact(&mut byte).unwrap();
        (&theirs).read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"b");
        drop(theirs);
        client.write_all(b"c").unwrap();
        stays.read_exact(&mut byte).unwrap();
        // The last one goes out with the number.
        assert_eq!(OwnedFd::from(stays).as_raw_fd(), number);
    });
}

#[test]
fn a_listener_can_be_shared_with_std() {
    on_workers(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Somebody waits already while the mode changes.
        let ours = {
            let listener = listener.try_clone().unwrap();
            thread::spawn(move || listener.incoming().take(5).filter(Result::is_ok).count())
        };
        thread::sleep(Duration::from_millis(1));
        let stays = listener.try_clone().unwrap();
        let theirs = std::net::TcpListener::from(listener);
        assert!(!is_nonblocking(&theirs));
        let clients: Vec<_> = (0..5)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        assert_eq!(ours.join().unwrap(), 5);
        // Ours does not block the worker where nothing is to be had.
        stays.set_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(stays.accept()), ErrorKind::TimedOut);
        stays.set_deadline(None).unwrap();
        stays.set_nonblocking(true).unwrap();
        assert!(is_nonblocking(&theirs), "clones share the mode, as in std");
        assert_eq!(kind(stays.accept()), ErrorKind::WouldBlock);
        stays.set_nonblocking(false).unwrap();
        let accepting = std::thread::spawn(move || theirs.accept().map(drop));
        let client = TcpStream::connect(address).unwrap();
        netpoll::blocking(move || accepting.join().unwrap().unwrap());
        drop((clients, client));
    });
}

#[test]
fn what_was_closed_goes_out_and_fails() {
    everywhere(|| {
        let (server, _client) = pair();
        server.close();
        let mut theirs = std::net::TcpStream::from(server);
        assert!(theirs.write(b"x").is_err());
        assert!(theirs.read(&mut [0; 8]).is_err());
    });
}

/// How many descriptors the process has.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn pain_10_conversions_leak_no_descriptor() {
    common::in_child("pain_10_conversions_leak_no_descriptor", &[], || {
        let round = || {
            common::on(2, || {
                let (server, client) = pair();
                let clone = client.try_clone().unwrap();
                let theirs = std::net::TcpStream::from(client);
                let ours = TcpStream::from(theirs.try_clone().unwrap());
                drop((server, clone, theirs, OwnedFd::from(ours)));
                let address = unix_address();
                let listener = UnixListener::bind_addr(&address).unwrap();
                let listener = UnixListener::from(std_unix::UnixListener::from(listener));
                let stream = UnixStream::connect_addr(&address).unwrap();
                let accepted = listener.accept().unwrap();
                accepted.0.close();
                drop(std_unix::UnixStream::from(stream));
                let (left, right) = UnixDatagram::pair().unwrap();
                drop(std_unix::UnixDatagram::from(left));
                drop(right);
                let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
                drop(std::net::UdpSocket::from(udp));
            });
        };
        round();
        // Threads give their descriptors back a little later.
        let mut before = descriptors();
        until("the count rests", || {
            let last = std::mem::replace(&mut before, descriptors());
            last == before
        });
        for _ in 0..20 {
            round();
        }
        until("the count is back", || descriptors() <= before);
    });
}

#[test]
fn without_a_descriptor_for_a_duplicate_it_says_so() {
    common::in_child(
        "without_a_descriptor_for_a_duplicate_it_says_so",
        &[],
        || {
            let (server, mut client) = pair();
            let mut clone = server.try_clone().unwrap();
            let limit = libc::rlimit {
                rlim_cur: descriptors() as libc::rlim_t,
                rlim_max: 1024,
            };
            // SAFETY: the limits are read from a whole `rlimit`.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
            let mut held = Vec::new();
            while let Ok(fd) = rustix::io::dup(&client) {
                held.push(fd);
            }
            let panic = std::panic::catch_unwind(|| OwnedFd::from(server)).unwrap_err();
            let text = panic.downcast_ref::<String>().unwrap();
            assert!(text.starts_with("a socket that has clones"), "{text}");
            // The clones are as they were, and the last one needs no duplicate.
            client.write_all(b"x").unwrap();
            assert_eq!(clone.read(&mut [0; 8]).unwrap(), 1);
            let _: OwnedFd = clone.into();
        },
    );
}

/// Two tasks that wait for one stream, which is then shared with std: nobody is stuck.
#[test]
fn a_duplicate_goes_out_while_others_wait() {
    on_workers(|| {
        let (server, mut client) = pair();
        server.set_read_timeout(Some(LONG)).unwrap();
        let mut clone = server.try_clone().unwrap();
        let reading = thread::spawn(move || clone.read(&mut [0; 8]));
        thread::sleep(Duration::from_millis(1));
        let theirs = std::net::TcpStream::from(server);
        client.write_all(b"x").unwrap();
        assert_eq!(reading.join().unwrap().unwrap(), 1);
        drop(theirs);
    });
}
