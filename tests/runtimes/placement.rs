//! Which worker runs a task, and who watches what it waits for.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use netpoll::net::{TcpListener, TcpStream};
use netpoll::{Builder, thread};

use crate::common::{pair_with_std, until};
use crate::runtime;

/// The worker that runs the caller.
fn worker() -> ThreadId {
    std::thread::current().id()
}

#[test]
fn connections_that_one_worker_accepts_spread_over_all() {
    // Nobody watches: on a machine that is busy with other things a worker may seem
    // to be held up, and then others take what it has.
    let runtime = Builder::new().workers(4).monitor(false).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let homes = Arc::new(Mutex::new(HashMap::<ThreadId, usize>::new()));
    let counted = Arc::clone(&homes);
    let acceptor = listener.try_clone().unwrap();
    let accepting = runtime.spawn(move || {
        for stream in acceptor.incoming() {
            let (mut stream, homes) = (stream.unwrap(), Arc::clone(&counted));
            thread::spawn(move || {
                *homes.lock().unwrap().entry(worker()).or_default() += 1;
                while let Ok(1..) = stream.read(&mut [0; 64]) {}
            });
        }
    });
    let clients: Vec<_> = (0..200)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let total = || homes.lock().unwrap().values().sum::<usize>();
    until("all are served", || total() == clients.len());
    let homes = homes.lock().unwrap().clone();
    assert_eq!(homes.len(), 4, "{homes:?}");
    assert!(
        homes.values().all(|count| (25..=75).contains(count)),
        "{homes:?}"
    );
    listener.close();
    accepting.join().unwrap();
    drop(clients);
}

/// Connections that one task has dialled, and used once, are used from all workers from
/// then on: what they wait for comes to the worker that waits.
#[test]
fn sixteen_dialled_connections_cause_no_wakeups_between_workers() {
    const CONNECTIONS: usize = 16;
    const REQUESTS: usize = 500;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(CONNECTIONS) {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut byte = [0];
                while let Ok(1) = stream.read(&mut byte) {
                    stream.write_all(&byte).unwrap();
                }
            });
        }
    });
    fn exchange(stream: &mut TcpStream, byte: u8) {
        stream.write_all(&[byte]).unwrap();
        let mut reply = [0];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(reply, [byte]);
    }
    let runtime = runtime(4);
    // Until all have been used often enough to be followed.
    let step = Arc::new(std::sync::Barrier::new(CONNECTIONS + 1));
    let pool = runtime.spawn(move || {
        let dial = |byte| {
            let mut stream = TcpStream::connect(address).unwrap();
            exchange(&mut stream, byte);
            stream
        };
        (0..CONNECTIONS as u8).map(dial).collect::<Vec<_>>()
    });
    let users = pool.join().unwrap().into_iter().map(|mut stream| {
        let step = Arc::clone(&step);
        runtime.spawn(move || {
            let worker = std::thread::current().id();
            for request in 0..REQUESTS {
                if request == 20 {
                    let step = Arc::clone(&step);
                    netpoll::blocking(move || step.wait());
                }
                exchange(&mut stream, request as u8);
            }
            worker
        })
    });
    let users: Vec<_> = users.collect();
    step.wait();
    let before = runtime.metrics().remote_wakeups;
    let workers: HashSet<_> = users.into_iter().map(|user| user.join().unwrap()).collect();
    let woken = runtime.metrics().remote_wakeups - before;
    assert!(workers.len() > 1, "one worker has them all");
    // Sixteen that the barrier lets go, and few that come along with them.
    let requests = CONNECTIONS * (REQUESTS - 20);
    assert!(
        woken < requests as u64 / 50,
        "{woken} wake-ups between workers in {requests} requests"
    );
    server.join().unwrap();
}

/// A stream that is first waited on by one worker, then served by another for long:
/// its events come to the second before long.
#[test]
fn a_registration_follows_the_worker_that_uses_it() {
    let reader = runtime(1);
    let user = runtime(1);
    let (server, mut client) = pair_with_std();
    let first = reader.spawn(move || {
        let mut server = server;
        server.read_exact(&mut [0]).unwrap();
        server
    });
    thread::sleep(Duration::from_millis(5));
    client.write_all(b"x").unwrap();
    let server = first.join().unwrap();
    let echo = user.spawn(move || {
        let mut server = server;
        let mut byte = [0];
        while let Ok(1) = server.read(&mut byte) {
            server.write_all(&byte).unwrap();
        }
    });
    let mut rounds = |n: usize| {
        for _ in 0..n {
            client.write_all(b"y").unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
    };
    rounds(20);
    let before = reader.metrics().remote_wakeups + user.metrics().remote_wakeups;
    rounds(1000);
    let woken = reader.metrics().remote_wakeups + user.metrics().remote_wakeups - before;
    assert!(
        woken < 50,
        "{woken} wake-ups between workers in 1000 requests"
    );
    drop(client);
    echo.join().unwrap();
}
