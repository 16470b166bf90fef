//! Descriptors that several want something of, and callbacks that stop early.

use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use netpoll::event::{Operate, Operator, Then};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{LONG, on, on_workers, until};
use crate::support::{Server, echo, round_trip};

/// Counts the datagrams that it receives.
struct Receiving(Arc<AtomicUsize>);

impl Operate<Arc<UdpSocket>> for Receiving {
    fn on_read(&mut self, socket: &Arc<UdpSocket>) -> io::Result<Then> {
        match socket.recv(&mut [0; 10]) {
            Ok(_) => self.0.fetch_add(1, Ordering::Relaxed),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Then::Wait),
            Err(error) => return Err(error),
        };
        Ok(Then::Again)
    }
}

#[test]
fn an_operator_that_ends_leaves_others_of_its_descriptor_alone() {
    on_workers(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = Arc::new(socket);
        let count = Arc::new(AtomicUsize::new(0));
        let operator = || {
            let counting = Receiving(Arc::clone(&count));
            Operator::new(Arc::clone(&socket), counting).unwrap()
        };
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |n: usize| {
            let to = socket.local_addr().unwrap();
            peer.send_to(b"datagram", to).unwrap();
            until("it is received", || count.load(Ordering::Relaxed) == n);
        };
        let first = operator();
        send(1);
        let second = operator();
        send(2);
        assert!(first.is_active() && second.is_active());
        drop(second);
        until("it has ended", || Arc::strong_count(&count) == 2);
        send(3);
        let third = operator();
        drop(first);
        until("it has ended", || Arc::strong_count(&count) == 2);
        send(4);
        assert!(third.is_active());
    });
}

/// Leaves everything, and says when it has ended.
struct Leaving(Sender<Option<io::ErrorKind>>);

impl<F: Send + 'static> Operate<F> for Leaving {
    fn on_read(&mut self, _: &F) -> io::Result<Then> {
        Ok(Then::Wait)
    }

    fn on_hup(self, _: F, error: Option<&io::Error>) {
        self.0.send(error.map(io::Error::kind)).unwrap();
    }
}

#[test]
fn a_task_that_reads_from_a_descriptor_goes_on_when_an_operator_ends() {
    on_workers(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut read = ours.try_clone().unwrap();
        read.set_deadline(Some(Instant::now() + LONG)).unwrap();
        let (send, receive) = mpsc::channel();
        let reading = thread::spawn(move || {
            for _ in 0..3 {
                let mut byte = [0];
                read.read_exact(&mut byte).unwrap();
                send.send(byte[0]).unwrap();
            }
        });
        let mut exchange = |byte: u8| {
            theirs.write_all(&[byte]).unwrap();
            until("it is read", || receive.try_iter().any(|it| it == byte));
        };
        exchange(1);
        let (send, ended) = mpsc::channel();
        let operator = Operator::new(ours, Leaving(send)).unwrap();
        exchange(2);
        assert!(operator.is_active());
        drop(operator);
        until("it has ended", || {
            ended.try_iter().any(|error| error.is_none())
        });
        exchange(3);
        reading.join().unwrap();
    });
}

/// Not what it was made to be.
struct Strange {
    _stream: std::os::unix::net::UnixStream,
}

impl AsFd for Strange {
    fn as_fd(&self) -> BorrowedFd<'_> {
        std::panic::resume_unwind(Box::new("as asked"))
    }
}

#[test]
fn a_descriptor_that_panics_ends_its_operator_and_nothing_else() {
    on_workers(|| {
        let server = Server::new(echo);
        let client = server.connect();
        assert_eq!(round_trip(&client, b"before"), b"before");
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (send, ended) = mpsc::channel();
        let operator = Operator::new(Strange { _stream: ours }, Leaving(send)).unwrap();
        until("it has ended", || {
            ended.try_iter().any(|error| error.is_some())
        });
        assert!(!operator.is_active());
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0, "it is closed");
        assert_eq!(round_trip(&client, b"after"), b"after");
        drop(client);
        server.end();
    });
}

/// What has been read, and how.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<(Vec<u8>, usize)>>);

impl Log {
    fn read(&self) -> Vec<u8> {
        self.0.lock().unwrap().0.clone()
    }

    fn calls(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

/// Reads one byte each time, and says what then.
struct OneByOne(Log, Then, Sender<UnixStream>);

impl Operate<UnixStream> for OneByOne {
    fn on_read(&mut self, mut stream: &UnixStream) -> io::Result<Then> {
        let mut log = self.0.0.lock().unwrap();
        log.1 += 1;
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => Ok(Then::Wait),
            Ok(_) if byte == *b"." => Ok(Then::End),
            Ok(_) => {
                log.0.push(byte[0]);
                Ok(self.1)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Then::Wait),
            Err(error) => Err(error),
        }
    }

    fn on_hup(self, stream: UnixStream, error: Option<&io::Error>) {
        assert!(error.is_none());
        self.2.send(stream).unwrap();
    }
}

struct Pair {
    operator: Operator,
    log: Log,
    peer: UnixStream,
    ended: mpsc::Receiver<UnixStream>,
}

fn one_by_one(then: Then) -> Pair {
    let (ours, peer) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (log, (send, ended)) = (Log::default(), mpsc::channel());
    let operate = OneByOne(log.clone(), then, send);
    let operator = Operator::new(ours, operate).unwrap();
    Pair {
        operator,
        log,
        peer,
        ended,
    }
}

#[test]
fn a_callback_that_stops_early_is_called_again() {
    on_workers(|| {
        let mut pair = one_by_one(Then::Again);
        pair.peer.write_all(b"what came at once").unwrap();
        until("it is read", || pair.log.read() == b"what came at once");
        // Also what is left at the end.
        pair.peer.write_all(b", and the rest").unwrap();
        drop(pair.peer);
        until("it is over", || !pair.operator.is_active());
        assert_eq!(pair.log.read(), b"what came at once, and the rest");
    });
}

#[test]
fn a_callback_that_leaves_something_gets_it_when_it_is_resumed() {
    on_workers(|| {
        let mut pair = one_by_one(Then::Wait);
        pair.peer.write_all(b"abc").unwrap();
        for n in 1..=3 {
            until("it is read", || pair.log.read().len() == n);
            pair.operator.resume();
        }
        until("it looked", || pair.log.calls() >= 4);
        assert_eq!(pair.log.read(), b"abc");
    });
}

#[test]
fn nothing_is_called_for_an_operator_that_is_paused() {
    // On one worker, what is sent later comes later.
    on(1, || {
        let (mut one, mut other) = (one_by_one(Then::Again), one_by_one(Then::Again));
        let mut pass = |byte: u8| {
            other.peer.write_all(&[byte]).unwrap();
            until("it is read", || other.log.read().contains(&byte));
        };
        one.operator.pause();
        other.operator.resume();
        pass(b'1');
        one.peer.write_all(b"held up").unwrap();
        pass(b'2');
        pass(b'3');
        assert_eq!(one.log.read(), b"");
        one.operator.resume();
        until("it is read", || one.log.read() == b"held up");
        // What ends meanwhile is found out later, and who drops it waits for nobody.
        one.operator.pause();
        pass(b'4');
        drop(one.peer);
        pass(b'5');
        pass(b'6');
        assert!(one.operator.is_active());
        drop(one.operator);
        until("it has ended", || one.ended.try_iter().count() == 1);
    });
}

#[test]
fn a_descriptor_comes_back_when_its_operator_ends() {
    on_workers(|| {
        for says_so in [true, false] {
            let mut pair = one_by_one(Then::Again);
            pair.peer.write_all(b"a").unwrap();
            until("it is read", || pair.log.read() == b"a");
            if says_so {
                pair.peer.write_all(b".").unwrap();
                until("it is over", || !pair.operator.is_active());
            }
            drop(pair.operator);
            let mut back = Vec::new();
            until("it comes back", || {
                back.extend(pair.ended.try_iter());
                !back.is_empty()
            });
            // A task waits for it as for any other.
            let mut back = back.remove(0);
            back.set_nonblocking(false).unwrap();
            back.set_deadline(Some(Instant::now() + LONG)).unwrap();
            let reading = thread::spawn(move || {
                let mut rest = [0; 4];
                back.read_exact(&mut rest).unwrap();
                rest
            });
            pair.peer.write_all(b"rest").unwrap();
            assert_eq!(&reading.join().unwrap(), b"rest");
        }
    });
}
