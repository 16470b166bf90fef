//! `net::pipe`: connections in memory.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use netpoll::Builder;
use netpoll::io::{Cancelled, Closed};
use netpoll::net::{self, Shutdown};
use netpoll::thread;

use crate::common::{LONG, everywhere, kind, on_workers, until};
use crate::pattern::{MUCH, check, write};

#[test]
fn every_byte_arrives_both_ways_at_once() {
    everywhere(|| {
        let (left, right) = net::pipe();
        thread::scope(|s| {
            s.spawn(|| {
                write(&left, 1, MUCH).unwrap();
                left.shutdown(Shutdown::Write).unwrap();
            });
            s.spawn(|| {
                write(&right, 2, MUCH).unwrap();
                right.shutdown(Shutdown::Write).unwrap();
            });
            s.spawn(|| assert_eq!(check(&right, 1).unwrap(), MUCH));
            assert_eq!(check(&left, 2).unwrap(), MUCH);
        });
    });
}

#[test]
fn a_write_waits_until_all_of_it_was_read() {
    everywhere(|| {
        let (mut left, mut right) = net::pipe();
        let done = Arc::new(AtomicBool::new(false));
        let says = Arc::clone(&done);
        let writes = thread::spawn(move || {
            left.write_all(b"abc").unwrap();
            says.store(true, Ordering::SeqCst);
        });
        right.read_exact(&mut [0; 2]).unwrap();
        for _ in 0..100 {
            thread::yield_now();
            assert!(!done.load(Ordering::SeqCst));
        }
        right.read_exact(&mut [0; 1]).unwrap();
        writes.join().unwrap();
    });
}

#[test]
fn what_several_write_does_not_mix() {
    on_workers(|| {
        let (left, mut right) = net::pipe();
        let writers: Vec<_> = (0..8_u8)
            .map(|writer| {
                let mut left = left.try_clone().unwrap();
                thread::spawn(move || {
                    for _ in 0..20 {
                        left.write_all(&[writer; 999]).unwrap();
                    }
                })
            })
            .collect();
        drop(left);
        let mut all = Vec::new();
        right.read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 8 * 20 * 999);
        for whole in all.chunks(999) {
            assert!(whole.iter().all(|byte| *byte == whole[0]));
        }
        writers.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn deadlines_end_waits_and_count_what_was_read() {
    everywhere(|| {
        let (left, right) = net::pipe();
        let (again, writer) = (left.try_clone().unwrap(), left.try_clone().unwrap());
        let writes = thread::spawn(move || (&writer).write(b"abcdef"));
        (&right).read_exact(&mut [0; 2]).unwrap();
        again.set_write_deadline(Some(Instant::now())).unwrap();
        assert_eq!(writes.join().unwrap().unwrap(), 2);
        assert_eq!(kind((&left).write(b"more")), ErrorKind::TimedOut);
        // What nobody read was taken back.
        left.set_deadline(None).unwrap();
        let writes = thread::spawn(move || (&left).write_all(b"new"));
        let mut buffer = [0; 9];
        assert_eq!((&right).read(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..3], b"new");
        writes.join().unwrap().unwrap();

        let again = right.try_clone().unwrap();
        let reads = thread::spawn(move || (&right).read(&mut [0]));
        again.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(reads.join().unwrap()), ErrorKind::TimedOut);
    });
}

#[test]
fn closing_dropping_and_shutting_down_end_what_waits() {
    everywhere(|| {
        let (left, right) = net::pipe();
        let again = left.try_clone().unwrap();
        let reads = thread::spawn(move || (&left).read(&mut [0]));
        let writes = thread::spawn(move || {
            let written = (&right).write(b"to nobody");
            (written, (&right).read(&mut [0]))
        });
        until("the write was begun, and read from", || {
            (&again).read(&mut [0]).is_ok()
        });
        again.close();
        assert!(Closed::is_cause_of(&kind_is_closed(
            reads.join().unwrap(),
            &again
        )));
        let (written, read) = writes.join().unwrap();
        // One byte was read, or two.
        assert!((1..=2).contains(&written.unwrap()));
        assert_eq!(read.unwrap(), 0);

        let (left, right) = net::pipe();
        right.shutdown(Shutdown::Read).unwrap();
        assert_eq!(kind((&left).write(b"x")), ErrorKind::BrokenPipe);
        assert_eq!((&right).read(&mut [0]).unwrap(), 0);
        left.shutdown(Shutdown::Write).unwrap();
        assert_eq!(kind((&left).write(b"x")), ErrorKind::BrokenPipe);
        drop(right);
        assert_eq!((&left).read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn the_end_of_a_runtime_ends_a_wait() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let (left, _right) = net::pipe();
    let writer = left.try_clone().unwrap();
    let reads = runtime.spawn(move || (&left).read(&mut [0]));
    let writes = runtime.spawn(move || (&writer).write(b"to nobody"));
    runtime.shutdown(Instant::now() + LONG);
    assert!(Cancelled::is_cause_of(&reads.join().unwrap().unwrap_err()));
    assert!(Cancelled::is_cause_of(&writes.join().unwrap().unwrap_err()));
}

/// The reader got the other byte, or was ended by closing; then the next read is.
fn kind_is_closed(read: std::io::Result<usize>, end: &net::MemoryStream) -> std::io::Error {
    match read {
        Err(error) => error,
        Ok(_) => (&mut &*end).read(&mut [0]).unwrap_err(),
    }
}
