//! Taking connections away by a handle.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, ConnectionHandle, EventLoop, Handler, Next, Options};
use netpoll::io::Closed;
use netpoll::net::TcpStream;
use netpoll::os::unix::net::UnixStream;
use netpoll::sync::mpsc;
use netpoll::thread;

use crate::common::{kind, on, on_workers, until};
use crate::limits::Telling;
use crate::support::{Server, rest};

fn there<H: Handler>(server: &Server<H>) -> usize {
    server.event_loop.metrics().connections.iter().sum()
}

/// A handler that hands out handles, and answers words of five bytes.
fn words(
    say: mpsc::Sender<ConnectionHandle>,
) -> impl Fn(&mut Connection) -> std::io::Result<Next> + Send + Sync {
    let say = Mutex::new(say);
    move |connection| {
        let Some(word) = connection.reader().try_next(5) else {
            return Ok(Next::Need(5));
        };
        connection.writer().write_binary(word);
        let _ = say.lock().unwrap().send(connection.handle());
        Ok(Next::Again)
    }
}

#[test]
fn a_handle_takes_a_connection_away_with_what_was_not_handled() {
    on_workers(|| {
        let (say, handles) = mpsc::channel();
        let (handler, ends) = Telling::new(words(say));
        let server = Server::new(handler);
        let mut client = server.connect();
        client.write_all(b"helloand").unwrap();
        let mut reply = [0; 5];
        client.read_exact(&mut reply).unwrap();
        let handle = handles.recv().unwrap();
        handle.write("by handle").unwrap();
        let (mut stream, mut received) = handle.detach::<TcpStream>().unwrap();
        assert_eq!(ends.lock().unwrap().len(), 1, "it was told before");
        assert!(!handle.is_active());
        assert_eq!(
            kind(handle.write("too late")),
            std::io::ErrorKind::NotConnected
        );
        let error = handle.detach::<TcpStream>().unwrap_err();
        assert!(Closed::is_cause_of(&error));
        let mut reply = [0; 9];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"by handle");
        until("its place is free", || there(&server) == 0);

        // It is all there, in order: what the loop had, and what had not come.
        client.write_all(b" so on").unwrap();
        let mut all = vec![0; 9];
        let buffered = received.len();
        received.read_exact(&mut all[..buffered]).unwrap();
        stream.read_exact(&mut all[buffered..]).unwrap();
        assert_eq!(all, b"and so on");
        stream.write_all(b"it is a stream").unwrap();
        drop(stream);
        assert_eq!(rest(&client), b"it is a stream");
    });
}

#[test]
fn taking_away_waits_for_a_handler_and_for_what_it_writes() {
    on_workers(|| {
        let (say, handles) = mpsc::channel();
        let say = Mutex::new(say);
        let server = Server::with_options(
            move |connection: &mut Connection| {
                say.lock().unwrap().send(connection.handle()).unwrap();
                // It waits for more than will come.
                let error = connection.reader().next(1000).unwrap_err();
                assert!(Closed::is_cause_of(&error), "{error}");
                assert_eq!(connection.reader().try_next(3), Some(&b"one"[..]));
                connection.writer().write_binary(&vec![b'x'; 3_000_000]);
                Ok(Next::Again)
            },
            Options::new(),
        );
        let mut client = server.connect();
        client.write_all(b"onetwo").unwrap();
        let handle = handles.recv().unwrap();
        let detaching = thread::spawn(move || handle.detach::<TcpStream>());
        let mut reply = vec![0; 3_000_000];
        client.read_exact(&mut reply).unwrap();
        let (stream, received) = detaching.join().unwrap().unwrap();
        assert_eq!(received.as_bytes(), b"two");
        drop(stream);
        assert_eq!(rest(&client), b"");
    });
}

/// Whatever becomes of the connection, who waits for it gets an answer.
#[test]
fn taking_away_competes_with_every_end() {
    on_workers(|| {
        let (say, handles) = mpsc::channel();
        let server = Server::new(words(say));
        let mut got = 0;
        for n in 0..60 {
            let mut client = server.connect();
            client.write_all(b"hello").unwrap();
            client.read_exact(&mut [0; 5]).unwrap();
            let handle = handles.recv().unwrap();
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let handle = handle.clone();
                    thread::spawn(move || handle.detach::<TcpStream>())
                })
                .collect();
            match n % 3 {
                0 => drop(client),
                1 => handle.close(),
                _ => {}
            }
            let taken = others.into_iter().filter_map(|it| it.join().unwrap().ok());
            let taken = taken.count();
            assert!(taken <= 1);
            got += taken;
        }
        assert!(got >= 20, "nobody else wanted those");
        until("none is left", || there(&server) == 0);
    });
}

#[test]
fn a_handler_takes_away_all_that_was_received_in_its_phase() {
    on(1, || {
        for at in 0..100 {
            detach_in_a_large_phase(at * 32);
        }
    });
}

fn detach_in_a_large_phase(at: usize) {
    const FIRST: usize = 10_000;
    const THEN: usize = 150_000;
    let (send, got) = mpsc::channel();
    let (ask, asked) = std::sync::mpsc::channel();
    let (tell, told) = std::sync::mpsc::channel();
    let told = Mutex::new(told);
    let consumed = Arc::new(AtomicUsize::new(0));
    let event_loop = EventLoop::with_options(
        {
            let consumed = Arc::clone(&consumed);
            move |connection: &mut Connection| {
                if consumed.load(Ordering::Relaxed) == at {
                    ask.send(()).unwrap();
                    told.lock().unwrap().recv().unwrap();
                }
                if connection.reader().len() <= FIRST {
                    connection.reader().skip(1)?;
                    consumed.fetch_add(1, Ordering::Relaxed);
                    return Ok(Next::Again);
                }
                let (stream, received) = connection.detach::<UnixStream>()?;
                send.send((stream, received)).unwrap();
                Ok(Next::Close)
            }
        },
        Options::new().phase(1 << 20, Duration::from_millis(1)),
    );
    let (a, a_peer) = UnixStream::pair().unwrap();
    let peer = std::thread::spawn(move || {
        let a_peer: std::os::unix::net::UnixStream = a_peer.into();
        (&a_peer).write_all(&[1; FIRST]).unwrap();
        asked.recv().unwrap();
        (&a_peer).write_all(&[1; THEN]).unwrap();
        a_peer.shutdown(Shutdown::Write).unwrap();
        tell.send(()).unwrap();
        a_peer
    });
    let _a = event_loop.adopt(a, LinkBuffer::new()).unwrap();
    let (mut stream, received) = got.recv().unwrap();
    let tail = rest(&mut stream);
    let consumed = consumed.load(Ordering::Relaxed);
    let all = consumed + received.len() + tail.len();
    assert_eq!(
        all,
        FIRST + THEN,
        "{at}: {consumed} {} {}",
        received.len(),
        tail.len()
    );
    drop(peer);
}
