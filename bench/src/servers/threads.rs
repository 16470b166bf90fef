//! std: a thread for each connection.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use super::{Server, announce};

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: "std",
    about: "std::net, a thread for each connection",
    usual: true,
    most: 1000,
    run,
};

fn run(buffer: usize) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    announce(listener.local_addr()?)?;
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        thread::Builder::new().spawn(move || echo(stream, buffer))?;
    }
    Ok(())
}

fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    while let n @ 1.. = stream.read(&mut buffer)? {
        stream.write_all(&buffer[..n])?;
    }
    Ok(())
}
