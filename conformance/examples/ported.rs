//! A server that was written for a thread per connection, ported by its `use` lines,
//! beside the original.
//!
//! ```text
//! cargo run --release -p netpoll-conformance --example ported [CONNECTIONS [REQUESTS]]
//! ```
//!
//! The server is OxHTTP, as cargo has fetched it; see `ported/build.rs` for how the port
//! is made. Prints what was changed, and then how many threads each of the two has when
//! all connections stand and have been served.

use std::io::{self, Read};
use std::net::SocketAddr;

use netpoll::net::TcpStream;
use netpoll::thread;
use netpoll_conformance::ported::{address_of, request};
use netpoll_conformance::process::{raise_file_limit, threads};

/// The same server of either crate.
macro_rules! server {
    ($root:path) => {{
        use $root as server;
        fn start(address: SocketAddr) -> io::Result<()> {
            let server = server::Server::new(|request| {
                let mut body = Vec::new();
                match request.body_mut().read_to_end(&mut body) {
                    Ok(_) => server::model::Response::new(server::model::Body::from(body)),
                    Err(_) => server::model::Response::default(),
                }
            });
            server.bind(address).spawn().map(drop)
        }
        address_of(start)
    }};
}

fn main() -> io::Result<()> {
    raise_file_limit();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: usize| match arguments.get(place).map(|a| a.parse()) {
        Some(Ok(number)) => number,
        None => default,
        Some(Err(_)) => {
            eprintln!("usage: ported [CONNECTIONS [REQUESTS] | --smoke]");
            std::process::exit(2);
        }
    };
    let (connections, requests) = match arguments.first().map(String::as_str) {
        Some("--smoke") => (100, 3),
        _ => (number(0, 2000), number(1, 20)),
    };

    println!("{}", netpoll_ported::DIFF);
    let ported = load(server!(netpoll_ported), connections, requests)?;
    println!("ported:   {connections} connections on {ported} threads");
    let original = load(server!(netpoll_ported::original), connections, requests)?;
    println!("original: {connections} connections on {original} threads");
    Ok(())
}

/// Serves so many requests on so many connections; returns how many threads there are
/// while all of these stand.
fn load(address: SocketAddr, connections: usize, requests: usize) -> io::Result<usize> {
    let streams: Vec<_> = (0..connections)
        .map(|_| TcpStream::connect(address))
        .collect::<io::Result<_>>()?;
    let clients: Vec<_> = streams
        .into_iter()
        .enumerate()
        .map(|(client, mut stream)| {
            thread::spawn(move || {
                for number in 0..requests {
                    let body = vec![b'a' + (client % 26) as u8; 1 + (client * 7 + number) % 900];
                    request(&mut stream, "/back", &body)?;
                }
                io::Result::Ok(stream)
            })
        })
        .collect();
    let mut streams = Vec::new();
    for client in clients {
        streams.push(client.join().expect("each got back what it sent")?);
    }
    Ok(threads())
}
