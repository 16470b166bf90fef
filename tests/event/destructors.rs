//! Values of a user's whose destructors do what they like, at the places where an event
//! loop drops them.

use std::fmt;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use netpoll::event::{Connection, ConnectionHandle, Next, Operate, Operator, Options, Then};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{on_workers, until};
use crate::support::{Server, echo, rest, round_trip};

/// What a destructor does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Park,
    Panic,
}

const ACTS: [Act; 2] = [Act::Park, Act::Panic];

/// Something with a destructor that counts.
#[derive(Debug)]
struct Acting(Act, Arc<AtomicUsize>);

impl Drop for Acting {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
        match self.0 {
            Act::Park => thread::sleep(Duration::from_millis(1)),
            Act::Panic => std::panic::resume_unwind(Box::new("a destructor, as asked")),
        }
    }
}

struct Owner(
    Vec<u8>,
    #[expect(dead_code, reason = "it is dropped")] Acting,
);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn owned(len: usize, act: Act, dropped: &Arc<AtomicUsize>) -> Bytes {
    Bytes::from_owner(Owner(vec![b'.'; len], Acting(act, Arc::clone(dropped))))
}

#[test]
fn bytes_that_a_handler_writes() {
    on_workers(|| {
        for act in ACTS {
            // Short ones are copied, long ones are not.
            for len in [1, 100, 600, 50_000] {
                let dropped: Arc<AtomicUsize> = Arc::default();
                let server = Server::new({
                    let dropped = Arc::clone(&dropped);
                    move |connection: &mut Connection| {
                        connection.reader().skip(connection.reader().len())?;
                        // Two of them: one that panics does not keep the other.
                        for _ in 0..2 {
                            let bytes = owned(len, act, &dropped);
                            connection.writer().write_direct(bytes);
                        }
                        Ok(Next::Again)
                    }
                });
                let mut client = server.connect();
                for round in 1..=3 {
                    client.write_all(b"go").unwrap();
                    let mut reply = vec![0; 2 * len];
                    client.read_exact(&mut reply).unwrap();
                    assert!(reply.iter().all(|byte| *byte == b'.'));
                    let all = || dropped.load(Ordering::SeqCst) == 2 * round;
                    until("they are dropped", all);
                }
                drop(client);
                server.end();
            }
        }
    });
}

#[derive(Debug)]
struct Failure(#[expect(dead_code, reason = "it is dropped")] Acting);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it was asked to fail")
    }
}

impl std::error::Error for Failure {}

#[test]
fn errors_that_a_handler_returns() {
    on_workers(|| {
        for act in ACTS {
            let dropped: Arc<AtomicUsize> = Arc::default();
            let server = Server::new({
                let dropped = Arc::clone(&dropped);
                move |connection: &mut Connection| match connection.reader().read_byte()? {
                    b'!' => Err(io::Error::other(Failure(Acting(act, Arc::clone(&dropped))))),
                    byte => {
                        connection.writer().write_byte(byte);
                        Ok(Next::Again)
                    }
                }
            });
            let other = server.connect();
            for round in 1..=3 {
                let mut client = server.connect();
                client.write_all(b"!").unwrap();
                assert_eq!(rest(&client), b"");
                until("it is dropped", || dropped.load(Ordering::SeqCst) == round);
                assert_eq!(round_trip(&other, b"."), b".");
            }
            drop(other);
            server.end();
        }
    });
}

/// What a handle has written to a connection that closes in the meantime is dropped by who
/// gets to know.
#[test]
fn bytes_that_a_handle_writes_too_late() {
    on_workers(|| {
        for act in ACTS {
            let dropped: Arc<AtomicUsize> = Arc::default();
            let handles: Arc<Mutex<Vec<ConnectionHandle>>> = Arc::default();
            let server = Server::with_options(
                {
                    let (dropped, handles) = (Arc::clone(&dropped), Arc::clone(&handles));
                    move |connection: &mut Connection| match connection.reader().read_byte()? {
                        b'h' => {
                            handles.lock().unwrap().push(connection.handle());
                            echo_byte(connection, b'h')
                        }
                        b'c' => Ok(Next::Close),
                        // Writes to the one that closes in the same phase, and forgets it.
                        b'w' => {
                            for handle in std::mem::take(&mut *handles.lock().unwrap()) {
                                // On another worker it may be closed already.
                                let write = || handle.write(owned(2000, act, &dropped));
                                let _ = catch_unwind(AssertUnwindSafe(write));
                            }
                            echo_byte(connection, b'w')
                        }
                        // Meanwhile all the others come.
                        b's' => {
                            std::thread::sleep(Duration::from_millis(20));
                            echo_byte(connection, b's')
                        }
                        byte => echo_byte(connection, byte),
                    }
                },
                Options::new().linger(Duration::ZERO, 0),
            );
            for round in 1..=4 {
                let [mut closing, mut writing, mut slow] = [(); 3].map(|()| server.connect());
                assert_eq!(round_trip(&closing, b"h"), b"h");
                slow.write_all(b"s").unwrap();
                // In both orders.
                if round % 2 == 0 {
                    closing.write_all(b"c").unwrap();
                }
                writing.write_all(b"w").unwrap();
                if round % 2 == 1 {
                    closing.write_all(b"c").unwrap();
                }
                for client in [&mut writing, &mut slow] {
                    client.read_exact(&mut [0]).unwrap();
                }
                rest(&closing);
                until("it is dropped", || dropped.load(Ordering::SeqCst) == round);
                assert_eq!(round_trip(&writing, b"."), b".");
            }
            server.end();
        }
    });
}

fn echo_byte(connection: &mut Connection, byte: u8) -> io::Result<Next> {
    connection.writer().write_byte(byte);
    Ok(Next::Again)
}

struct Callbacks(#[expect(dead_code, reason = "it is dropped")] Acting);

impl Operate<UnixStream> for Callbacks {
    fn on_read(&mut self, _: &UnixStream) -> io::Result<Then> {
        Ok(Then::Wait)
    }
}

/// Also none of the places for handlers that are parked is lost.
#[test]
fn callbacks_of_an_operator() {
    on_workers(|| {
        for act in ACTS {
            let dropped: Arc<AtomicUsize> = Arc::default();
            let server = Server::with_options(echo, Options::new().most_parked(1));
            let client = server.connect();
            for round in 1..=3 {
                assert_eq!(round_trip(&client, b"before"), b"before");
                let (ours, _theirs) = UnixStream::pair().unwrap();
                let callbacks = Callbacks(Acting(act, Arc::clone(&dropped)));
                drop(Operator::new(ours, callbacks).unwrap());
                until("it is dropped", || dropped.load(Ordering::SeqCst) == round);
                assert_eq!(round_trip(&client, b"after"), b"after");
            }
            drop(client);
            server.end();
        }
    });
}
