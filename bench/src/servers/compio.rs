//! compio, a thread with an executor of its own, on io_uring.

use std::io;

use compio::BufResult;
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};

use super::{Server, announce};

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: "compio",
    about: "on io_uring, a task with a buffer of its own for each connection",
    usual: true,
    most: usize::MAX,
    run: |buffer| compio::runtime::Runtime::new()?.block_on(serve(buffer)),
};

async fn serve(buffer: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        compio::runtime::spawn(echo(stream, buffer)).detach();
    }
}

async fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(size);
    loop {
        let result;
        BufResult(result, buffer) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        let result;
        BufResult(result, buffer) = stream.write_all(buffer).await;
        result?;
        buffer.clear();
    }
}
