//! What a shutdown counts that has no time, or no more of it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use netpoll::Builder;
use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, Next};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{on_workers, until};
use crate::support::{Server, rest, round_trip};

/// Answers words of five bytes: `delay` when it is told to, `flood` with much, the others
/// with themselves.
fn words(stop: &Arc<AtomicBool>) -> impl Fn(&mut Connection) -> std::io::Result<Next> + use<> {
    let stop = Arc::clone(stop);
    move |connection| {
        let Some(word) = connection.reader().try_next(5) else {
            return Ok(Next::Need(5));
        };
        if word == b"delay" {
            while !stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        if word == b"flood" {
            connection.writer().write_binary(&vec![b'x'; 32 << 20]);
        }
        connection.writer().write_binary(word);
        Ok(Next::Again)
    }
}

#[test]
fn without_time_only_those_are_cut_off_that_are_owed_something() {
    on_workers(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let server = Server::new(words(&stop));
        let idle: Vec<_> = (0..5).map(|_| server.connect()).collect();
        for client in &idle {
            assert_eq!(round_trip(client, b"hello"), b"hello");
        }
        let mut begun = server.connect();
        begun.write_all(b"hellohel").unwrap();
        begun.read_exact(&mut [0; 5]).unwrap();
        let mut waiting = server.connect();
        assert_eq!(round_trip(&waiting, b"hello"), b"hello");
        // Whether its handler runs already is all the same.
        waiting.write_all(b"delay").unwrap();
        let mut deaf = server.connect();
        deaf.write_all(b"flood").unwrap();
        deaf.read_exact(&mut [0; 5]).unwrap();

        let shutdown = server.event_loop.shutdown(Instant::now());
        assert_eq!((shutdown.finished, shutdown.cut_off), (5, 3));
        for client in &idle {
            assert_eq!(rest(client), b"");
        }
        stop.store(true, Ordering::Relaxed);
        server.end();
    });
}

/// It is told what is there by the workers, but does not depend on them.
#[test]
fn of_a_worker_that_does_not_answer_all_are_cut_off() {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let computes = Arc::new(AtomicBool::new(false));
    let began = Arc::clone(&computes);
    let runtime = Builder::new().workers(1).build().unwrap();
    let event_loop = EventLoop::new(move |connection: &mut Connection| {
        connection.reader().skip(connection.reader().len())?;
        began.store(true, Ordering::Relaxed);
        while !stopped.load(Ordering::Relaxed) {
            // As a computation does.
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Next::Again)
    });
    let adopting = runtime.spawn({
        let event_loop = event_loop.clone();
        move || {
            let adopt = |_| {
                let (ours, theirs) = UnixStream::pair().unwrap();
                event_loop.adopt(ours, LinkBuffer::new()).unwrap();
                theirs
            };
            (0..3).map(adopt).collect::<Vec<_>>()
        }
    });
    let mut clients = adopting.join().unwrap();
    until("they are there", || event_loop.metrics().connections == [3]);
    clients[0].write_all(b"go").unwrap();
    // What comes behind it is not heard before the handler is done.
    until("it computes", || computes.load(Ordering::Relaxed));
    let shutdown = event_loop.shutdown(Instant::now());
    assert_eq!((shutdown.finished, shutdown.cut_off), (0, 3));
    stop.store(true, Ordering::Relaxed);
    for client in &clients {
        assert_eq!(rest(client), b"");
    }
    drop(runtime);
}

/// Who waits to write by a handle learns of the end at once, though the handler is parked.
#[test]
fn a_writer_by_handle_does_not_wait_for_a_handler_that_is_cut_off() {
    on_workers(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let parked = Arc::clone(&stop);
        let (sender, handles) = netpoll::sync::mpsc::channel();
        let server = Server::new(move |connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            sender.send(connection.handle()).unwrap();
            while !parked.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            Ok(Next::Again)
        });
        let mut client = server.connect();
        client.write_all(b"go").unwrap();
        let handle = handles.recv().unwrap();
        let writer = thread::spawn({
            let handle = handle.clone();
            move || {
                while handle.write(vec![b'x'; 1 << 20]).is_ok() {}
                handle.is_active()
            }
        });
        until("it waits", || handle.unsent() > 256 << 10);
        assert_eq!(server.event_loop.shutdown(Instant::now()).cut_off, 1);
        assert!(!writer.join().unwrap());
        stop.store(true, Ordering::Relaxed);
        server.end();
    });
}
