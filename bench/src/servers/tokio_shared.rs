//! tokio with one buffer for all connections: wait until a socket is readable, then
//! try to read into a buffer of the thread. An idle connection holds no buffer.

use std::cell::RefCell;
use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Server;
use super::tokio::serve;

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: "tokio-shared",
    about: "current-thread runtime, `readable` and `try_read` into one buffer for all connections",
    usual: true,
    most: usize::MAX,
    run: |_| serve(echo),
};

const BUFFER: usize = 64 * 1024;

thread_local! {
    static SHARED: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into());
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        // What the socket does not take at once has to be kept: by then others use the
        // buffer.
        let rest = SHARED.with_borrow_mut(|buffer| {
            let length = match stream.try_read(buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Some(Vec::new()));
                }
                Err(error) => return Err(error),
            };
            let sent = match stream.try_write(&buffer[..length]) {
                Ok(sent) => sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            Ok(Some(buffer[sent..length].to_vec()))
        })?;
        match rest {
            None => return Ok(()),
            Some(rest) if rest.is_empty() => {}
            Some(rest) => stream.write_all(&rest).await?,
        }
    }
}
