//! How connections end: in every order, with data in flight, for every type of stream.
//!
//! | | TCP | Unix | in memory |
//! |---|---|---|---|
//! | who ends writing, is heard to the end, and hears on | yes | yes | yes |
//! | who goes without having read all | resets | resets | is gone |
//! | who aborts | resets | ends | ends |

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use netpoll::io::{self, Duplex};
use netpoll::net::{self, MemoryStream, Shutdown, TcpStream};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{kind, on_workers, pair};
use crate::pattern::{MUCH, check, write};

/// A type of stream, and what differs between them.
trait Stream: Duplex + Send + Sync + Sized + 'static {
    /// Whether a connection in which bytes were not read ends by a reset.
    const RESETS: bool;
    /// Whether one that is aborted does.
    const ABORTS: bool;
    /// Whether bytes lie between the ends.
    const HOLDS: bool;

    fn both() -> (Self, Self);
    fn reader(&self) -> impl Read + '_;
    fn writer(&self) -> impl Write + '_;
}

macro_rules! stream {
    ($Type:ty, $resets:literal, $aborts:literal, $holds:literal, $both:expr) => {
        impl Stream for $Type {
            const RESETS: bool = $resets;
            const ABORTS: bool = $aborts;
            const HOLDS: bool = $holds;

            fn both() -> (Self, Self) {
                $both
            }
            fn reader(&self) -> impl Read + '_ {
                self
            }
            fn writer(&self) -> impl Write + '_ {
                self
            }
        }
    };
}

stream!(TcpStream, true, true, true, pair());
stream!(UnixStream, true, false, true, UnixStream::pair().unwrap());
stream!(MemoryStream, false, false, false, net::pipe());

/// Runs a test with each type of stream.
macro_rules! with_all {
    ($($name:ident)+) => {$(
        #[test]
        fn $name() {
            on_workers(|| {
                eprintln!("TCP");
                bodies::$name::<TcpStream>();
                eprintln!("Unix");
                bodies::$name::<UnixStream>();
                eprintln!("in memory");
                bodies::$name::<MemoryStream>();
            });
        }
    )+};
}

with_all! {
    pain_08_each_end_may_end_writing_first
    both_ends_end_at_once
    who_goes_after_having_read_all_is_heard_to_the_end
    who_goes_without_having_read_all_says_so
    who_aborts_wakes_a_reader_and_a_writer
    an_end_wakes_who_reads_and_lets_who_writes_go_on
    reading_may_be_ended_alone
}

/// Reads until nothing more comes, one way or the other.
fn rest(stream: &impl Stream) -> (usize, io::Result<()>) {
    let (mut count, mut buffer) = (0, [0; 4096]);
    loop {
        match stream.reader().read(&mut buffer) {
            Ok(0) => return (count, Ok(())),
            Ok(n) => count += n,
            Err(error) => return (count, Err(error)),
        }
    }
}

/// Writes until nobody takes it; says why.
fn write_until_it_fails(stream: &impl Stream) -> ErrorKind {
    loop {
        if let Err(error) = stream.writer().write_all(&[7; 10_000]) {
            return error.kind();
        }
    }
}

const GONE: [ErrorKind; 2] = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];

mod bodies {
    use super::*;

    pub(super) fn pain_08_each_end_may_end_writing_first<S: Stream>() {
        for turned in [false, true] {
            let (a, b) = S::both();
            let (first, second) = if turned { (b, a) } else { (a, b) };
            thread::scope(|s| {
                s.spawn(|| {
                    write(first.writer(), 1, MUCH).unwrap();
                    first.shutdown(Shutdown::Write).unwrap();
                    // Its own writing is over, and nothing else.
                    assert!(GONE.contains(&kind(first.writer().write_all(b"x"))));
                });
                assert_eq!(check(second.reader(), 1).unwrap(), MUCH);
            });
            thread::scope(|s| {
                s.spawn(|| {
                    write(second.writer(), 2, MUCH).unwrap();
                    second.shutdown(Shutdown::Write).unwrap();
                });
                assert_eq!(check(first.reader(), 2).unwrap(), MUCH);
            });
            // The end stays the end.
            assert_eq!(rest(&first).0, 0);
            assert_eq!(rest(&second).0, 0);
        }
    }

    pub(super) fn both_ends_end_at_once<S: Stream>() {
        let (a, b) = S::both();
        thread::scope(|s| {
            for (end, seed) in [(&a, 1), (&b, 2)] {
                s.spawn(move || {
                    write(end.writer(), seed, MUCH).unwrap();
                    end.shutdown(Shutdown::Write).unwrap();
                });
            }
            for (end, seed) in [(&a, 2), (&b, 1)] {
                s.spawn(move || assert_eq!(check(end.reader(), seed).unwrap(), MUCH));
            }
        });
    }

    pub(super) fn who_goes_after_having_read_all_is_heard_to_the_end<S: Stream>() {
        let (goes, stays) = S::both();
        thread::scope(|s| {
            s.spawn(move || {
                write(goes.writer(), 1, MUCH).unwrap();
                drop(goes);
            });
            assert_eq!(check(stays.reader(), 1).unwrap(), MUCH);
        });
        // Nobody is there to hear the answer.
        assert!(GONE.contains(&write_until_it_fails(&stays)));
    }

    pub(super) fn who_goes_without_having_read_all_says_so<S: Stream>() {
        let (goes, stays) = S::both();
        thread::scope(|s| {
            let writes = s.spawn(|| write_until_it_fails(&stays));
            goes.reader().read_exact(&mut [0; 1]).unwrap();
            if S::HOLDS {
                goes.writer().write_all(b"last words").unwrap();
                // The other end has them before the reset.
                stays.reader().read_exact(&mut [0; 10]).unwrap();
                // And there is more of its own that nobody has read.
                goes.reader().read_exact(&mut [0; 100]).unwrap();
            }
            drop(goes);
            assert!(GONE.contains(&writes.join().unwrap()));
        });
        // A writer may have taken the error that came with it.
        let (count, end) = rest(&stays);
        assert_eq!(count, 0);
        match end {
            Ok(()) => {}
            Err(error) => {
                assert!(S::RESETS, "{error}");
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        }

        // Without a writer, the reader learns of it.
        let (goes, stays) = S::both();
        if S::HOLDS {
            stays.writer().write_all(b"never read").unwrap();
            goes.writer().write_all(b"last words").unwrap();
            drop(goes);
            let (count, end) = rest(&stays);
            assert!(count == 10 || count == 0, "{count}");
            assert_eq!(kind(end), ErrorKind::ConnectionReset);
        }
    }

    pub(super) fn who_aborts_wakes_a_reader_and_a_writer<S: Stream>() {
        let (aborts, stays) = S::both();
        thread::scope(|s| {
            let reads = s.spawn(|| rest(&stays));
            let writes = s.spawn(|| write_until_it_fails(&stays));
            // On its own side as well.
            let own = s.spawn(|| rest(&aborts));
            thread::sleep(Duration::from_millis(5));
            aborts.abort();
            assert!(GONE.contains(&writes.join().unwrap()));
            let (count, end) = reads.join().unwrap();
            assert_eq!(count, 0);
            if let Err(error) = end {
                assert!(S::ABORTS || S::RESETS, "{error}");
            }
            let _ = own.join().unwrap();
        });

        // An end and a failure are told apart where there is a way to.
        let (aborts, stays) = S::both();
        aborts.abort();
        let (count, end) = rest(&stays);
        assert_eq!(count, 0);
        match S::ABORTS {
            true => assert_eq!(kind(end), ErrorKind::ConnectionReset),
            false => end.unwrap(),
        }
    }

    pub(super) fn an_end_wakes_who_reads_and_lets_who_writes_go_on<S: Stream>() {
        let (ends, stays) = S::both();
        thread::scope(|s| {
            let reads = s.spawn(|| rest(&stays));
            let writes = s.spawn(|| {
                write(stays.writer(), 1, MUCH)?;
                stays.shutdown(Shutdown::Write)
            });
            thread::sleep(Duration::from_millis(5));
            ends.shutdown(Shutdown::Write).unwrap();
            let (count, end) = reads.join().unwrap();
            assert_eq!(count, 0);
            end.unwrap();
            assert_eq!(check(ends.reader(), 1).unwrap(), MUCH);
            writes.join().unwrap().unwrap();
        });
    }

    pub(super) fn reading_may_be_ended_alone<S: Stream>() {
        let (deaf, other) = S::both();
        thread::scope(|s| {
            let reads = s.spawn(|| rest(&deaf));
            thread::sleep(Duration::from_millis(5));
            deaf.shutdown(Shutdown::Read).unwrap();
            let (count, end) = reads.join().unwrap();
            assert_eq!(count, 0);
            end.unwrap();
        });
        // It speaks on.
        thread::scope(|s| {
            s.spawn(|| {
                write(deaf.writer(), 1, MUCH).unwrap();
                deaf.shutdown(Shutdown::Write).unwrap();
            });
            assert_eq!(check(other.reader(), 1).unwrap(), MUCH);
        });
    }
}
