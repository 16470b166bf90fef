//! Processes that are forked from one with a queue.

use std::io::{ErrorKind, Read};
use std::time::Instant;

use netpoll::mux::WriteQueue;

use crate::common::{LONG, in_child, on, pair, until};
use crate::fork::in_fork;
use crate::support::Gate;

/// Whether nothing can be done with a queue, and the error says why.
fn is_refused<W: std::io::Write + Send + 'static>(queue: &WriteQueue<W>) -> bool {
    let pushed = queue.push("of the child").unwrap_err();
    let closed = queue.close(Instant::now()).err().unwrap();
    let flushed = queue.flush().unwrap_err();
    let says_why = |error: &std::io::Error| {
        error.kind() == ErrorKind::Other && error.to_string().contains("after fork")
    };
    pushed.frames() == "of the child"
        && closed.frames().is_empty()
        && [pushed.error(), closed.error(), &flushed]
            .into_iter()
            .all(says_why)
}

#[test]
fn a_forked_child_writes_nothing_of_its_parents_and_is_told() {
    let name = "forks::a_forked_child_writes_nothing_of_its_parents_and_is_told";
    in_child(name, &[], || {
        on(1, || {
            // One that is being written, so that the child lacks who writes.
            let gate = Gate::default();
            let busy = WriteQueue::new(gate.clone());
            busy.push("one").unwrap();
            until("it is being written", || gate.is_waited_for());
            busy.push(", two").unwrap();
            // And one that is not, over a socket that the child has, too.
            let (server, mut client) = pair();
            let idle = WriteQueue::new(server);
            idle.push("before").unwrap();
            idle.flush().unwrap();

            let status = in_fork(|| i32::from(!(is_refused(&busy) && is_refused(&idle))));
            assert_eq!(status.code(), Some(0));

            gate.open();
            busy.push(", three").unwrap();
            busy.flush().unwrap();
            assert_eq!(gate.taken(), b"one, two, three");
            idle.push(" and after").unwrap();
            idle.close(Instant::now() + LONG).unwrap();
            let mut came = String::new();
            client.read_to_string(&mut came).unwrap();
            assert_eq!(came, "before and after");
        });
    });
}
