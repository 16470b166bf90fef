//! `TcpStream::write_zerocopy`.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use netpoll::net::{Shutdown, TcpListener, TcpStream};
use netpoll::thread;

use crate::common::{everywhere, in_child, kind, on_workers, pair, until};
use crate::pattern::{byte, check};

/// Bytes of a stream, that say when they are let go.
struct Owner(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // What is sent after this would not be what was written.
        self.0.fill(0xEE);
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

fn owned(stream: u64, at: usize, length: usize, dropped: &Arc<AtomicUsize>) -> Bytes {
    let bytes = (at..at + length).map(|at| byte(stream, at)).collect();
    Bytes::from_owner(Owner(bytes, Arc::clone(dropped)))
}

/// A connection whose reader has little room, so that what is written stays where it is.
fn narrow() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_recv_buffer_size(65_536).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_send_buffer_size(PIECE).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

/// More than the reader has room for, and less than the writer has.
const PIECE: usize = 250_000;

/// Writes a piece that the peer has no room for. `None` where the system does not let the
/// memory be pending.
fn pending(dropped: &Arc<AtomicUsize>) -> Option<(TcpStream, TcpStream)> {
    let (writer, reader) = narrow();
    let written = writer.write_zerocopy(owned(1, 0, PIECE, dropped)).unwrap();
    assert_eq!(written, PIECE);
    if writer.zerocopy_pending() == 0 {
        assert_eq!(
            dropped.load(Ordering::SeqCst),
            1,
            "nothing pending, all let go"
        );
        eprintln!("this system copies: nothing to see");
        return None;
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    Some((writer, reader))
}

#[test]
fn every_byte_arrives_and_all_memory_is_let_go() {
    everywhere(|| {
        let (writer, reader) = pair();
        let dropped = Arc::new(AtomicUsize::new(0));
        let reads = thread::spawn(move || check(reader, 1));
        let mut at = 0;
        for piece in 0..60 {
            let length = [1, 20_000, 300_000, 5000, 70_001][piece % 5];
            let n = writer
                .write_zerocopy(owned(1, at, length, &dropped))
                .unwrap();
            assert_eq!(n, length);
            at += length;
        }
        writer.wait_zerocopy().unwrap();
        assert_eq!(writer.zerocopy_pending(), 0);
        assert_eq!(dropped.load(Ordering::SeqCst), 60);
        // On the loopback the kernel copies; it is not asked again.
        assert_eq!(writer.zerocopy_works(), Some(false));
        writer
            .write_zerocopy(owned(1, at, PIECE, &dropped))
            .unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 61);
        drop(writer);
        assert_eq!(reads.join().unwrap().unwrap(), at + PIECE);
    });
}

#[test]
fn memory_outlives_a_stream_that_is_dropped_closed_or_given_away() {
    on_workers(|| {
        for how in 0..3 {
            let dropped = Arc::new(AtomicUsize::new(0));
            let writing = Arc::clone(&dropped);
            // The task ends before the memory is done with.
            let Some((writer, reader)) = thread::spawn(move || pending(&writing)).join().unwrap()
            else {
                return;
            };
            let given = match how {
                0 => {
                    drop(writer);
                    None
                }
                1 => {
                    writer.close();
                    Some(OwnedFd::from(writer))
                }
                _ => Some(OwnedFd::from(writer)),
            };
            thread::sleep(Duration::from_millis(20));
            assert_eq!(
                dropped.load(Ordering::SeqCst),
                0,
                "let go too early ({how})"
            );
            if how == 2 {
                drop(given);
            }
            assert_eq!(check(reader, 1).unwrap(), PIECE);
            until("the memory is let go", || {
                dropped.load(Ordering::SeqCst) == 1
            });
        }
    });
}

#[test]
fn memory_is_let_go_when_the_connection_is_reset() {
    on_workers(|| {
        // By the peer.
        let dropped = Arc::new(AtomicUsize::new(0));
        let Some((writer, reader)) = pending(&dropped) else {
            return;
        };
        reader.set_linger(Some(Duration::ZERO)).unwrap();
        drop(reader);
        until("the memory is let go", || {
            writer.zerocopy_pending() == 0 && dropped.load(Ordering::SeqCst) == 1
        });
        // By closing.
        let dropped = Arc::new(AtomicUsize::new(0));
        let Some((writer, reader)) = pending(&dropped) else {
            return;
        };
        writer.set_linger(Some(Duration::ZERO)).unwrap();
        drop(writer);
        until("the memory is let go", || {
            dropped.load(Ordering::SeqCst) == 1
        });
        let mut all = Vec::new();
        let error = (&reader).read_to_end(&mut all).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

/// The error queue makes a descriptor look ready for everything; waits must wait all the
/// same.
#[test]
fn what_the_error_queue_tells_is_not_taken_for_something_to_read() {
    everywhere(|| {
        let (writer, reader) = pair();
        let dropped = Arc::new(AtomicUsize::new(0));
        writer.write_zerocopy(owned(1, 0, PIECE, &dropped)).unwrap();
        (&reader).read_exact(&mut vec![0; PIECE]).unwrap();
        writer
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        assert_eq!(kind(writer.wait_readable()), ErrorKind::WouldBlock);
        writer.write_zerocopy(owned(1, 0, PIECE, &dropped)).unwrap();
        (&reader).read_exact(&mut vec![0; PIECE]).unwrap();
        assert_eq!(kind((&writer).read(&mut [0])), ErrorKind::WouldBlock);
        writer.set_read_timeout(None).unwrap();
        let reads = thread::spawn(move || {
            let mut reply = [0; 300];
            (&writer).read_exact(&mut reply[..150])?;
            writer.wait_readable()?;
            (&writer).read_exact(&mut reply[150..])
        });
        (&reader).write_all(&[7; 200]).unwrap();
        (&reader).write_all(&[8; 100]).unwrap();
        reads.join().unwrap().unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_deadline_ends_it_and_says_how_much() {
    everywhere(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let (writer, reader) = narrow();
        writer.set_send_buffer_size(50_000).unwrap();
        let much = 1_000_000;
        let bytes = owned(1, 0, much, &dropped);
        // Time to write some of it; all of it needs a reader.
        let deadline = Instant::now() + Duration::from_millis(200);
        writer.set_write_deadline(Some(deadline)).unwrap();
        let written = writer.write_zerocopy(bytes).unwrap();
        assert!((1..much).contains(&written), "{written}");
        let more = writer.write_zerocopy(Bytes::from_static(b"more"));
        assert_eq!(kind(more), ErrorKind::TimedOut);
        if writer.zerocopy_pending() > 0 {
            assert_eq!(kind(writer.wait_zerocopy()), ErrorKind::TimedOut);
        }
        drop(writer);
        assert_eq!(check(reader, 1).unwrap(), written);
        until("the memory is let go", || {
            dropped.load(Ordering::SeqCst) == 1
        });
    });
}

/// A connection that both sides have ended counts as ready for ever, while what it still has
/// to send waits for a slow reader.
#[test]
fn pain_16_waiting_for_the_kernel_to_be_done_costs_nothing() {
    let name = "zerocopy::pain_16_waiting_for_the_kernel_to_be_done_costs_nothing";
    in_child(name, &[], || {
        on_workers(|| {
            let dropped = Arc::new(AtomicUsize::new(0));
            let Some((writer, reader)) = pending(&dropped) else {
                return;
            };
            reader.shutdown(Shutdown::Write).unwrap();
            assert_eq!((&writer).read(&mut [0]).unwrap(), 0);
            drop(writer);
            let before = time_of_the_lingering_thread();
            thread::sleep(Duration::from_millis(300));
            let after = time_of_the_lingering_thread();
            assert!(after - before < 10, "{} of 30 ticks", after - before);
            assert_eq!(dropped.load(Ordering::SeqCst), 0);
            assert_eq!(check(reader, 1).unwrap(), PIECE);
            until("the memory is let go", || {
                dropped.load(Ordering::SeqCst) == 1
            });
        });
    });
}

/// How much time it has used, in hundredths of a second.
fn time_of_the_lingering_thread() -> u64 {
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let stat = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
        if let Some((start, rest)) = stat.split_once(") ")
            && start.contains("netpoll-linger")
        {
            let fields: Vec<_> = rest.split(' ').collect();
            let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
            return ticks(11) + ticks(12);
        }
    }
    // It has not begun.
    0
}
