//! Crates that open sockets and threads by themselves: ported by their `use` lines.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use netpoll::net::TcpStream;
use netpoll::thread;
use netpoll_conformance::common::{LONG, on, on_workers};
use netpoll_conformance::ends::join_thread;
use netpoll_conformance::ported::{Start, on_netpoll, request};
use netpoll_conformance::process::threads;

const SERVERS: [Start; 2] = [on_netpoll::oxhttp, on_netpoll::tiny_http];

/// The diff says all that was done: put back, it has no netpoll in it, and there is
/// nothing else in it.
#[test]
fn only_the_roots_of_paths_differ() {
    for diff in [netpoll_ported_oxhttp::DIFF, netpoll_ported_tiny_http::DIFF] {
        let normal = |sign: char| -> String {
            let lines = diff.lines().filter(|line| !line.starts_with("---"));
            let text: String = lines.filter_map(|line| line.strip_prefix(sign)).collect();
            // Groups are split, so braces, commas and spaces say nothing.
            let text = text.replace("netpoll::", "std::").replace("use std::{", "");
            text.replace(['{', '}', ',', ';', ' '], "")
        };
        assert!(
            normal('-').contains("net::SocketAddrTcpListenerTcpStream")
                || normal('-').contains("net::ShutdownSocketAddrTcpListenerTcpStream")
        );
        assert_eq!(normal('-'), normal('+'));
        assert!(
            !diff
                .lines()
                .any(|line| line.starts_with('-') && line.contains("netpoll"))
        );
    }
}

#[test]
fn they_serve_tasks_and_threads() {
    on_workers(|| {
        for start in SERVERS {
            let address = start();
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            for length in [0, 1, 5000, 300_000] {
                request(&mut stream, &vec![b'x'; length]).unwrap();
            }
            let client = std::thread::spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(LONG)).unwrap();
                for _ in 0..20 {
                    request(&mut stream, b"from a thread").unwrap();
                }
            });
            join_thread(client);

            let question = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            stream.write_all(question).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    });
}

/// A timeout of tiny_http's queue is a wait for a condition.
#[test]
fn tiny_http_waits_for_a_request_no_longer_than_told() {
    on_workers(|| {
        let server = netpoll_ported_tiny_http::Server::http("127.0.0.1:0").unwrap();
        let begun = Instant::now();
        let timeout = Duration::from_millis(20);
        assert!(server.recv_timeout(timeout).unwrap().is_none());
        assert!(begun.elapsed() >= timeout);

        let address = server.server_addr().to_ip().unwrap();
        let client = thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            request(&mut stream, b"hello")
        });
        let mut request = server.recv_timeout(LONG).unwrap().expect("a request");
        let mut body = String::new();
        request.as_reader().read_to_string(&mut body).unwrap();
        request
            .respond(netpoll_ported_tiny_http::Response::from_string(body))
            .unwrap();
        client.join().unwrap().unwrap();
    });
}

/// What is a thread for each connection in the original is none here.
///
/// A client hangs up when it has been served: tiny_http, the original too, may leave a
/// connection to a thread that is busy with another one, until that one ends.
#[test]
fn hundreds_of_connections_on_two_workers() {
    const CONNECTIONS: usize = 400;
    on(2, || {
        for start in SERVERS {
            let address = start();
            let before = threads();
            let clients: Vec<_> = (0..CONNECTIONS)
                .map(|_| {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.set_read_timeout(Some(LONG)).unwrap();
                    stream.set_nodelay(true).unwrap();
                    thread::spawn(move || {
                        for number in 0..5 {
                            let body = number.to_string().repeat(1 + number * 50);
                            request(&mut stream, body.as_bytes()).unwrap();
                        }
                        threads()
                    })
                })
                .collect();
            let most = clients.into_iter().map(|client| client.join().unwrap());
            // Other tests of this process have some threads.
            assert!(most.max().unwrap() < before + CONNECTIONS / 4);
        }
    });
}
