//! Unix sockets beyond std: packets, descriptors and credentials that go along, paths
//! that are removed.

mod common;

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{LONG, everywhere, in_child, kind, on, on_workers, unix_address, until};
use netpoll::io::Closed;
use netpoll::net::Shutdown;
use netpoll::os::linux::net::SocketAddrExt;
use netpoll::os::unix::net::{
    SocketAddr, UCred, UnixDatagram, UnixListener, UnixMessage, UnixSeqpacket,
    UnixSeqpacketListener, UnixStream,
};
use netpoll::thread;

/// What the three kinds of sockets have in common here.
trait Along: Sized + Send + 'static {
    fn both() -> (Self, Self);
    fn send_along(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> std::io::Result<usize>;
    fn recv_along(&self, buffer: &mut [u8], most: usize) -> std::io::Result<UnixMessage>;
    fn plain_recv(&self, buffer: &mut [u8]) -> std::io::Result<usize>;
}

macro_rules! along {
    ($Type:ident, $recv:expr) => {
        impl Along for $Type {
            fn both() -> (Self, Self) {
                let (left, right) = $Type::pair().unwrap();
                for socket in [&left, &right] {
                    socket.set_read_timeout(Some(LONG)).unwrap();
                    socket.set_write_timeout(Some(LONG)).unwrap();
                }
                (left, right)
            }
            fn send_along(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> std::io::Result<usize> {
                self.send_with_fds(bytes, fds)
            }
            fn recv_along(&self, buffer: &mut [u8], most: usize) -> std::io::Result<UnixMessage> {
                self.recv_with_fds(buffer, most)
            }
            fn plain_recv(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let receive: fn(&Self, &mut [u8]) -> std::io::Result<usize> = $recv;
                receive(self, buffer)
            }
        }
    };
}

along!(UnixStream, |mut stream, buffer| Read::read(
    &mut stream,
    buffer
));
along!(UnixDatagram, UnixDatagram::recv);
along!(UnixSeqpacket, UnixSeqpacket::recv);

/// A file that nobody else has, with something in it.
fn file(text: &str) -> File {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("netpoll-along-{}-{count}", std::process::id()));
    let mut file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn text_of(fd: OwnedFd) -> String {
    let mut file = File::from(fd);
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

fn is_cloexec(fd: &OwnedFd) -> bool {
    // SAFETY: asks for the flags of an open descriptor.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) & libc::FD_CLOEXEC != 0 }
}

fn descriptors_go_along<T: Along>() {
    let (left, right) = T::both();
    // The receiver waits first, and then does not.
    let files = [file("first"), file("second")];
    let receiving = thread::spawn(move || {
        let mut buffer = [0; 16];
        let first = right.recv_along(&mut buffer, 4).unwrap();
        let second = right.recv_along(&mut buffer, 4).unwrap();
        (first, second, buffer)
    });
    left.send_along(b"1", &[files[0].as_fd(), files[1].as_fd()])
        .unwrap();
    left.send_along(b"three", &[]).unwrap();
    drop(files);
    let (mut first, second, buffer) = receiving.join().unwrap();
    assert_eq!((first.length, second.length), (1, 5));
    assert_eq!(&buffer[..5], b"three");
    assert!(first.fds.iter().all(is_cloexec));
    assert!(!first.fds_are_truncated && !second.fds_are_truncated);
    assert!(second.fds.is_empty());
    assert_eq!(text_of(first.fds.pop().unwrap()), "second");
    assert_eq!(text_of(first.fds.pop().unwrap()), "first");
    assert!(first.fds.is_empty());
    assert_eq!(first.credentials, None);
    assert!(first.address.is_unnamed());
}

#[test]
fn descriptors_go_along_with_bytes() {
    everywhere(|| {
        descriptors_go_along::<UnixStream>();
        descriptors_go_along::<UnixDatagram>();
        descriptors_go_along::<UnixSeqpacket>();
    });
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Descriptors that nobody expects: more than were asked for, by one and by many, none
/// asked for, a plain receive, bytes that are never received.
fn unwanted_descriptors<T: Along>() {
    let (left, right) = T::both();
    let one = file("one");
    for (sent, most) in [(2, 1), (253, 1), (253, 252), (3, 0), (1, 0), (5, 2)] {
        left.send_along(b"unwanted", &vec![one.as_fd(); sent])
            .unwrap();
        let came = right.recv_along(&mut [0; 64], most).unwrap();
        assert_eq!(came.length, 8);
        assert_eq!(came.fds.len(), most, "{sent} sent");
        assert!(came.fds_are_truncated);
    }
    for sent in [0, 1, 253] {
        left.send_along(b"wanted", &vec![one.as_fd(); sent])
            .unwrap();
        let came = right.recv_along(&mut [0; 64], 253).unwrap();
        assert_eq!((came.fds.len(), came.fds_are_truncated), (sent, false));
    }
    left.send_along(b"plain", &[one.as_fd()]).unwrap();
    assert_eq!(right.plain_recv(&mut [0; 64]).unwrap(), 5);
    left.send_along(b"never", &[one.as_fd(), left_over().as_fd()])
        .unwrap();
    let too_many = left.send_along(b"x", &vec![one.as_fd(); 254]);
    assert_eq!(kind(too_many), ErrorKind::InvalidInput);
}

fn left_over() -> File {
    file("left over")
}

#[test]
fn pain_10_no_descriptor_leaks_that_nobody_expected() {
    in_child(
        "pain_10_no_descriptor_leaks_that_nobody_expected",
        &[],
        || {
            let round = || {
                on(2, || {
                    unwanted_descriptors::<UnixStream>();
                    unwanted_descriptors::<UnixDatagram>();
                    unwanted_descriptors::<UnixSeqpacket>();
                });
            };
            round();
            let mut before = descriptors();
            until("the count rests", || {
                let last = std::mem::replace(&mut before, descriptors());
                last == before
            });
            for _ in 0..5 {
                round();
            }
            until("the count is back", || descriptors() <= before);
        },
    );
}

/// Without descriptors to spare, what comes is reported as truncated; nothing leaks.
#[test]
fn descriptors_for_which_there_is_no_room_are_truncated() {
    in_child(
        "descriptors_for_which_there_is_no_room_are_truncated",
        &[],
        || {
            on(1, || {
                let (left, right) = UnixStream::both();
                let one = file("one");
                left.send_with_fds(b"hello", &[one.as_fd(); 3]).unwrap();
                let mut hoard = Vec::new();
                let limit = libc::rlimit {
                    rlim_cur: 64,
                    rlim_max: 64,
                };
                // SAFETY: sets a limit of this process, which is the test's own.
                assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
                while let Ok(another) = one.try_clone() {
                    hoard.push(another);
                }
                let came = right.recv_with_fds(&mut [0; 16], 3).unwrap();
                assert_eq!((came.length, came.fds.len()), (5, 0));
                assert!(came.fds_are_truncated);
                hoard.truncate(hoard.len() - 3);
                left.send_with_fds(b"hello", &[one.as_fd(); 3]).unwrap();
                let came = right.recv_with_fds(&mut [0; 16], 3).unwrap();
                assert_eq!((came.fds.len(), came.fds_are_truncated), (3, false));
            });
        },
    );
}

/// On a stream the descriptors go with the first byte, and everything is written.
#[test]
fn a_long_write_takes_its_descriptors_along_once() {
    on_workers(|| {
        let (left, right) = UnixStream::both();
        left.set_send_buffer_size(4096).unwrap();
        let sending = thread::spawn(move || {
            let one = file("one");
            left.send_with_fds(&[7; 300_000], &[one.as_fd()]).unwrap()
        });
        let (mut received, mut fds) = (0, 0);
        let mut buffer = [0; 10_000];
        while received < 300_000 {
            let came = right.recv_with_fds(&mut buffer, 4).unwrap();
            assert!(came.length > 0 && !came.is_truncated());
            if received == 0 {
                assert_eq!(came.fds.len(), 1);
            }
            received += came.length;
            fds += came.fds.len();
        }
        assert_eq!((received, fds), (300_000, 1));
        assert_eq!(sending.join().unwrap(), 300_000);
        let (left, _right) = UnixStream::both();
        let nothing = left.send_with_fds(b"", &[left.as_fd()]);
        assert_eq!(kind(nothing), ErrorKind::InvalidInput);
    });
}

#[test]
fn datagrams_by_address_wait_and_tell_who_sent_them() {
    on_workers(|| {
        let (to, from) = (unix_address(), unix_address());
        let server = UnixDatagram::bind_addr(&to).unwrap();
        server.set_read_timeout(Some(LONG)).unwrap();
        let client = UnixDatagram::bind_addr(&from).unwrap();
        let sending = thread::spawn(move || {
            // More than the queue holds.
            for _ in 0..2000 {
                client
                    .send_to_addr_with_fds(b"hello", &[client.as_fd()], &to)
                    .unwrap();
            }
        });
        for _ in 0..2000 {
            let came = server.recv_with_fds(&mut [0; 3], 1).unwrap();
            assert_eq!((came.length, came.full_length), (3, 5));
            assert!(came.is_truncated());
            assert_eq!(came.fds.len(), 1);
            assert_eq!(came.address.as_abstract_name(), from.as_abstract_name());
        }
        sending.join().unwrap();
    });
}

fn ourselves() -> UCred {
    UnixStream::pair().unwrap().0.peer_cred().unwrap()
}

#[test]
fn peers_and_senders_are_known() {
    everywhere(|| {
        let expected = UCred {
            // SAFETY: it has no preconditions.
            uid: unsafe { libc::geteuid() },
            // SAFETY: it has no preconditions.
            gid: unsafe { libc::getegid() },
            pid: Some(std::process::id() as i32),
        };
        assert_eq!(ourselves(), expected);
        let address = unix_address();
        let listener = UnixSeqpacketListener::bind_addr(&address).unwrap();
        let client = UnixSeqpacket::connect_addr(&address).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert_eq!(server.peer_cred().unwrap(), expected);
        assert_eq!(client.peer_cred().unwrap(), expected);
        let alone = UnixDatagram::unbound().unwrap();
        assert_eq!(kind(alone.peer_cred()), ErrorKind::NotConnected);

        assert!(!server.passcred().unwrap());
        server.set_passcred(true).unwrap();
        client.send(b"who am I?").unwrap();
        let came = server.recv_with_fds(&mut [0; 16], 0).unwrap();
        assert_eq!(came.credentials, Some(expected));
        assert!(!came.fds_are_truncated);
        // Both go along, and an empty packet has a sender, which the end has not.
        client.send_with_fds(b"", &[client.as_fd()]).unwrap();
        let came = server.recv_with_fds(&mut [0; 16], 1).unwrap();
        assert_eq!((came.length, came.fds.len()), (0, 1));
        assert_eq!(came.credentials, Some(expected));
        client.shutdown(Shutdown::Write).unwrap();
        let came = server.recv_with_fds(&mut [0; 16], 1).unwrap();
        assert_eq!((came.length, came.credentials), (0, None));

        // Who is not permitted cannot be somebody else; root can.
        let (left, right) = UnixStream::both();
        right.set_passcred(true).unwrap();
        let somebody = UCred {
            uid: 12345,
            ..expected
        };
        match left.send_with_credentials(b"hello", somebody) {
            Ok(_) => {
                let came = right.recv_with_fds(&mut [0; 16], 0).unwrap();
                assert_eq!(came.credentials, Some(somebody));
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        }
        left.send_with_credentials(b"hello", expected).unwrap();
        let came = right.recv_with_fds(&mut [0; 16], 0).unwrap();
        assert_eq!(came.credentials, Some(expected));
    });
}

#[test]
fn packets_keep_boundaries_and_end_like_streams() {
    everywhere(|| {
        let address = unix_address();
        let listener = UnixSeqpacketListener::bind_addr(&address).unwrap();
        let serving = thread::spawn(move || -> std::io::Result<usize> {
            let (server, _) = listener.accept()?;
            let mut packets = 0;
            let mut buffer = [0; 4096];
            while let n @ 1.. = server.recv(&mut buffer)? {
                server.send(&buffer[..n])?;
                packets += 1;
            }
            Ok(packets)
        });
        let client = UnixSeqpacket::connect_addr(&address).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        for number in 1..200_usize {
            let packet: Vec<u8> = (0..number * 17).map(|i| (i ^ number) as u8).collect();
            assert_eq!(client.send(&packet).unwrap(), packet.len());
            let mut buffer = [0; 4096];
            assert_eq!(client.peek(&mut buffer[..3]).unwrap(), 3);
            let length = client.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..length], packet);
        }
        // One that is cut says so.
        client.send(&[1; 100]).unwrap();
        let came = client.recv_with_fds(&mut [0; 10], 0).unwrap();
        assert_eq!((came.length, came.full_length), (10, 100));
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.recv(&mut [0; 10]).unwrap(), 0);
        assert_eq!(serving.join().unwrap().unwrap(), 200);
        // A stream is no peer for it.
        let at = path();
        let streams = UnixListener::bind(&at).unwrap();
        streams.set_unlink_on_close(true).unwrap();
        let error = UnixSeqpacket::connect(&at).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPROTOTYPE));
    });
}

#[test]
fn packets_wait_for_room_and_are_bounded() {
    on_workers(|| {
        let (left, right) = UnixSeqpacket::both();
        let sending = thread::spawn(move || {
            for number in 0..3000_u32 {
                left.send(&number.to_ne_bytes()).unwrap();
            }
            left
        });
        for number in 0..3000_u32 {
            let mut buffer = [0; 8];
            assert_eq!(right.recv(&mut buffer).unwrap(), 4);
            assert_eq!(buffer[..4], number.to_ne_bytes());
        }
        let left = sending.join().unwrap();
        left.set_write_timeout(Some(Duration::from_millis(2)))
            .unwrap();
        let error = loop {
            if let Err(error) = left.send(&[0; 1000]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        // It goes and leaves packets unread, which is told once.
        drop(right);
        assert_eq!(kind(left.send(b"x")), ErrorKind::ConnectionReset);
        assert_eq!(kind(left.send(b"x")), ErrorKind::BrokenPipe);
    });
}

fn bounds<T: Along>(
    set_deadline: fn(&T, Option<Instant>) -> std::io::Result<()>,
    clone: fn(&T) -> std::io::Result<T>,
    close: fn(&T),
) {
    let (left, _right) = T::both();
    set_deadline(&left, Some(Instant::now() + Duration::from_millis(2))).unwrap();
    assert_eq!(kind(left.recv_along(&mut [0; 16], 1)), ErrorKind::TimedOut);
    assert_eq!(kind(left.send_along(b"x", &[])), ErrorKind::TimedOut);
    set_deadline(&left, None).unwrap();
    let other = clone(&left).unwrap();
    let waiting = thread::spawn(move || other.recv_along(&mut [0; 16], 1));
    thread::sleep(Duration::from_millis(2));
    close(&left);
    assert!(Closed::is_cause_of(&waiting.join().unwrap().unwrap_err()));
    assert!(Closed::is_cause_of(
        &left.send_along(b"x", &[]).unwrap_err()
    ));
    assert!(Closed::is_cause_of(
        &left.recv_along(&mut [0; 16], 1).unwrap_err()
    ));
}

#[test]
fn deadlines_and_close_end_each() {
    everywhere(|| {
        bounds(
            UnixStream::set_deadline,
            UnixStream::try_clone,
            UnixStream::close,
        );
        bounds(
            UnixDatagram::set_deadline,
            UnixDatagram::try_clone,
            UnixDatagram::close,
        );
        bounds(
            UnixSeqpacket::set_deadline,
            UnixSeqpacket::try_clone,
            UnixSeqpacket::close,
        );
        let listener = UnixSeqpacketListener::bind_addr(&unix_address()).unwrap();
        listener.set_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(listener.accept()), ErrorKind::TimedOut);
        listener.close();
        assert!(Closed::is_cause_of(&listener.accept().unwrap_err()));
    });
}

#[test]
fn packets_go_to_and_from_descriptors() {
    everywhere(|| {
        let (left, right) = UnixSeqpacket::both();
        let fd = OwnedFd::from(left);
        // Blocking, as whoever gets it expects.
        // SAFETY: asks for the flags of an open descriptor.
        let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
        assert_eq!(flags & libc::O_NONBLOCK, 0);
        let left = UnixSeqpacket::from(fd);
        left.send(b"hello").unwrap();
        assert_eq!(right.recv(&mut [0; 16]).unwrap(), 5);
    });
}

/// Who binds to no name gets one that nobody else has.
#[test]
fn the_system_chooses_a_name() {
    everywhere(|| {
        let unnamed = UnixDatagram::unbound().unwrap().local_addr().unwrap();
        assert!(unnamed.is_unnamed());
        let name = |address: SocketAddr| address.as_abstract_name().map(<[u8]>::to_vec).unwrap();
        let listener = UnixSeqpacketListener::bind_addr(&unnamed).unwrap();
        let other = UnixSeqpacketListener::bind_addr(&unnamed).unwrap();
        let address = listener.local_addr().unwrap();
        assert_ne!(name(address.clone()), name(other.local_addr().unwrap()));
        let client = UnixSeqpacket::connect_addr(&address).unwrap();
        assert_eq!(name(client.peer_addr().unwrap()), name(address));
        assert!(listener.accept().unwrap().1.is_unnamed());
        let server = UnixDatagram::bind_addr(&unnamed).unwrap();
        let to = server.local_addr().unwrap();
        UnixDatagram::unbound()
            .unwrap()
            .send_to_addr_with_fds(b"hello", &[], &to)
            .unwrap();
        assert!(
            server
                .recv_with_fds(&mut [0; 8], 0)
                .unwrap()
                .address
                .is_unnamed()
        );
    });
}

/// A path that nobody else has.
fn path() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("netpoll-path-{}-{count}", std::process::id()))
}

#[test]
fn listeners_remove_their_paths_if_they_are_told_to() {
    everywhere(|| {
        // By the last clone, and by `close`; once.
        let at = path();
        let listener = UnixListener::bind(&at).unwrap();
        assert!(!listener.unlink_on_close());
        listener.set_unlink_on_close(true).unwrap();
        assert!(listener.unlink_on_close());
        let clone = listener.try_clone().unwrap();
        drop(listener);
        assert!(at.exists());
        drop(clone);
        assert!(!at.exists());
        let listener = UnixSeqpacketListener::bind(&at).unwrap();
        listener.set_unlink_on_close(true).unwrap();
        listener.close();
        assert!(!at.exists());
        assert!(Closed::is_cause_of(
            &listener.set_unlink_on_close(true).unwrap_err()
        ));
        let next = UnixListener::bind(&at).unwrap();
        drop(listener);
        assert!(at.exists(), "it is not its path any more");

        // Told not to again; given away; another file.
        next.set_unlink_on_close(true).unwrap();
        next.set_unlink_on_close(false).unwrap();
        drop(next);
        assert!(at.exists());
        std::fs::remove_file(&at).unwrap();
        let listener = UnixListener::bind(&at).unwrap();
        listener.set_unlink_on_close(true).unwrap();
        let given_away = std::os::unix::net::UnixListener::from(listener);
        assert!(at.exists());
        std::fs::remove_file(&at).unwrap();
        drop(given_away);
        let listener = UnixListener::bind(&at).unwrap();
        listener.set_unlink_on_close(true).unwrap();
        std::fs::rename(&at, at.with_extension("old")).unwrap();
        std::fs::write(&at, "somebody else's").unwrap();
        drop(listener);
        assert!(at.exists());
        std::fs::remove_file(&at).unwrap();
        std::fs::remove_file(at.with_extension("old")).unwrap();

        // Nothing to remove, and no path any more.
        let listener = UnixListener::bind_addr(&unix_address()).unwrap();
        listener.set_unlink_on_close(true).unwrap();
        assert!(!listener.unlink_on_close());
        let listener = UnixListener::bind(&at).unwrap();
        std::fs::remove_file(&at).unwrap();
        assert_eq!(
            kind(listener.set_unlink_on_close(true)),
            ErrorKind::NotFound
        );
    });
}
