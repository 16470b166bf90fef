//! Connections to which nothing can be sent any more, while something may be received.

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, Next, Options};
use netpoll::io::Closed;
use netpoll::os::unix::net::UnixStream;
use netpoll::sync::mpsc;
use netpoll::thread;

use crate::common::{LONG, on, on_workers, until};
use crate::limits::Telling;

/// As a connection without a handler ends then, in the same turn.
#[test]
fn a_handler_that_waits_to_read_is_told_that_nothing_can_be_answered() {
    on(1, || {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            connection.reader().next(2)?;
            Ok(Next::Again)
        });
        let event_loop = EventLoop::new(handler);
        let (a, mut peer) = UnixStream::pair().unwrap();
        let a = event_loop.adopt(a, LinkBuffer::new()).unwrap();
        peer.write_all(b"x").unwrap();
        thread::sleep(Duration::from_millis(20));
        peer.shutdown(Shutdown::Read).unwrap();
        a.write("x").unwrap();
        until("end", || !ends.lock().unwrap().is_empty());
    });
}

/// The handler has written, which fails, and nobody will resume.
#[test]
fn who_pauses_a_connection_that_has_failed_does_not_keep_it() {
    on(1, || {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            if connection.reader().try_peek(1) == Some(b"b") {
                connection.reader().skip(1)?;
                std::thread::sleep(Duration::from_millis(100));
                return Ok(Next::Again);
            }
            // Writes, and stops receiving, as a proxy does whose other side is slow.
            let all = connection.reader().len();
            connection.reader().skip(all)?;
            connection.writer().write_string("reply");
            connection.handle().pause();
            Ok(Next::Again)
        });
        let event_loop =
            EventLoop::with_options(handler, Options::new().phase(1, Duration::from_millis(1)));
        let (a, mut peer) = UnixStream::pair().unwrap();
        peer.write_all(&vec![1; 150_000]).unwrap();
        drop(peer);
        event_loop.adopt(a, LinkBuffer::new()).unwrap();
        until("end", || ends.lock().unwrap().len() == 1);
    });
}

/// What waited when sending failed is no reason to throw away what was received.
#[test]
fn nobody_is_late_with_taking_what_will_not_be_sent() {
    on(1, || {
        const REQUESTS: usize = 20;
        let handled = Arc::new(AtomicUsize::new(0));
        let (handler, ends) = Telling::new({
            let handled = Arc::clone(&handled);
            move |connection: &mut Connection| {
                connection.reader().read_byte()?;
                if handled.fetch_add(1, Ordering::Relaxed) == 0 {
                    connection.writer().write_direct(vec![7; 1 << 20].into());
                    let _ = connection.flush();
                    thread::sleep(Duration::from_millis(20));
                } else {
                    thread::sleep(Duration::from_millis(80));
                }
                Ok(Next::Again)
            }
        });
        let options = Options::new().write_timeout(Duration::from_secs(1));
        let event_loop = EventLoop::with_options(handler, options.output_marks(4 << 20, 2 << 20));
        let (a, mut peer) = UnixStream::pair().unwrap();
        let _a = event_loop.adopt(a, LinkBuffer::new()).unwrap();
        peer.write_all(&[1; REQUESTS]).unwrap();
        thread::sleep(Duration::from_millis(50));
        drop(peer);
        until("end", || !ends.lock().unwrap().is_empty());
        assert_eq!(handled.load(Ordering::Relaxed), REQUESTS);
    });
}

/// However long the handler is busy with something else.
#[test]
fn who_writes_by_a_handle_is_told_that_nothing_can_be_sent() {
    on_workers(|| {
        let (sender, go_on) = mpsc::channel::<()>();
        let go_on = Mutex::new(go_on);
        let (handler, ends) = Telling::new(move |connection: &mut Connection| {
            connection.reader().read_byte()?;
            let _ = go_on.lock().unwrap().recv();
            Ok(Next::Again)
        });
        let event_loop = EventLoop::new(handler);
        let (server, mut peer) = UnixStream::pair().unwrap();
        let handle = event_loop.adopt(server, LinkBuffer::new()).unwrap();
        peer.write_all(b"x").unwrap();
        peer.shutdown(Shutdown::Read).unwrap();
        let mut error = None;
        until("writing fails", || {
            error = handle.write("x").err();
            error.is_some()
        });
        assert!(Closed::is_cause_of(&error.unwrap()));
        assert!(!handle.is_active());
        assert!(ends.lock().unwrap().is_empty(), "its handler runs");
        sender.send(()).unwrap();
        until("it has ended", || !ends.lock().unwrap().is_empty());
    });
}

/// Its peer takes nothing, and goes on sending.
#[test]
fn a_connection_that_has_failed_can_be_closed() {
    on_workers(|| {
        let (handler, ends) = Telling::new(|connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            connection.writer().write_byte(b'.');
            Ok(Next::Again)
        });
        let event_loop = EventLoop::new(handler);
        let (server, mut peer) = UnixStream::pair().unwrap();
        peer.set_write_deadline(Some(Instant::now() + LONG))
            .unwrap();
        let handle = event_loop.adopt(server, LinkBuffer::new()).unwrap();
        peer.shutdown(Shutdown::Read).unwrap();
        let sending = thread::spawn(move || while peer.write_all(&[7; 10_000]).is_ok() {});
        until("it has failed", || !handle.is_active());
        handle.close();
        until("it has ended", || !ends.lock().unwrap().is_empty());
        sending.join().unwrap();
    });
}
