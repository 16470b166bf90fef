//! netpoll in blocking style, with buffers that are there while there are bytes.

use std::io::{self, BufRead, Write};

use netpoll::io::BufReader;
use netpoll::net::TcpStream;

use super::Server;
use super::netpoll::serve;

/// What the documentation advises for many connections.
pub(super) const SERVER: Server = Server {
    name: "netpoll-buffered",
    about: "the same with netpoll's `BufReader`, which has a buffer only while there are bytes",
    usual: true,
    most: usize::MAX,
    run: |buffer| serve(echo, buffer),
};

fn echo(stream: TcpStream, size: usize) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(size, &stream);
    loop {
        let bytes = reader.fill_buf()?;
        let length = bytes.len();
        if length == 0 {
            return Ok(());
        }
        (&stream).write_all(bytes)?;
        reader.consume(length);
    }
}
