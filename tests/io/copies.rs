//! `copy`.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use netpoll::io;
use netpoll::thread;

use crate::common::{everywhere, kind, pair};
use crate::scripts::{Reader, Step, Writer, told};

/// Bytes that are different enough for a mistake to show.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8)
        .collect()
}

#[test]
fn much_goes_through_an_echo_of_copies() {
    everywhere(|| {
        let (server, client) = pair();
        let echo = thread::spawn(move || io::copy(&mut &server, &mut &server));
        let sent = pattern(3_000_000);
        let back = thread::scope(|s| {
            s.spawn(|| {
                (&client).write_all(&sent).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            });
            let mut back = Vec::new();
            (&client).read_to_end(&mut back).unwrap();
            back
        });
        assert!(back == sent);
        assert_eq!(echo.join().unwrap().unwrap(), 3_000_000);
    });
}

#[test]
fn copies_go_through_references_and_trait_objects() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        let task = thread::spawn(move || {
            let mut copied = Vec::new();
            let mut part = (&server).take(3);
            io::copy(&mut part, &mut copied).unwrap();
            let reader: &mut dyn Read = &mut server;
            let mut part = reader.take(3);
            io::copy(&mut part, &mut copied as &mut dyn Write).unwrap();
            io::copy(&mut &mut server, &mut copied).unwrap();
            copied
        });
        client.write_all(b"abcdefghi").unwrap();
        drop(client);
        assert_eq!(task.join().unwrap(), b"abcdefghi");
    });
}

#[test]
fn a_copy_fails_as_in_std() {
    let scripts: [(&[Step], &[Step]); 5] = [
        (&[], &[]),
        (&[Step::Bytes(2), Step::Error(ErrorKind::Interrupted)], &[]),
        (&[Step::Bytes(2), Step::Error(ErrorKind::TimedOut)], &[]),
        (&[], &[Step::Bytes(2), Step::Error(ErrorKind::BrokenPipe)]),
        (&[], &[Step::Bytes(0)]),
    ];
    everywhere(move || {
        for (reading, writing) in scripts {
            let new = || {
                let reader = Reader::new("abcdef", reading.iter().copied());
                (reader, Writer::new(writing.iter().copied()))
            };
            let (mut reader, mut writer) = new();
            let expected = told(std::io::copy(&mut reader, &mut writer)) + &writer.log();
            let (mut reader, mut writer) = new();
            let found = told(io::copy(&mut reader, &mut writer)) + &writer.log();
            assert_eq!(found, expected);
        }
    });
}

#[test]
fn a_copy_ends_at_the_deadline_of_what_it_reads() {
    everywhere(|| {
        let (server, client) = pair();
        (&client).write_all(b"before").unwrap();
        let deadline = Instant::now() + Duration::from_millis(20);
        server.set_read_deadline(Some(deadline)).unwrap();
        let mut copied = Vec::new();
        assert_eq!(
            kind(io::copy(&mut &server, &mut copied)),
            ErrorKind::TimedOut
        );
        assert_eq!(copied, b"before");
        assert!(Instant::now() >= deadline);

        // And std's timeout, with std's error.
        server.set_read_deadline(None).unwrap();
        server
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        assert_eq!(
            kind(io::copy(&mut &server, &mut copied)),
            ErrorKind::WouldBlock
        );
    });
}

/// Fills whatever it is offered, up to some length, and remembers the most.
struct Endless {
    left: usize,
    most: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(self.left);
        self.left -= n;
        self.most = self.most.max(buffer.len());
        Ok(n)
    }
}

#[test]
fn reads_grow_while_they_are_full() {
    let mut reader = Endless {
        left: 1 << 20,
        most: 0,
    };
    assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), 1 << 20);
    assert_eq!(reader.most, 64 * 1024);

    // A reader with a buffer stays within what it was told, and within reason.
    for (capacity, most) in [(3000, 3000), (1 << 30, 1 << 20)] {
        let reader = Endless {
            left: 8 << 20,
            most: 0,
        };
        let mut reader = io::BufReader::with_capacity(capacity, reader);
        let mut bytes = 0;
        while let n @ 1.. = reader.fill_buf().unwrap().len() {
            bytes += n;
            reader.consume(n);
        }
        assert_eq!(bytes, 8 << 20);
        assert_eq!(reader.get_ref().most, most);
    }
}
