//! Blocks are there only while there are bytes in them, and show nobody else's.
//!
//! The figures are of the process, so each test has one of its own.

use std::io::{BufRead, Read, Write};
use std::sync::mpsc::channel;

use netpoll::io::{self, BufReader, BufWriter, blocks};
use netpoll::thread;

use crate::common::{in_child, on, pair, until};

/// How many blocks were taken since the process began.
fn taken_in_all() -> u64 {
    let blocks = blocks();
    blocks.hits + blocks.misses
}

/// Lets one task read from `reader`, and checks that it has a block when it has bytes,
/// and none while it waits.
fn check_reader<R: BufRead + Send + 'static>(mut reader: R, mut peer: impl Write) {
    assert_eq!(blocks().taken, 0);
    let (sender, receiver) = channel();
    let before = taken_in_all();
    let task = thread::spawn(move || {
        // Waits for the end of the line twice, with its beginning consumed.
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "in two parts\n");
        // Has something, and leaves it in the buffer.
        assert_eq!(reader.fill_buf().unwrap(), b"left");
        sender.send(blocks().taken).unwrap();
        reader.consume(3);
        sender.send(blocks().taken).unwrap();
        reader.consume(1);
        sender.send(blocks().taken).unwrap();
        // Waits for what does not come before the end.
        reader.fill_buf().unwrap().is_empty()
    });
    peer.write_all(b"in two ").unwrap();
    until("the first part is read, and the block given back", || {
        taken_in_all() > before && blocks().taken == 0
    });
    let before = taken_in_all();
    peer.write_all(b"parts\n").unwrap();
    until("the second part is read", || taken_in_all() > before);
    let receive = || loop {
        match receiver.try_recv() {
            Ok(taken) => return taken,
            Err(_) => thread::yield_now(),
        }
    };
    peer.write_all(b"left").unwrap();
    assert!(receive() > 0, "nothing is in the buffer");
    assert!(receive() > 0, "nothing is in the buffer");
    assert_eq!(receive(), 0, "a block is kept for nothing");
    drop(peer);
    assert!(task.join().unwrap());
    assert_eq!(blocks().taken, 0);
}

/// A reader that nobody knows anything of.
struct Foreign<R>(R);

impl<R: Read> Read for Foreign<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

#[test]
fn a_reader_of_a_socket_has_a_block_only_while_there_are_bytes() {
    in_child(
        "tasks::a_reader_of_a_socket_has_a_block_only_while_there_are_bytes",
        &[],
        || {
            on(2, || {
                let (server, client) = pair();
                check_reader(BufReader::new(server), client);
                let (reader, writer) = io::pipe().unwrap();
                check_reader(BufReader::new(reader), writer);
            });
        },
    );
}

#[test]
fn a_reader_of_anything_has_a_block_only_while_there_are_bytes() {
    in_child(
        "tasks::a_reader_of_anything_has_a_block_only_while_there_are_bytes",
        &[],
        || {
            on(2, || {
                let (server, client) = pair();
                check_reader(BufReader::new(Foreign(server)), client);
                let (server, client) = pair();
                let server: Box<dyn Read + Send> = Box::new(server);
                check_reader(BufReader::new(server), client);
            });
        },
    );
}

#[test]
fn a_copy_has_a_block_only_while_there_are_bytes() {
    fn check<R: Read + Send + 'static>(mut reader: R, mut peer: impl Write + Read) {
        assert_eq!(blocks().taken, 0);
        let (writer, mut end) = io::pipe().map(|(end, writer)| (writer, end)).unwrap();
        let task = thread::spawn(move || io::copy(&mut reader, &mut &writer));
        for _ in 0..3 {
            let before = taken_in_all();
            peer.write_all(b"there").unwrap();
            let mut there = [0; 5];
            end.read_exact(&mut there).unwrap();
            assert_eq!(&there, b"there");
            assert!(taken_in_all() > before, "where was it in between?");
            until("it waits, and holds nothing", || blocks().taken == 0);
        }
        drop(peer);
        assert_eq!(task.join().unwrap().unwrap(), 15);
    }
    in_child(
        "tasks::a_copy_has_a_block_only_while_there_are_bytes",
        &[],
        || {
            on(2, || {
                let (server, client) = pair();
                check(server, client);
                let (server, client) = pair();
                check(Foreign(server), client);
            });
        },
    );
}

#[test]
fn a_writer_has_a_block_only_while_there_are_bytes() {
    in_child(
        "tasks::a_writer_has_a_block_only_while_there_are_bytes",
        &[],
        || {
            on(1, || {
                let mut writer = BufWriter::new(io::sink());
                assert_eq!(blocks().taken, 0);
                writer.write_all(b"").unwrap();
                writer.write_all(&[0; 10_000]).unwrap();
                assert_eq!(blocks().taken, 0, "nothing is kept back");
                writer.write_all(b"something").unwrap();
                assert_eq!(blocks().taken, 8192);
                writer.flush().unwrap();
                assert_eq!(blocks().taken, 0);
                writer.write_all(b"something").unwrap();
                drop(writer);
                assert_eq!(blocks().taken, 0);
                assert!(blocks().held >= 8192, "it is in the pool");
                assert_eq!(taken_in_all(), 2);
            });
        },
    );
}

/// Fills what it is offered, and looks at what is in there.
struct Curious {
    fills_with: u8,
    must_not_see: u8,
    reads: usize,
}

impl Read for Curious {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.contains(&self.must_not_see), "read {}", self.reads);
        buffer.fill(self.fills_with);
        self.reads += 1;
        Ok(buffer.len())
    }
}

#[test]
fn a_reader_is_not_shown_the_bytes_of_another_connection() {
    in_child(
        "tasks::a_reader_is_not_shown_the_bytes_of_another_connection",
        &[],
        || {
            on(1, || {
                let read = |fills_with: u8, must_not_see: u8| {
                    let curious = Curious {
                        fills_with,
                        must_not_see,
                        reads: 0,
                    };
                    let mut reader = BufReader::new(curious);
                    while reader.get_ref().reads < 5 {
                        let n = reader.fill_buf().unwrap().len();
                        reader.consume(n);
                    }
                    let mut taken = io::Read::take(reader.into_inner(), 200_000);
                    io::copy(&mut taken, &mut io::sink()).unwrap();
                };
                read(b's', b'x');
                let before = blocks().hits;
                read(b'x', b's');
                assert!(blocks().hits > before, "not the blocks of the first one");
            });
        },
    );
}
