//! Processes that are forked from one with an event loop.

use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, mpsc};
use std::time::Instant;

use netpoll::buf::LinkBuffer;
use netpoll::event::Connection;
use netpoll::os::unix::net::UnixStream;

use crate::common::{in_child, on};
use crate::fork::in_fork;
use crate::support::{Server, echo, round_trip};

fn says_why(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::Other && error.to_string().contains("after fork")
}

#[test]
fn a_forked_child_leaves_its_parents_connections_alone() {
    let name = "forks::a_forked_child_leaves_its_parents_connections_alone";
    in_child(name, &[], || {
        on(1, || {
            let (send, handles) = mpsc::channel();
            let send = Mutex::new(send);
            let server = Server::new(move |connection: &mut Connection| {
                send.lock().unwrap().send(connection.handle()).unwrap();
                echo(connection)
            });
            let mut client = server.connect();
            assert_eq!(round_trip(&client, b"hello"), b"hello");
            let handle = handles.try_recv().unwrap();

            let status = in_fork(|| {
                let event_loop = server.event_loop.clone();
                let (stream, _peer) = UnixStream::pair().unwrap();
                let adopted = event_loop.adopt(stream, LinkBuffer::new());
                let shut_down =
                    catch_unwind(AssertUnwindSafe(|| event_loop.shutdown(Instant::now())));
                handle.close();
                let errors = [
                    adopted.unwrap_err(),
                    handle.write("of the child").unwrap_err(),
                    handle.try_write("of the child").unwrap_err(),
                    handle.detach::<UnixStream>().unwrap_err(),
                ];
                i32::from(!errors.iter().all(says_why) || shut_down.is_ok())
            });
            assert_eq!(status.code(), Some(0));

            assert!(handle.is_active());
            handle.write("of the parent").unwrap();
            let mut came = [0; 13];
            client.read_exact(&mut came).unwrap();
            assert_eq!(&came, b"of the parent");
            assert_eq!(round_trip(&client, b"hello"), b"hello");
            drop(client);
            assert_eq!(server.end().cut_off, 0);
        });
    });
}
