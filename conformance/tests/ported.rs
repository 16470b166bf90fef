//! A crate that opens sockets and threads by itself: ported by its `use` lines.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use netpoll::net::TcpStream;
use netpoll::thread;
use netpoll_conformance::common::{LONG, on, on_workers};
use netpoll_conformance::ends::join_thread;
use netpoll_conformance::ported::{address_of, request};
use netpoll_conformance::process::threads;
use netpoll_ported::model::{Body, Response, StatusCode};
use netpoll_ported::{DIFF, Server};

fn start() -> SocketAddr {
    address_of(|address| {
        let server = Server::new(|request| {
            let mut body = Vec::new();
            request.body_mut().read_to_end(&mut body).unwrap();
            let status = match request.uri().path() {
                "/back" => StatusCode::OK,
                _ => StatusCode::NOT_FOUND,
            };
            Response::builder()
                .status(status)
                .body(Body::from(body))
                .unwrap()
        });
        server
            .with_global_timeout(LONG)
            .bind(address)
            .spawn()
            .map(drop)
    })
}

#[test]
fn only_use_lines_differ() {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for line in DIFF.lines().filter(|line| !line.starts_with("---")) {
        match line.split_at(1) {
            ("-", line) => removed.push(line.to_owned()),
            ("+", line) => added.push(line.to_owned()),
            _ => assert!(line.starts_with("@@"), "{line}"),
        }
    }
    assert!(removed.iter().any(|line| line.contains("TcpListener")));
    assert!(
        removed
            .iter()
            .all(|line| line.trim_start().starts_with("use std::"))
    );
    let by_hand: Vec<_> = removed
        .iter()
        .map(|line| line.replace("use std::", "use netpoll::"))
        .collect();
    assert_eq!(by_hand, added);
}

#[test]
fn it_serves_tasks_and_threads() {
    on_workers(|| {
        let address = start();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        for length in [0, 1, 5000, 300_000] {
            request(&mut stream, "/back", &vec![b'x'; length]).unwrap();
        }
        let client = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, address.port()));
            let stream = stream.as_mut().unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            for _ in 0..20 {
                request(stream, "/back", b"from a thread").unwrap();
            }
        });
        join_thread(client);

        let mut answer = String::new();
        let question = b"GET /other HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(question).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    });
}

/// What is a thread for each connection in the original is none here.
#[test]
fn hundreds_of_connections_on_two_workers() {
    const CONNECTIONS: usize = 400;
    on(2, || {
        let address = start();
        let served = Arc::new(AtomicUsize::new(0));
        let before = threads();
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            streams.push(stream);
        }
        let clients: Vec<_> = streams
            .into_iter()
            .map(|mut stream| {
                let served = Arc::clone(&served);
                thread::spawn(move || {
                    for number in 0..5u32 {
                        let body = number.to_string().repeat(1 + number as usize * 50);
                        request(&mut stream, "/back", body.as_bytes()).unwrap();
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                    stream
                })
            })
            .collect();
        let streams: Vec<_> = clients.into_iter().map(|c| c.join().unwrap()).collect();
        assert_eq!(served.load(Ordering::Relaxed), 5 * CONNECTIONS);
        // All connections stand. Other tests of this process may have some threads.
        assert!(threads() < before + CONNECTIONS / 4);
        drop(streams);
    });
}
