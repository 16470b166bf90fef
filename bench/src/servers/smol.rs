//! smol: an executor for one thread, over the reactor that it has in a thread.

use std::io;

use smol::LocalExecutor;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};

use super::{Server, announce};

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: "smol",
    about: "a local executor, a task with a buffer of its own for each connection",
    usual: true,
    most: usize::MAX,
    run,
};

fn run(buffer: usize) -> io::Result<()> {
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            executor.spawn(echo(stream, buffer)).detach();
        }
    }))
}

async fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    while let n @ 1.. = stream.read(&mut buffer).await? {
        stream.write_all(&buffer[..n]).await?;
    }
    Ok(())
}
