//! monoio, a thread with an executor of its own: on io_uring, and on epoll.

use std::io;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::{Server, announce};

/// See the [module](self).
pub(super) const URING: Server = Server {
    name: "monoio",
    about: "on io_uring, a task with a buffer of its own for each connection",
    usual: true,
    most: usize::MAX,
    run: |buffer| {
        let mut runtime = RuntimeBuilder::<IoUringDriver>::new().build()?;
        runtime.block_on(serve(buffer))
    },
};

/// See the [module](self).
pub(super) const EPOLL: Server = Server {
    name: "monoio-epoll",
    about: "the same on its driver for epoll",
    usual: true,
    most: usize::MAX,
    run: |buffer| {
        let mut runtime = RuntimeBuilder::<LegacyDriver>::new().build()?;
        runtime.block_on(serve(buffer))
    },
};

async fn serve(buffer: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        monoio::spawn(echo(stream, buffer));
    }
}

async fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(size);
    loop {
        let result;
        (result, buffer) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        let result;
        (result, buffer) = stream.write_all(buffer).await;
        result?;
        buffer.clear();
    }
}
