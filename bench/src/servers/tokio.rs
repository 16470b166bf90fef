//! tokio as it is usual for one core: the current-thread runtime, a task with a
//! buffer for each connection.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Server, announce};

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: "tokio",
    about: "current-thread runtime, a task with a buffer of its own for each connection",
    usual: true,
    most: usize::MAX,
    run: |buffer| serve(move |stream| echo(stream, buffer)),
};

/// Runs a task for each connection, on the one thread that there is.
pub(super) fn serve<F>(task: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(task(stream));
        }
    })
}

async fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    while let n @ 1.. = stream.read(&mut buffer).await? {
        stream.write_all(&buffer[..n]).await?;
    }
    Ok(())
}
