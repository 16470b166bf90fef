//! Which callbacks run, and when.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, Handler, Next, Options, Stream};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{on_workers, pair, until};
use crate::limits::Telling;
use crate::support::{Server, echo, frame, rest, round_trip};

/// Writes down what is called.
struct Diary {
    said: Arc<Mutex<Vec<String>>>,
    inside: Arc<AtomicUsize>,
}

impl Diary {
    fn new() -> (Self, Arc<Mutex<Vec<String>>>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let diary = Self {
            said: Arc::clone(&said),
            inside: Arc::default(),
        };
        (diary, said)
    }

    fn call<R>(&self, what: impl Into<String>, call: impl FnOnce() -> R) -> R {
        assert_eq!(
            self.inside.fetch_add(1, Ordering::SeqCst),
            0,
            "they overlap"
        );
        self.said.lock().unwrap().push(what.into());
        let result = call();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

impl Handler for Diary {
    type Context = Vec<u8>;

    fn prepare(&self, connection: &mut Connection) -> io::Result<Vec<u8>> {
        let said = Arc::clone(&self.said);
        connection.on_close(move || said.lock().unwrap().push("closed, first".into()));
        let said = Arc::clone(&self.said);
        connection.on_close(move || said.lock().unwrap().push("closed, second".into()));
        self.call("prepare", || Ok(Vec::new()))
    }

    fn connect(&self, connection: &mut Connection, _: &mut Vec<u8>) -> io::Result<()> {
        self.call("connect", || connection.writer().write_string("hello "));
        Ok(())
    }

    fn request(&self, connection: &mut Connection, context: &mut Vec<u8>) -> io::Result<Next> {
        let all = connection.reader().read_binary(connection.reader().len())?;
        // It parks, and the peer goes meanwhile.
        self.call("request", || thread::sleep(Duration::from_millis(5)));
        connection.writer().write_binary(&all);
        context.extend(all);
        Ok(Next::Again)
    }

    fn disconnect(&self, connection: &mut Connection, context: Vec<u8>) {
        assert!(!connection.is_active());
        let said = Arc::clone(&self.said);
        connection.on_close(move || said.lock().unwrap().push("closed, last added".into()));
        let text = String::from_utf8(context).unwrap();
        self.call(format!("disconnect after {text}"), || {});
    }
}

#[test]
fn callbacks_come_in_order_and_never_overlap() {
    on_workers(|| {
        let (diary, said) = Diary::new();
        let server = Server::new(diary);
        let mut client = server.connect();
        client.write_all(b"world").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&client), b"hello world");
        let last = || {
            said.lock()
                .unwrap()
                .last()
                .is_some_and(|said| said == "closed, first")
        };
        until("it is closed", last);
        let said = said.lock().unwrap();
        assert_eq!(
            *said,
            [
                "prepare",
                "connect",
                "request",
                "disconnect after world",
                "closed, last added",
                "closed, second",
                "closed, first"
            ]
        );
    });
}

#[test]
fn many_connections_echo() {
    on_workers(|| {
        let server = Server::new(echo);
        let clients: Vec<_> = (0..50_u8)
            .map(|n| {
                let client = server.connect();
                thread::spawn(move || {
                    for round in 0..20 {
                        let message = vec![n ^ round; 1 + usize::from(n) * 37];
                        assert_eq!(round_trip(&client, &message), message);
                    }
                    client
                })
            })
            .collect();
        let clients: Vec<_> = clients.into_iter().map(|it| it.join().unwrap()).collect();
        let connections: usize = server.event_loop.metrics().connections.iter().sum();
        assert_eq!(connections, clients.len());
        let shutdown = server.end();
        assert_eq!((shutdown.finished, shutdown.cut_off), (50, 0));
        for client in clients {
            assert_eq!(rest(&client), b"", "it was closed");
        }
    });
}

#[test]
fn large_messages_echo() {
    on_workers(|| {
        let server = Server::new(echo);
        let client = server.connect();
        let message: Vec<u8> = (0..3_000_000_u32)
            .map(|i| (i.wrapping_mul(i) >> 7) as u8)
            .collect();
        let sending = thread::spawn({
            let mut client = client.try_clone().unwrap();
            let message = message.clone();
            move || client.write_all(&message).unwrap()
        });
        let mut came = vec![0; message.len()];
        (&client).read_exact(&mut came).unwrap();
        sending.join().unwrap();
        assert!(came == message, "what came is not what was sent");
    });
}

/// What a handler sees of a frame, and when.
fn frames(connection: &mut Connection) -> io::Result<Next> {
    let reader = connection.reader();
    let Some(header) = reader.try_peek(2) else {
        return Ok(Next::Need(2));
    };
    let len = usize::from(u16::from_be_bytes([header[0], header[1]]));
    let Some(whole) = reader.try_next(2 + len) else {
        return Ok(Next::Need(2 + len));
    };
    connection.writer().write_binary(&whole[2..]);
    connection.writer().write_byte(b'.');
    Ok(Next::Again)
}

#[test]
fn frames_arrive_byte_by_byte_and_many_at_once() {
    on_workers(|| {
        let server = Server::new(frames);
        let mut client = server.connect();
        for byte in frame(b"slowly") {
            client.write_all(&[byte]).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        let mut reply = [0; 7];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"slowly.");

        let many: Vec<u8> = (0..1000).flat_map(|_| frame(b"quick")).collect();
        client.write_all(&many).unwrap();
        let mut replies = vec![0; 6000];
        client.read_exact(&mut replies).unwrap();
        assert_eq!(replies, b"quick.".repeat(1000));

        let long = vec![7; 60_000];
        client.write_all(&frame(&long)).unwrap();
        let mut reply = vec![0; long.len() + 1];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(reply[..long.len()], long);
    });
}

#[test]
fn a_handler_reads_more_than_there_is_and_parks() {
    on_workers(|| {
        let server = Server::new(|connection: &mut Connection| {
            let header = connection.reader().next(2)?;
            let len = usize::from(u16::from_be_bytes([header[0], header[1]]));
            let body = connection.reader().next(len)?;
            connection.writer().write_binary(body);
            Ok(Next::Again)
        });
        let clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
        for mut client in &clients {
            client.write_all(&frame(b"in parts")[..5]).unwrap();
        }
        // All of them are parked now, and another one is served.
        assert_eq!(
            {
                let mut other = server.connect();
                other.write_all(&frame(b"at once")).unwrap();
                let mut reply = [0; 7];
                other.read_exact(&mut reply).unwrap();
                reply
            },
            *b"at once"
        );
        for mut client in &clients {
            client.write_all(&frame(b"in parts")[5..]).unwrap();
        }
        for mut client in &clients {
            let mut reply = [0; 8];
            client.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"in parts");
        }
    });
}

#[test]
fn a_panic_closes_its_connection_and_no_other() {
    on_workers(|| {
        let server = Server::new(|connection: &mut Connection| {
            if connection.reader().try_peek(5) == Some(b"panic") {
                std::panic::resume_unwind(Box::new("as asked"));
            }
            echo(connection)
        });
        let other = server.connect();
        assert_eq!(round_trip(&other, b"before"), b"before");
        for _ in 0..3 {
            let mut client = server.connect();
            client.write_all(b"panic").unwrap();
            assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0);
        }
        assert_eq!(round_trip(&other, b"after"), b"after");
    });
}

/// PAINS 8: half-close taken for a hang-up; send-then-close loses data.
#[test]
fn pain_08_what_is_left_when_the_peer_closes_is_handled_and_answered() {
    on_workers(|| {
        let server = Server::new(frames);
        let mut client = server.connect();
        let many: Vec<u8> = (0..3000).flat_map(|_| frame(b"last words")).collect();
        client.write_all(&many).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&client), b"last words.".repeat(3000));
    });
}

/// PAINS 8, the other way around.
/// Nobody reads the replies, so that sending them fails while requests are still to be
/// received: whoever says something and leaves is heard.
#[test]
fn pain_08_requests_are_handled_though_replies_cannot_be_sent() {
    const REQUESTS: usize = 12_000;
    fn say_and_leave<S: Write + Into<Stream>>((server, mut client): (S, S)) {
        client.write_all(&b"8 bytes.".repeat(REQUESTS)).unwrap();
        drop(client);
        let handled = Arc::new(AtomicUsize::new(0));
        let (handler, ends) = Telling::new({
            let handled = Arc::clone(&handled);
            move |connection: &mut Connection| {
                let Some(request) = connection.reader().try_next(8) else {
                    return Ok(Next::Need(8));
                };
                connection.writer().write_binary(request);
                handled.fetch_add(1, Ordering::Relaxed);
                Ok(Next::Again)
            }
        });
        let event_loop = EventLoop::new(handler);
        event_loop.adopt(server, LinkBuffer::new()).unwrap();
        until("it has ended", || !ends.lock().unwrap().is_empty());
        assert_eq!(handled.load(Ordering::Relaxed), REQUESTS);
        assert!(ends.lock().unwrap()[0].is_some(), "sending has failed");
    }
    on_workers(|| {
        say_and_leave(UnixStream::pair().unwrap());
        say_and_leave(pair());
    });
}

#[test]
fn pain_08_what_was_written_before_close_is_sent() {
    on_workers(|| {
        let reply = vec![b'x'; 2_000_000];
        let expected = reply.clone();
        let server = Server::new(move |connection: &mut Connection| {
            connection.reader().skip(connection.reader().len())?;
            connection.writer().write_binary(&reply);
            Ok(Next::Close)
        });
        let mut client = server.connect();
        client.write_all(b"all of it").unwrap();
        thread::sleep(Duration::from_millis(5));
        assert!(rest(&client) == expected, "something was lost");
    });
}

/// PAINS 22: rules of buffers and callbacks live in comments.
#[test]
fn pain_22_a_handler_that_leaves_without_consuming_is_counted_and_not_spun() {
    on_workers(|| {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let server = Server::new(move |connection: &mut Connection| {
            counted.fetch_add(1, Ordering::SeqCst);
            if connection.reader().len() < 3 {
                return Ok(Next::Again);
            }
            echo(connection)
        });
        let mut client = server.connect();
        for byte in b"abc" {
            client.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(3));
        }
        let mut reply = [0; 3];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"abc");
        assert!(calls.load(Ordering::SeqCst) <= 3, "once for each new byte");
        let stalled = server.event_loop.metrics().stalled;
        assert_eq!(stalled as usize, calls.load(Ordering::SeqCst) - 1);
    });
}

#[test]
fn a_frame_above_the_limit_ends_the_connection_and_one_above_the_mark_does_not() {
    on_workers(|| {
        let why = Arc::new(Mutex::new(None));
        struct Limited(Arc<Mutex<Option<io::ErrorKind>>>);
        impl Handler for Limited {
            type Context = ();
            fn prepare(&self, _: &mut Connection) -> io::Result<()> {
                Ok(())
            }
            fn request(&self, connection: &mut Connection, (): &mut ()) -> io::Result<Next> {
                frames(connection)
            }
            fn disconnect(&self, connection: &mut Connection, (): ()) {
                *self.0.lock().unwrap() = connection.error().map(io::Error::kind);
            }
        }
        let options = Options::new().input_mark(1000).frame_limit(40_000);
        let server = Server::with_options(Limited(Arc::clone(&why)), options);
        let mut client = server.connect();
        let long = vec![1; 39_000];
        client.write_all(&frame(&long)).unwrap();
        let mut reply = vec![0; long.len() + 1];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(reply[..long.len()], long);

        client.write_all(&50_000_u16.to_be_bytes()).unwrap();
        assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0);
        until("it is told why", || why.lock().unwrap().is_some());
        assert_eq!(*why.lock().unwrap(), Some(io::ErrorKind::InvalidData));
    });
}

/// A handler that waits by giving way again and again does not keep its worker's loop from
/// what it waits for.
#[test]
fn a_handler_that_gives_way_lets_the_loop_go_on() {
    on_workers(|| {
        let server = Server::new(|connection: &mut Connection| {
            if connection.reader().read_byte()? == b'.' {
                connection.writer().write_byte(b'.');
                return Ok(Next::Again);
            }
            let handle = connection.handle();
            handle.close();
            while connection.is_active() {
                thread::yield_now();
            }
            Ok(Next::Again)
        });
        let mut client = server.connect();
        client.write_all(b"!").unwrap();
        assert_eq!(rest(&client), b"");
        drop(client);
        assert_eq!(round_trip(server.connect(), b"."), b".");
        server.end();
    });
}
