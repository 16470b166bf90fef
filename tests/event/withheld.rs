//! Connections from which nothing is received for a while, through no fault of their peers.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, Next, Options};
use netpoll::os::unix::net::UnixStream;
use netpoll::sync::mpsc;
use netpoll::thread;

use crate::common::{LONG, on, until};
use crate::limits::Telling;

/// How long a peer may take.
const LIMIT: Duration = Duration::from_millis(500);

/// It waits for the handlers of others, though only somebody else has written.
#[test]
fn a_deadline_that_passed_while_others_were_waited_for_is_not_forgotten() {
    on(1, || {
        let (go, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(Some(wait));
        let (handler, ends) = Telling::new(move |connection: &mut Connection| {
            let byte = connection.reader().read_byte()?;
            if byte == b'p' {
                let wait = wait.lock().unwrap().take().unwrap();
                let _ = wait.recv();
            }
            Ok(Next::Again)
        });
        let event_loop = EventLoop::with_options(handler, Options::new().most_parked(1));
        let (a, mut a_peer) = UnixStream::pair().unwrap();
        let (b, mut b_peer) = UnixStream::pair().unwrap();
        let _a = event_loop.adopt(a, LinkBuffer::new()).unwrap();
        let b = event_loop.adopt(b, LinkBuffer::new()).unwrap();
        b_peer.set_deadline(Some(Instant::now() + LONG)).unwrap();
        b.write("hello").unwrap();
        b_peer.read_exact(&mut [0; 5]).unwrap();
        b.set_read_deadline(Some(Instant::now() + Duration::from_millis(100)));
        thread::sleep(Duration::from_millis(20));
        a_peer.write_all(b"p").unwrap();
        thread::sleep(Duration::from_millis(20));
        b.write("x").unwrap();
        thread::sleep(Duration::from_millis(200));
        go.send(()).unwrap();
        until("deadline of who was held", || {
            !ends.lock().unwrap().is_empty()
        });
    });
}

/// They were received before the deadline.
#[test]
fn requests_that_wait_for_replies_to_be_taken_are_not_late() {
    on(1, || {
        const LEN: usize = 1 << 20;
        let handled = Arc::new(AtomicUsize::new(0));
        let (handler, ends) = Telling::new({
            let handled = Arc::clone(&handled);
            move |connection: &mut Connection| {
                connection.reader().read_byte()?;
                handled.fetch_add(1, Ordering::Relaxed);
                connection.writer().write_direct(vec![7; LEN].into());
                Ok(Next::Again)
            }
        });
        let event_loop = EventLoop::new(handler);
        let (a, mut peer) = UnixStream::pair().unwrap();
        let a = event_loop.adopt(a, LinkBuffer::from(b"xxxx")).unwrap();
        until("the first is handled", || {
            handled.load(Ordering::Relaxed) > 0
        });
        a.set_read_deadline(Some(Instant::now()));
        thread::sleep(Duration::from_millis(50));
        let mut got = Vec::new();
        let end = peer.read_to_end(&mut got);
        assert_eq!(handled.load(Ordering::Relaxed), 4);
        assert_eq!(
            (got.len(), end.map_err(|e| e.kind())),
            (4 * LEN, Ok(4 * LEN))
        );
        until("end", || !ends.lock().unwrap().is_empty());
        assert_eq!(ends.lock().unwrap()[0], Some(ErrorKind::TimedOut));
    });
}

/// What was written is sent, whoever closes.
#[test]
fn who_is_late_with_a_request_gets_the_reply_to_the_last() {
    on(1, || {
        const LEN: usize = 4 << 20;
        let (handler, _ends) = Telling::new(|connection: &mut Connection| {
            connection.reader().read_byte()?;
            connection.writer().write_direct(vec![7; LEN].into());
            Ok(Next::Again)
        });
        let event_loop = EventLoop::new(handler);
        let (a, mut peer) = UnixStream::pair().unwrap();
        let a = event_loop.adopt(a, LinkBuffer::from(b"x")).unwrap();
        until("the reply is being sent", || a.unsent() > 0);
        a.set_read_deadline(Some(Instant::now()));
        thread::sleep(Duration::from_millis(50));
        let mut got = Vec::new();
        let end = peer.read_to_end(&mut got);
        assert_eq!((got.len(), end.map_err(|e| e.kind())), (LEN, Ok(LEN)));
    });
}

/// The peer has completed its request in time, but nobody receives that.
#[test]
fn a_peer_is_not_late_while_its_connection_is_paused() {
    on(1, || {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            if connection.reader().len() < 2 {
                return Ok(Next::Need(2));
            }
            let all = connection.reader().read_binary(2)?;
            connection.writer().write_binary(&all);
            Ok(Next::Again)
        });
        let options = Options::new().read_timeout(LIMIT);
        let event_loop = EventLoop::with_options(handler, options);
        let (a, mut peer) = UnixStream::pair().unwrap();
        peer.set_deadline(Some(Instant::now() + LONG)).unwrap();
        let a = event_loop.adopt(a, LinkBuffer::new()).unwrap();
        peer.write_all(b"x").unwrap();
        thread::sleep(Duration::from_millis(20));
        a.pause();
        thread::sleep(Duration::from_millis(20));
        peer.write_all(b"y").unwrap();
        thread::sleep(2 * LIMIT);
        a.resume();
        let end = peer.read_exact(&mut [0; 2]).map_err(|e| e.kind());
        assert_eq!(end, Ok(()), "{:?}", ends.lock().unwrap());
    });
}

/// The same, because much was written to it by somebody else.
#[test]
fn a_peer_is_not_late_while_more_waits_for_it_than_the_high_mark() {
    on(1, || {
        const LEN: usize = 1 << 20;
        let called = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&called);
        let (handler, ends) = Telling::new(move |connection: &mut Connection| {
            count.fetch_add(1, Ordering::Relaxed);
            let Some(pair) = connection.reader().try_next(2) else {
                return Ok(Next::Need(2));
            };
            connection.writer().write_binary(pair);
            Ok(Next::Again)
        });
        let options = Options::new().read_timeout(LIMIT);
        let event_loop = EventLoop::with_options(handler, options);
        let (a, mut peer) = UnixStream::pair().unwrap();
        peer.set_deadline(Some(Instant::now() + LONG)).unwrap();
        let a = event_loop.adopt(a, LinkBuffer::new()).unwrap();
        peer.write_all(b"x").unwrap();
        until("it has begun", || called.load(Ordering::Relaxed) > 0);
        a.write(vec![7; LEN]).unwrap();
        until("the socket is full", || a.unsent() < LEN);
        peer.write_all(b"y").unwrap();
        thread::sleep(2 * LIMIT);
        let end = peer.read_exact(&mut vec![0; LEN + 2]);
        assert_eq!(
            end.map_err(|error| error.kind()),
            Ok(()),
            "{:?}",
            ends.lock().unwrap()
        );
    });
}
