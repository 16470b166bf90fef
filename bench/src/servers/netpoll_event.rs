//! netpoll with handlers: no task for a connection, on one worker.

use std::io;

use netpoll::event::{Connection, EventLoop, Next};
use netpoll::net::TcpListener;

use super::netpoll::alone;
use super::{Server, announce};

/// What was received is sent as it is.
pub(super) const SERVER: Server = Server {
    name: "netpoll-event",
    about: "a handler that the worker calls, one worker; no task, no buffer while idle",
    usual: true,
    most: usize::MAX,
    run: |_| {
        alone(|| {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            announce(listener.local_addr()?)?;
            EventLoop::new(echo).serve(listener)
        })
    },
};

/// What is not shorter is moved rather than copied.
const LARGE: usize = 4096;

fn echo(connection: &mut Connection) -> io::Result<Next> {
    let (reader, writer) = (connection.reader(), connection.writer());
    if reader.len() < LARGE {
        writer.write_binary(reader.next(reader.len())?);
    } else {
        writer.append(reader.slice(reader.len())?);
    }
    Ok(Next::Again)
}
