//! Writing: what is taken back, changed afterwards, and sent in the middle.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netpoll::event::{Connection, Next, Options};
use netpoll::io::Closed;
use netpoll::net::TcpStream;
use netpoll::thread;

use crate::common::{on_workers, until};
use crate::support::{Server, frame, rest};

/// The next frame's content.
fn content(mut stream: &TcpStream) -> Vec<u8> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut content = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut content).unwrap();
    content
}

#[test]
fn what_is_taken_back_leaves_earlier_replies_alone() {
    on_workers(|| {
        // Writes each byte as often as it says, in room for the most.
        let server = Server::new(|connection: &mut Connection| {
            let (reader, mut writer) = connection.split();
            let byte = reader.next(1)?[0];
            let before = writer.malloc_len();
            let room = writer.malloc(5000);
            room[..byte.into()].fill(byte);
            assert!(writer.malloc_ack(before + 5001).is_err());
            writer.malloc_ack(before + usize::from(byte))?;
            Ok(Next::Again)
        });
        let mut client = server.connect();
        // Many are handled in one turn, and leave together.
        let bytes: Vec<u8> = (0..=255).collect();
        client.write_all(&bytes).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let replies: Vec<u8> = (bytes.iter())
            .flat_map(|&byte| vec![byte; byte.into()])
            .collect();
        assert_eq!(rest(&client), replies);
    });
}

#[test]
fn a_length_is_filled_in_when_what_it_counts_is_there() {
    on_workers(|| {
        let server = Server::new(|connection: &mut Connection| {
            let n = connection.reader().next(1)?[0];
            let mut writer = connection.writer_mut();
            let at = writer.malloc_len();
            writer.malloc(2);
            for number in 0..u32::from(n) * 20 {
                write!(writer, "{number},")?;
            }
            let len = u16::try_from(writer.malloc_len() - at - 2).unwrap();
            writer.patch(at, &len.to_be_bytes())?;
            Ok(Next::Again)
        });
        let mut client = server.connect();
        // The longest lie in several blocks, and the length in another one than the rest.
        let questions = [3, 0, 255, 1, 200];
        client.write_all(&questions).unwrap();
        for n in questions {
            let numbers = (0..u32::from(n) * 20).map(|number| format!("{number},"));
            assert_eq!(content(&client), numbers.collect::<String>().into_bytes());
        }
    });
}

#[test]
fn what_was_received_stays_while_the_writer_waits_for_room() {
    on_workers(|| {
        const MUCH: usize = 4 << 20;
        let waits = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::clone(&waits);
        let handler = move |connection: &mut Connection| {
            let (reader, mut writer) = connection.split();
            let word = reader.next(5)?;
            for _ in 0..MUCH / 1000 {
                writer.malloc(1000).fill(b'x');
                waiting.fetch_add(1, Ordering::SeqCst);
                writer.flush()?;
            }
            writer.write_binary(word);
            // More may be read meanwhile, and both are there.
            let other = reader.next(5)?;
            writer.write_binary(word);
            writer.write_binary(other);
            Ok(Next::Close)
        };
        let server = Server::with_options(handler, Options::new().output_marks(16 << 10, 4 << 10));
        let mut client = server.connect();
        client.write_all(b"hello").unwrap();
        until("it writes", || waits.load(Ordering::SeqCst) > 20);
        // Nobody reads yet. Others' phases pass over the memory of that one.
        let others: Vec<_> = (0..10)
            .map(|_| {
                let mut other = server.connect();
                thread::spawn(move || {
                    other.write_all(b"other").unwrap();
                    other.read_exact(&mut [0; 1000]).unwrap();
                })
            })
            .collect();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(waits.load(Ordering::SeqCst) < 11 * MUCH / 1000);
        client.write_all(b"world").unwrap();
        let all = rest(&client);
        assert_eq!(all.len(), MUCH / 1000 * 1000 + 15);
        assert_eq!(&all[all.len() - 15..], b"hellohelloworld");
    });
}

#[test]
fn flushing_says_that_the_connection_was_closed() {
    on_workers(|| {
        let handler = |connection: &mut Connection| -> io::Result<Next> {
            let handle = connection.handle();
            let (reader, mut writer) = connection.split();
            let word = reader.next(5)?;
            handle.close();
            while writer.flush().is_ok() {
                thread::sleep(Duration::from_millis(1));
            }
            let error = writer.flush().unwrap_err();
            assert!(Closed::is_cause_of(&error), "{error}");
            writer.write_binary(&frame(word));
            Ok(Next::Again)
        };
        let server = Server::new(handler);
        let mut client = server.connect();
        client.write_all(b"hello").unwrap();
        // What was written is sent all the same.
        assert_eq!(rest(&client), b"\0\x05hello");
    });
}
