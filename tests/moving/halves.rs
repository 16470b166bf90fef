//! The halves of a connection.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::Instant;

use netpoll::io;
use netpoll::net::TcpStream;
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{everywhere, kind, on_workers, pair};
use crate::pattern::{MUCH, check, write};

#[test]
fn pain_08_dropping_the_half_that_writes_ends_writing_alone() {
    on_workers(|| {
        let (server, client) = pair();
        let (mut reader, writer) = client.into_split();
        let writes = thread::spawn(move || write(writer, 1, MUCH));
        let echo = thread::spawn(move || {
            let (from, to) = server.into_split();
            let (mut from, mut to) = (from, to);
            io::copy(&mut from, &mut to)
        });
        assert_eq!(check(&mut reader, 1).unwrap(), MUCH);
        writes.join().unwrap().unwrap();
        assert_eq!(echo.join().unwrap().unwrap(), MUCH as u64);
    });
}

#[test]
fn borrowed_halves_end_writing_when_they_are_told() {
    everywhere(|| {
        let (left, right) = UnixStream::pair().unwrap();
        {
            let (_, mut writer) = left.split();
            writer.write_all(b"one").unwrap();
        }
        let (mut reader, writer) = left.split();
        (&writer).write_all(b"two").unwrap();
        writer.shutdown().unwrap();
        let (mut from, mut to) = right.split();
        assert_eq!(io::copy(&mut from, &mut to).unwrap(), 6);
        to.shutdown().unwrap();
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, "onetwo");
    });
}

#[test]
fn halves_are_reunited_with_their_own_alone() {
    everywhere(|| {
        let ((one, mut peer), (other, mut others_peer)) = (pair(), pair());
        let number = one.as_raw_fd();
        let (reader, writer) = one.into_split();
        let (other_reader, other_writer) = other.into_split();
        let error = reader.reunite(other_writer).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the halves are not of the same connection"
        );
        let one: TcpStream = error.0.reunite(writer).unwrap();
        let other = other_reader.reunite(error.1).unwrap();
        assert_eq!(one.as_raw_fd(), number);
        // Nothing was ended on the way.
        (&one).write_all(b"one").unwrap();
        (&other).write_all(b"two").unwrap();
        let mut buffer = [0; 3];
        peer.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"one");
        others_peer.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"two");
    });
}

#[test]
fn a_half_that_is_forgotten_ends_nothing() {
    everywhere(|| {
        let (mut server, client) = pair();
        let (reader, writer) = client.into_split();
        let clone = reader.as_ref().try_clone().unwrap();
        writer.forget();
        (&clone).write_all(b"still").unwrap();
        server.read_exact(&mut [0; 5]).unwrap();
        reader.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind((&reader).read(&mut [0])), io::ErrorKind::TimedOut);
        drop((reader, clone));
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    });
}
