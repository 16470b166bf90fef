//! Queues over connections of event loops.

use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use netpoll::event::{Connection, ConnectionHandle, EventLoop, Next};
use netpoll::mux::WriteQueue;
use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;

use crate::common::{LONG, on_workers};
use crate::support::{check, frame};

/// A client of a server in handler mode, and the server's handle.
fn connect() -> (TcpStream, ConnectionHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::sync_channel(1);
    let server = EventLoop::new(move |connection: &mut Connection| {
        connection.reader().skip(connection.reader().len())?;
        let _ = tell.try_send(connection.handle());
        Ok(Next::Again)
    });
    thread::spawn(move || server.serve(listener));
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"hello").unwrap();
    loop {
        if let Ok(handle) = told.try_recv() {
            return (client, handle);
        }
        thread::yield_now();
    }
}

#[test]
fn a_handle_is_written_to_by_many() {
    on_workers(|| {
        let (mut client, handle) = connect();
        let queue = WriteQueue::new(handle.clone());
        let tasks: Vec<_> = (0..100)
            .map(|writer| {
                let queue = queue.clone();
                thread::spawn(move || {
                    for number in 0..50 {
                        queue.push(&frame(writer, number)).unwrap();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        queue.close(Instant::now() + LONG).unwrap();
        handle.close();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        check(&received, 100, 50);
    });
}

#[test]
fn a_queue_gives_a_handle_deadlines_and_fails_with_it() {
    on_workers(|| {
        let (client, handle) = connect();
        let queue = WriteQueue::with_bound(handle.clone(), 100_000);
        let unsent = loop {
            let soon = Instant::now() + Duration::from_millis(50);
            if let Err(unsent) = queue.push_by(vec![0; 50_000], soon) {
                break unsent;
            }
        };
        assert_eq!(unsent.kind(), ErrorKind::TimedOut);
        drop(client);
        let failed = loop {
            if let Err(unsent) = queue.push(vec![0; 50_000]) {
                break unsent;
            }
        };
        assert_eq!(failed.kind(), ErrorKind::NotConnected);
        assert!(!handle.is_active());
    });
}

#[test]
fn the_write_deadline_of_a_handle_ends_its_queue() {
    on_workers(|| {
        let (_never_reads, handle) = connect();
        handle.set_write_deadline(Some(Instant::now() + Duration::from_millis(50)));
        let queue = WriteQueue::new(handle.clone());
        let unsent = loop {
            if let Err(unsent) = queue.push(vec![0; 50_000]) {
                break unsent;
            }
        };
        assert_eq!(unsent.kind(), ErrorKind::TimedOut);
        assert!(!queue.is_active());
        assert!(handle.is_active(), "others may still write");
    });
}
