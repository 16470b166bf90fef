//! How long anybody waits for a peer that never reads, or a handler that never ends.

use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, ConnectionHandle, EventLoop, Handler, Next, Options};
use netpoll::io::Closed;
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{LONG, everywhere, kind, on_workers, until};
use crate::support::rest;

const SOON: Duration = Duration::from_millis(20);

fn soon() -> Instant {
    Instant::now() + SOON
}

fn late() -> Instant {
    Instant::now() + LONG
}

fn ignoring(connection: &mut Connection) -> std::io::Result<Next> {
    connection.reader().skip(connection.reader().len())?;
    Ok(Next::Again)
}

/// A connection whose peer does not read: its handle, and the peer.
fn deaf(options: Options) -> (EventLoop<impl Handler>, ConnectionHandle, UnixStream) {
    let (server, peer) = UnixStream::pair().unwrap();
    peer.set_deadline(Some(late())).unwrap();
    let event_loop = EventLoop::with_options(ignoring, options);
    let handle = event_loop.adopt(server, LinkBuffer::new()).unwrap();
    (event_loop, handle, peer)
}

/// More than a connection takes whose peer does not read, by far.
const MUCH: usize = 4 << 20;

/// Has so much wait to be sent that the next to write waits.
fn fill(handle: &ConnectionHandle) {
    handle.write(vec![b'x'; MUCH]).unwrap();
    assert_eq!(kind(handle.write_by("x", soon())), ErrorKind::TimedOut);
}

#[test]
fn a_write_gives_up_at_its_deadline_and_the_connection_stays() {
    everywhere(|| {
        let (event_loop, handle, peer) = deaf(Options::new());
        fill(&handle);
        assert!(handle.is_active());
        assert_eq!(kind(handle.try_write("x")), ErrorKind::WouldBlock);
        let reading = thread::spawn(move || rest(peer));
        // Whoever may wait for longer gets through, and what gave up is not sent.
        handle.write_by("the end", late()).unwrap();
        handle.close();
        let came = reading.join().unwrap();
        assert_eq!(came.len(), MUCH + 7);
        assert!(came.ends_with(b"the end"));
        assert_eq!(event_loop.shutdown(late()).cut_off, 0);
    });
}

#[test]
fn a_write_deadline_bounds_every_write_until_it_is_taken_away() {
    everywhere(|| {
        let (_event_loop, handle, mut peer) = deaf(Options::new());
        fill(&handle);
        handle.set_write_deadline(Some(soon()));
        assert_eq!(kind(handle.write("x")), ErrorKind::TimedOut);
        // The earlier one counts.
        assert_eq!(kind(handle.write_by("x", late())), ErrorKind::TimedOut);
        let mut came = vec![0; MUCH];
        peer.read_exact(&mut came).unwrap();
        until("all is sent", || handle.unsent() == 0);
        // It is as with sockets: what is past fails before anything is tried, by whichever
        // handle it was set.
        let other = handle.clone();
        assert_eq!(kind(other.write("x")), ErrorKind::TimedOut);
        assert_eq!(kind(other.try_write("x")), ErrorKind::TimedOut);
        other.set_write_deadline(None);
        handle.write("hello").unwrap();
        let mut reply = [0; 5];
        peer.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"hello");
    });
}

#[test]
fn moving_the_write_deadline_ends_waits_that_have_begun() {
    everywhere(|| {
        let (_event_loop, handle, _peer) = deaf(Options::new());
        fill(&handle);
        handle.set_write_deadline(Some(Instant::now() + 10 * LONG));
        let writers: Vec<_> = (0..5)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || kind(handle.write("x")))
            })
            .collect();
        thread::sleep(SOON);
        handle.set_write_deadline(Some(Instant::now()));
        for writer in writers {
            assert_eq!(writer.join().unwrap(), ErrorKind::TimedOut);
        }
        assert!(handle.is_active());
    });
}

#[test]
fn code_that_only_writes_gives_up_too() {
    everywhere(|| {
        let (_event_loop, mut handle, _peer) = deaf(Options::new());
        handle.set_write_deadline(Some(soon()));
        let copied = std::io::copy(&mut std::io::repeat(7), &mut handle);
        assert_eq!(kind(copied), ErrorKind::TimedOut);
        assert_eq!(kind(writeln!(handle, "more")), ErrorKind::TimedOut);
    });
}

#[test]
fn the_write_timeout_ends_the_wait_of_a_write_with_its_connection() {
    everywhere(|| {
        let (_event_loop, handle, _peer) = deaf(Options::new().write_timeout(SOON));
        let error = loop {
            if let Err(error) = handle.write(vec![b'x'; 100_000]) {
                break error;
            }
        };
        assert!(Closed::is_cause_of(&error), "{error}");
        until("it has ended", || !handle.is_active());
    });
}

#[test]
fn detaching_gives_up_where_a_handler_does_not_come_to_its_end() {
    on_workers(|| {
        let (tell, told) = mpsc::channel();
        let (server, mut peer) = UnixStream::pair().unwrap();
        peer.set_deadline(Some(late())).unwrap();
        let event_loop = EventLoop::new(move |connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            let (end, ended) = netpoll::sync::mpsc::channel::<()>();
            tell.send(end).unwrap();
            let _ = ended.recv();
            Ok(Next::Again)
        });
        let handle = event_loop.adopt(server, LinkBuffer::new()).unwrap();
        peer.write_all(b"go").unwrap();
        let mut end = None;
        until("the handler runs", || {
            end = told.try_recv().ok();
            end.is_some()
        });
        let detached = handle.detach_by::<UnixStream>(soon());
        assert_eq!(kind(detached), ErrorKind::TimedOut);
        assert_eq!(kind(handle.write("x")), ErrorKind::NotConnected);
        drop(end);
        // Nobody has got it: it is closed.
        assert_eq!(rest(&peer), b"");
        until("it is gone", || {
            event_loop.metrics().connections.iter().sum::<usize>() == 0
        });
    });
}
