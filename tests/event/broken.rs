//! Connections to which nothing can be sent any more, while something may be received.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, Next, Options};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{on, until};
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
        for _ in 0..1 {
            let (a, mut peer) = UnixStream::pair().unwrap();
            peer.write_all(&vec![1; 150_000]).unwrap();
            drop(peer);
            event_loop.adopt(a, LinkBuffer::new()).unwrap();
        }
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
                    thread::sleep(Duration::from_millis(30));
                }
                Ok(Next::Again)
            }
        });
        let options = Options::new().write_timeout(Duration::from_millis(200));
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
