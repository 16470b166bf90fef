//! Ten thousand connections at once, each byte of each echo verified.
//!
//! ```text
//! cargo run --release                                   # the server, in another terminal
//! cargo run --release --example ten_thousand [ADDRESS [CONNECTIONS [ROUNDS]]]
//! ```
//!
//! Each connection takes a descriptor here and one in the server, so the limit of
//! open files (`ulimit -n`) must be above ten thousand in both.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || -> ! {
        eprintln!("usage: ten_thousand [ADDRESS [CONNECTIONS [ROUNDS]] | --smoke]");
        std::process::exit(2);
    };
    let number = |place: usize, default: usize| match arguments.get(place) {
        Some(text) => text.parse().unwrap_or_else(|_| usage()),
        None => default,
    };
    let (address, connections, rounds): (SocketAddr, _, _) =
        match arguments.first().map(String::as_str) {
            Some("--smoke") => (serve()?, 300, 3),
            Some(text) => (
                text.parse().unwrap_or_else(|_| usage()),
                number(1, 10_000),
                number(2, 5),
            ),
            None => (([127, 0, 0, 1], 7000).into(), 10_000, 5),
        };

    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        streams.push(TcpStream::connect(address)?);
    }
    println!("{connections} connections to {address} stand");
    let clients: Vec<_> = streams
        .into_iter()
        .enumerate()
        .map(|(client, stream)| thread::spawn(move || talk(stream, client, rounds)))
        .collect();
    let mut bytes = 0;
    for client in clients {
        bytes += client
            .join()
            .expect("a client got back what it did not send")?;
    }
    println!("{bytes} bytes went there and came back, each as it was");
    Ok(())
}

/// An echo server of our own.
fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || -> io::Result<()> {
                let mut stream = stream;
                let mut buffer = [0; 512];
                loop {
                    match stream.read(&mut buffer)? {
                        0 => return Ok(()),
                        n => stream.write_all(&buffer[..n])?,
                    }
                }
            });
        }
    });
    Ok(address)
}

/// Sends messages of several lengths and compares what comes back.
fn talk(mut stream: TcpStream, client: usize, rounds: usize) -> io::Result<usize> {
    let mut bytes = 0;
    for round in 0..rounds {
        let length = 1 + (client * 7 + round * 131) % 300;
        let message: Vec<u8> = (0..length)
            .map(|i| (client ^ (round << 3) ^ i) as u8)
            .collect();
        stream.write_all(&message)?;
        let mut reply = vec![0; length];
        stream.read_exact(&mut reply)?;
        assert!(reply == message, "client {client}, round {round}");
        bytes += length;
    }
    Ok(bytes)
}
