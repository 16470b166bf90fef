//! netpoll in blocking style: a task for each connection, on one worker.

use std::io::{self, Read, Write};

use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;

use super::{Server, announce};

/// As one would write it: a small buffer is an array, a large one is on the heap.
pub(super) const SERVER: Server = Server {
    name: "netpoll",
    about: "a task for each connection, one worker; its buffer on its stack, if small",
    usual: true,
    most: usize::MAX,
    run: |buffer| serve(usual(buffer), buffer),
};

/// Every connection's buffer is on the heap.
pub(super) const HEAP: Server = Server {
    name: "netpoll-heap",
    about: "the same with every buffer on the heap",
    usual: false,
    most: usize::MAX,
    run: |buffer| serve(on_heap, buffer),
};

const SMALL: usize = 4096;

/// On a thread of the runtime's own, under its monitor.
pub(super) const THREADS: Server = Server {
    name: "netpoll-threads",
    about: "the same in a process with three threads, as it is by default",
    usual: false,
    most: usize::MAX,
    run: |buffer| {
        netpoll::Builder::new().workers(1).build_global()?;
        let accepting = thread::spawn(move || accept(usual(buffer), buffer));
        accepting.join().expect("accepting does not panic")
    },
};

/// Serves on the thread that there is, as tokio does with its current-thread runtime.
pub(super) fn serve(echo: Echo, buffer: usize) -> io::Result<()> {
    alone(move || accept(echo, buffer))
}

/// Runs something on a runtime that consists of the calling thread.
pub(super) fn alone(main: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let runtime = netpoll::Builder::new().workers(1).monitor(false);
    runtime.run(main)?
}

/// Serves one connection, with a buffer of so many bytes.
type Echo = fn(TcpStream, usize) -> io::Result<()>;

fn accept(echo: Echo, buffer: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        thread::spawn(move || echo(stream, buffer));
    }
    Ok(())
}

fn usual(buffer: usize) -> Echo {
    if buffer <= SMALL { on_stack } else { on_heap }
}

fn on_stack(mut stream: TcpStream, _: usize) -> io::Result<()> {
    let mut buffer = [0; SMALL];
    while let n @ 1.. = stream.read(&mut buffer)? {
        stream.write_all(&buffer[..n])?;
    }
    Ok(())
}

fn on_heap(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    while let n @ 1.. = stream.read(&mut buffer)? {
        stream.write_all(&buffer[..n])?;
    }
    Ok(())
}
