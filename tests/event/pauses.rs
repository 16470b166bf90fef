//! Peers that leave while nobody receives.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, ConnectionHandle, EventLoop, Next, Stream};
use netpoll::io::Closed;
use netpoll::os::unix::net::UnixStream;
use netpoll::sync::mpsc;
use netpoll::thread;

use crate::common::{LONG, kind, on_workers, pair, until};
use crate::limits::Telling;
use crate::support::rest;

/// What the handler was called with, and how the connection ended.
type Told<T> = Arc<Mutex<Vec<T>>>;

type Hearing = Box<dyn Fn(&mut Connection) -> io::Result<Next> + Send + Sync>;

/// A connection that is paused.
struct Paused {
    event_loop: EventLoop<Telling<Hearing>>,
    handle: ConnectionHandle,
    words: Told<String>,
    ends: Told<Option<ErrorKind>>,
}

fn pause(ours: impl Into<Stream>, mut peer: impl Read) -> Paused {
    let words = Told::default();
    let heard = Arc::clone(&words);
    let hearing: Hearing = Box::new(move |connection| {
        let all = connection.reader().len();
        let word = connection.reader().read_string(all)?;
        heard.lock().unwrap().push(word);
        Ok(Next::Again)
    });
    let (handler, ends) = Telling::new(hearing);
    let event_loop = EventLoop::new(handler);
    let handle = event_loop.adopt(ours, LinkBuffer::new()).unwrap();
    handle.pause();
    let paused = Paused {
        event_loop,
        handle,
        words,
        ends,
    };
    paused.is_still_there(&mut peer);
    paused
}

impl Paused {
    /// Writes, which comes behind what its worker was told before, and behind what has
    /// happened to the socket before.
    fn is_still_there(&self, peer: &mut impl Read) {
        thread::sleep(Duration::from_millis(5));
        self.handle.write("!").unwrap();
        let mut came = [0];
        peer.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"!");
        assert!(self.ends.lock().unwrap().is_empty());
    }

    fn ends_with(&self, end: Option<ErrorKind>) {
        until("it has ended", || !self.ends.lock().unwrap().is_empty());
        assert!(!self.handle.is_active());
        let error = self.handle.write("x").unwrap_err();
        assert!(Closed::is_cause_of(&error), "{error}");
        until("it is gone", || {
            self.event_loop.metrics().connections.iter().sum::<usize>() == 0
        });
        self.handle.resume();
        let shutdown = self.event_loop.shutdown(Instant::now() + LONG);
        assert_eq!(shutdown.cut_off, 0);
        assert_eq!(*self.ends.lock().unwrap(), [end], "once");
    }
}

#[test]
fn a_reset_ends_a_connection_that_is_paused() {
    for unread in [&b""[..], b"never read"] {
        on_workers(move || {
            let (server, mut client) = pair();
            let paused = pause(server, &client);
            client.write_all(unread).unwrap();
            client.set_linger(Some(Duration::ZERO)).unwrap();
            drop(client);
            paused.ends_with(Some(ErrorKind::ConnectionReset));
            assert!(paused.words.lock().unwrap().is_empty());
        });
    }
}

/// What has happened to a socket while its handler ran is not told again.
#[test]
fn a_reset_is_noticed_that_came_before_the_pause() {
    on_workers(|| {
        let (inside, enter) = mpsc::channel::<ConnectionHandle>();
        let (leave, outside) = mpsc::channel::<()>();
        let outside = Mutex::new(Some(outside));
        let (handler, ends) = Telling::new(move |connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            inside.send(connection.handle()).unwrap();
            let outside = outside.lock().unwrap().take().unwrap();
            let _ = outside.recv();
            connection.handle().pause();
            Ok(Next::Again)
        });
        let event_loop = EventLoop::new(handler);
        let (server, mut client) = pair();
        event_loop.adopt(server, LinkBuffer::new()).unwrap();
        client.write_all(b"go").unwrap();
        let handle = enter.recv().unwrap();
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        thread::sleep(Duration::from_millis(5));
        handle.pause();
        drop(leave);
        until("it has ended", || {
            *ends.lock().unwrap() == [Some(ErrorKind::ConnectionReset)]
        });
        assert_eq!(kind(handle.write("x")), ErrorKind::NotConnected);
    });
}

#[test]
fn who_has_only_finished_sending_is_waited_for() {
    for last in ["", "last words"] {
        on_workers(move || {
            let (server, mut client) = pair();
            let paused = pause(server, &client);
            client.write_all(last.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            // It may be owed a reply.
            paused.is_still_there(&mut client);
            paused.handle.resume();
            assert_eq!(rest(&client), b"");
            drop(client);
            paused.ends_with(None);
            assert_eq!(paused.words.lock().unwrap().concat(), last);
        });
    }
}

#[test]
fn a_unix_socket_that_was_closed_ends_when_all_was_received() {
    on_workers(|| {
        let (server, client) = UnixStream::pair().unwrap();
        let paused = pause(server, &client);
        drop(client);
        paused.ends_with(None);

        let (server, mut client) = UnixStream::pair().unwrap();
        let paused = pause(server, &client);
        client.write_all(b"last words").unwrap();
        drop(client);
        thread::sleep(Duration::from_millis(5));
        assert!(paused.handle.is_active());
        assert!(paused.ends.lock().unwrap().is_empty());
        paused.handle.resume();
        paused.ends_with(None);
        assert_eq!(*paused.words.lock().unwrap(), ["last words"]);
    });
}
