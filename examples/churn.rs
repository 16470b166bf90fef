//! Connect, echo, close, many times: no descriptor is left.
//!
//! ```text
//! cargo run --release --example churn [TIMES]
//! ```

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;

/// Clients that are at it at once.
const CLIENTS: usize = 50;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let times: usize = match arguments.first().map(String::as_str) {
        None => 100_000,
        Some("--smoke") => 2_000,
        Some(number) => number.parse().unwrap_or_else(|_| {
            eprintln!("usage: churn [TIMES | --smoke]");
            std::process::exit(2);
        }),
    };

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let acceptor = listener.try_clone()?;
    let accepting = thread::spawn(move || {
        for stream in acceptor.incoming() {
            match stream {
                Ok(stream) => drop(thread::spawn(move || echo(stream))),
                Err(error) => eprintln!("accept: {error}"),
            }
        }
    });

    // Once, so that what the runtime needs for itself is open.
    connect_echo_close(address, 0)?;
    let before = settled_descriptors();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            thread::spawn(move || -> io::Result<()> {
                for round in (client..times).step_by(CLIENTS) {
                    connect_echo_close(address, round)?;
                }
                Ok(())
            })
        })
        .collect();
    for client in clients {
        client.join().expect("no client panics")?;
    }
    // The servers' ends may be closed a moment later.
    let start = Instant::now();
    while descriptors() != before && start.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(50));
    }
    let after = descriptors();
    println!("{times} connections; {before} descriptors open before, {after} after");
    listener.close();
    accepting.join().expect("the acceptor does not panic");
    std::process::exit(i32::from(after != before));
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

fn connect_echo_close(address: std::net::SocketAddr, round: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let message = round.to_be_bytes();
    stream.write_all(&message)?;
    let mut reply = [0; 8];
    stream.read_exact(&mut reply)?;
    assert_eq!(message, reply);
    Ok(())
}

/// How many descriptors are open.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// How many are, when that has stopped changing.
fn settled_descriptors() -> usize {
    let start = Instant::now();
    let mut last = descriptors();
    loop {
        thread::sleep(Duration::from_millis(50));
        let now = descriptors();
        if now == last || start.elapsed() > Duration::from_secs(10) {
            return now;
        }
        last = now;
    }
}
