//! Handlers that panic, in each of their callbacks.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use netpoll::event::{Connection, Handler, Next};

use crate::common::{on_workers, until};
use crate::support::{Server, echo, rest, round_trip};

/// Panics where it is told to.
struct Panicking {
    /// The callback of the connection that comes next.
    place: Arc<Mutex<&'static str>>,
    ends: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl Panicking {
    fn may_panic(context: &str, place: &str) {
        if context == place {
            std::panic::resume_unwind(Box::new(format!("in {place}, as asked")));
        }
    }
}

impl Handler for Panicking {
    type Context = &'static str;

    fn prepare(&self, connection: &mut Connection) -> io::Result<&'static str> {
        let place = std::mem::take(&mut *self.place.lock().unwrap());
        // Called last, whatever the others do.
        let closed = Arc::clone(&self.closed);
        connection.on_close(move || {
            closed.fetch_add(1, Ordering::SeqCst);
        });
        connection.on_close(move || Self::may_panic(place, "on_close"));
        Self::may_panic(place, "prepare");
        Ok(place)
    }

    fn connect(&self, connection: &mut Connection, place: &mut &'static str) -> io::Result<()> {
        connection.writer().write_string("hello ");
        Self::may_panic(place, "connect");
        Ok(())
    }

    fn request(&self, connection: &mut Connection, place: &mut &'static str) -> io::Result<Next> {
        Self::may_panic(place, "request");
        echo(connection)
    }

    fn disconnect(&self, connection: &mut Connection, place: &'static str) {
        let is_told = connection.error().is_some();
        assert_eq!(is_told, ["connect", "request"].contains(&place), "{place}");
        self.ends.fetch_add(1, Ordering::SeqCst);
        Self::may_panic(place, "disconnect");
    }
}

#[test]
fn a_panic_in_any_callback_closes_its_connection_and_no_other() {
    on_workers(|| {
        let (place, ends, closed) = (Arc::default(), Arc::default(), Arc::default());
        let server = Server::new(Panicking {
            place: Arc::clone(&place),
            ends: Arc::clone(&ends),
            closed: Arc::clone(&closed),
        });
        let mut other = server.connect();
        assert_eq!(round_trip(&other, b"before"), b"hello ");
        let mut reply = [0; 6];
        other.read_exact(&mut reply).unwrap();
        let ended = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        for (n, at) in ["prepare", "connect", "request", "disconnect", "on_close"]
            .into_iter()
            .enumerate()
        {
            *place.lock().unwrap() = at;
            let mut client = server.connect();
            client.write_all(b"request").unwrap();
            if ["disconnect", "on_close"].contains(&at) {
                let mut reply = [0; 13];
                client.read_exact(&mut reply).unwrap();
                assert_eq!(&reply, b"hello request");
                drop(client);
            } else {
                // What was written before is sent.
                let came = rest(&client);
                assert_eq!(came, if at == "prepare" { &b""[..] } else { b"hello " });
            }
            until("it is closed", || ended(&closed) == n + 1);
            // One that was not prepared is not disconnected.
            assert_eq!(ended(&ends), n);
            assert_eq!(round_trip(&other, b"others go on"), b"others go on");
        }
        until("only the others count", || {
            server
                .event_loop
                .metrics()
                .connections
                .iter()
                .sum::<usize>()
                == 1
        });
    });
}
