//! An echo server in blocking style: a task for each connection.
//!
//! ```text
//! cargo run --example echo                 then: nc 127.0.0.1 7000
//! cargo run --example echo -- --smoke      the server against clients, and exit
//! ```

use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;
use std::io::{self, Read, Write};

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 512];
    while let n @ 1.. = stream.read(&mut buffer)? {
        stream.write_all(&buffer[..n])?;
    }
    Ok(())
}

fn serve(listener: TcpListener) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => drop(thread::spawn(move || echo(stream))),
            Err(error) => eprintln!("accept: {error}"),
        }
    }
}

fn main() -> io::Result<()> {
    if std::env::args().any(|argument| argument == "--smoke") {
        return smoke();
    }
    let listener = TcpListener::bind("127.0.0.1:7000")?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener);
    Ok(())
}

fn smoke() -> io::Result<()> {
    const CLIENTS: usize = 200;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || serve(listener));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            thread::spawn(move || -> io::Result<usize> {
                let mut stream = TcpStream::connect(address)?;
                let sent: Vec<u8> = (0..1000 + client).map(|i| (i * client) as u8).collect();
                let mut came = vec![0; sent.len()];
                stream.write_all(&sent)?;
                stream.read_exact(&mut came)?;
                assert_eq!(sent, came);
                Ok(came.len())
            })
        })
        .collect();
    let mut bytes = 0;
    for client in clients {
        bytes += client.join().expect("the bytes come back as they were")?;
    }
    println!("{CLIENTS} clients got all of their {bytes} bytes back");
    Ok(())
}
