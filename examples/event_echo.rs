//! An echo server in handler mode: no task for a connection.
//!
//! ```text
//! cargo run --example event_echo             then: nc 127.0.0.1 7000
//! cargo run --example event_echo -- --smoke  the server against clients, and exit
//! ```

use netpoll::event::{Connection, EventLoop, Next};
use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

fn echo(connection: &mut Connection) -> io::Result<Next> {
    let received = connection.reader().slice(connection.reader().len())?;
    connection.writer().append(received);
    Ok(Next::Again)
}

fn main() -> io::Result<()> {
    if std::env::args().any(|argument| argument == "--smoke") {
        return smoke();
    }
    let listener = TcpListener::bind("127.0.0.1:7000")?;
    println!("listening on {}", listener.local_addr()?);
    EventLoop::new(echo).serve(listener)
}

fn smoke() -> io::Result<()> {
    const CLIENTS: usize = 200;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = EventLoop::new(echo);
    let serving = thread::spawn({
        let server = server.clone();
        move || server.serve(listener)
    });
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
    let shutdown = server.shutdown(Instant::now() + Duration::from_secs(10));
    serving.join().expect("serving does not panic")?;
    println!(
        "{CLIENTS} clients, {bytes} bytes echoed, {} cut off",
        shutdown.cut_off
    );
    Ok(())
}
