//! Both ends of a protocol, on tasks and on threads.

use std::fmt::Debug;
use std::io::{Read, Write};

use netpoll::net::TcpStream;
use netpoll::thread::Builder;

use crate::common::{LONG, on_workers, pair, pair_with_std};

/// A stream that a protocol can be spoken over, netpoll's or std's.
pub trait Stream: Read + Write + Debug + Send + Sync + 'static {}
impl<S: Read + Write + Debug + Send + Sync + 'static> Stream for S {}

/// A [`Stream`] of either kind, so that an end of a protocol can be a closure.
pub type AnyStream = Box<dyn Stream>;

/// What an end does with its connection.
pub trait End: Fn(AnyStream) + Clone + Send + 'static {}
impl<F: Fn(AnyStream) + Clone + Send + 'static> End for F {}

/// Runs a server and a client that are connected with each other, on one, two and eight
/// workers: both as tasks; then each of them as a task while the other is a std thread
/// with std's stream. A panic on either side fails.
///
/// All streams have timeouts, so that a loss ends as an error and not as a hang. The
/// tasks have stacks of the default size.
pub fn on_both(server: impl End, client: impl End) {
    on_both_as(Builder::new, server, client);
}

/// The same, with tasks made by these builders.
pub fn on_both_as(
    builder: impl Fn() -> Builder + Clone + Send + 'static,
    server: impl End,
    client: impl End,
) {
    on_workers(move || {
        let (there, here) = pair();
        let end = server.clone();
        let there = prepared(there);
        let served = builder().spawn(move || end(there)).unwrap();
        let end = client.clone();
        let here = prepared(here);
        let asked = builder().spawn(move || end(here)).unwrap();
        asked.join().expect("the client's task");
        served.join().expect("the server's task");

        against_thread(builder(), server.clone(), client.clone());
        against_thread(builder(), client.clone(), server.clone());
    });
}

/// One end here, as a task, and the other one on a thread, with std's stream.
fn against_thread(builder: Builder, task: impl End, thread: impl End) {
    let (ours, stds) = pair_with_std();
    stds.set_read_timeout(Some(LONG)).unwrap();
    stds.set_write_timeout(Some(LONG)).unwrap();
    stds.set_nodelay(true).unwrap();
    let thread = std::thread::spawn(move || thread(Box::new(stds)));
    let ours = prepared(ours);
    let task = builder.spawn(move || task(ours)).unwrap();
    task.join().expect("the task");
    join_thread(thread);
}

/// Bounded, and without the pauses that small writes otherwise make.
fn prepared(stream: TcpStream) -> AnyStream {
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    Box::new(stream)
}

/// Joins a thread of std from a task, without holding up the worker.
///
/// # Panics
///
/// If the thread has panicked.
pub fn join_thread<T: Send + 'static>(thread: std::thread::JoinHandle<T>) -> T {
    netpoll::blocking(|| thread.join()).expect("the thread")
}
