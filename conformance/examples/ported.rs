//! Two servers that were written for a thread per connection, ported by their `use` lines,
//! beside the originals.
//!
//! ```text
//! cargo run --release -p netpoll-conformance --example ported [CONNECTIONS [REQUESTS]]
//! ```
//!
//! The servers are OxHTTP and tiny_http, as cargo has fetched them; see `ported/port.rs`
//! for how the ports are made. Prints what was changed; and then how many more threads the
//! process has at most while all connections are served, and how long that takes.

use std::io;
use std::time::Instant;

use netpoll::net::TcpStream;
use netpoll::thread;
use netpoll_conformance::ported::{Start, on_netpoll, on_std, request};
use netpoll_conformance::process::{raise_file_limit, threads};

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

    println!("{}", netpoll_ported_oxhttp::DIFF);
    println!("{}", netpoll_ported_tiny_http::DIFF);
    println!("{connections} connections, {requests} requests on each");
    let servers: [(&str, Start); 4] = [
        ("OxHTTP, ported", on_netpoll::oxhttp),
        ("tiny_http, ported", on_netpoll::tiny_http),
        ("OxHTTP", on_std::oxhttp),
        ("tiny_http", on_std::tiny_http),
    ];
    for (name, start) in servers {
        load(name, start, connections, requests)?;
    }
    Ok(())
}

/// Serves so many requests on so many connections, and says what that took.
fn load(name: &str, start: Start, connections: usize, requests: usize) -> io::Result<()> {
    let before = threads();
    let address = start();
    let begun = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|client| {
            thread::spawn(move || {
                let mut stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                for number in 0..requests {
                    let body = vec![b'a' + (client % 26) as u8; 1 + (client * 7 + number) % 900];
                    request(&mut stream, &body)?;
                }
                // And hangs up: tiny_http may leave a connection to a thread that is busy
                // with another one, until that one ends.
                io::Result::Ok(threads())
            })
        })
        .collect();
    let mut most = before;
    for client in clients {
        most = most.max(client.join().expect("each got back what it sent")?);
    }
    let (more, took) = (most - before, begun.elapsed());
    println!("{name:>18}: {more:5} more threads, {took:.1?}");
    Ok(())
}
