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
    run: |buffer| serve(if buffer <= SMALL { on_stack } else { on_heap }, buffer),
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

pub(super) fn serve(echo: fn(TcpStream, usize) -> io::Result<()>, buffer: usize) -> io::Result<()> {
    netpoll::Builder::new().workers(1).build_global()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    let accepting = thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream?;
            stream.set_nodelay(true)?;
            thread::spawn(move || echo(stream, buffer));
        }
        Ok(())
    });
    accepting.join().expect("accepting does not panic")
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
