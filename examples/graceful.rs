//! A server in handler mode that ends in good order: on Ctrl-C it accepts nobody any more,
//! answers what it has received, and says whom it had to cut off.
//!
//! ```text
//! cargo run --example graceful             then: nc 127.0.0.1 7000, and Ctrl-C here
//! cargo run --example graceful -- --smoke  clients that do all there is, a signal, and exit
//! ```
//!
//! Each line is a request. `slow` is answered after a while, all else at once; a line that
//! does not end never is.

use netpoll::event::{Connection, EventLoop, Handler, Next, Shutdown};
use netpoll::net::{TcpListener, TcpStream};
use netpoll::signal::{Signal, Signals};
use netpoll::thread;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const LONGEST: usize = 1000;

fn answer(connection: &mut Connection) -> io::Result<Next> {
    // Waits for the rest of a line where it must, which parks the handler.
    let line = connection.reader().until(b'\n', LONGEST)?;
    if line == b"slow\n" {
        thread::sleep(Duration::from_millis(300));
    }
    connection.writer().write_string("done: ");
    connection.writer().write_binary(line);
    Ok(Next::Again)
}

/// Serves until one of these signals comes; those who are not done then have so long.
fn serve(
    server: &EventLoop<impl Handler>,
    listener: TcpListener,
    stop: &Signals,
    patience: Duration,
) -> io::Result<Shutdown> {
    let serving = thread::spawn({
        let server = server.clone();
        move || server.serve(listener)
    });
    let signal = stop.recv()?;
    println!("{signal}: waiting for those who are not done, {patience:?} at most");
    let shutdown = server.shutdown(Instant::now() + patience);
    println!("{} done, {} cut off", shutdown.finished, shutdown.cut_off);
    serving.join().expect("serving does not panic")?;
    Ok(shutdown)
}

fn main() -> io::Result<()> {
    let server = EventLoop::new(answer);
    if std::env::args().any(|argument| argument == "--smoke") {
        return smoke(&server);
    }
    let stop = Signals::new([Signal::INTERRUPT, Signal::TERMINATE])?;
    let listener = TcpListener::bind("127.0.0.1:7000")?;
    println!("listening on {}", listener.local_addr()?);
    serve(&server, listener, &stop, Duration::from_secs(10))?;
    Ok(())
}

const CLIENTS: usize = 10;

fn smoke(server: &EventLoop<impl Handler>) -> io::Result<()> {
    let stop = Signals::new([Signal::INTERRUPT])?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let clients = thread::spawn(move || clients(address));
    let shutdown = serve(server, listener, &stop, Duration::from_secs(4))?;
    // The idle ones and the slow ones are done; one has asked half a question.
    assert_eq!((shutdown.finished, shutdown.cut_off), (2 * CLIENTS, 1));
    clients.join().expect("replies are as they must be")?;
    assert!(TcpStream::connect(address).is_err(), "nobody is accepted");
    Ok(())
}

/// Some that are idle, some that wait for what is slow, and one that does not finish what
/// it says; then the signal that Ctrl-C sends.
fn clients(address: SocketAddr) -> io::Result<()> {
    let connect = |request: &str| -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"hello\n")?;
        let mut reply = [0; 12];
        stream.read_exact(&mut reply)?;
        assert_eq!(&reply, b"done: hello\n");
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    };
    let idle: Vec<_> = (0..CLIENTS)
        .map(|_| connect(""))
        .collect::<io::Result<_>>()?;
    let slow: Vec<_> = (0..CLIENTS)
        .map(|_| connect("slow\n"))
        .collect::<io::Result<_>>()?;
    let half = connect("half a questi")?;
    let myself = std::process::id().to_string();
    netpoll::process::Command::new("kill")
        .args(["-INT", &myself])
        .status()?;

    let rest = |mut stream: TcpStream| -> io::Result<String> {
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    for stream in idle {
        assert_eq!(rest(stream)?, "");
    }
    for stream in slow {
        assert_eq!(rest(stream)?, "done: slow\n");
    }
    assert_eq!(rest(half)?, "");
    Ok(())
}
