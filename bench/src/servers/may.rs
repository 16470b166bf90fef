//! may: blocking style on stackful coroutines too, which may move between threads.

use std::io::{self, Read, Write};

use may::net::{TcpListener, TcpStream};

use super::{Server, announce};

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: "may",
    about: "a coroutine with a buffer on the heap for each connection, one worker",
    usual: true,
    most: usize::MAX,
    run,
};

fn run(buffer: usize) -> io::Result<()> {
    may::config().set_workers(1);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    let accepting = may::go!(move || -> io::Result<()> {
        for stream in listener.incoming() {
            let stream = stream?;
            stream.set_nodelay(true)?;
            may::go!(move || echo(stream, buffer));
        }
        Ok(())
    });
    accepting.join().expect("accepting does not panic")
}

fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    while let n @ 1.. = stream.read(&mut buffer)? {
        stream.write_all(&buffer[..n])?;
    }
    Ok(())
}
