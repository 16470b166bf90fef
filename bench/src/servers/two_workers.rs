//! Two workers, and requests some of which ask for work: netpoll and tokio, each with
//! the work where the request is, and with the work where their guides send it.

use std::io::{self, Read, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Server, announce};
use crate::work;

/// The work holds its worker.
pub(super) const NETPOLL: Server = Server {
    name: "netpoll-2",
    about: "netpoll, two workers, the work in the connection's task",
    usual: true,
    most: usize::MAX,
    run: |steps| netpoll_serve(move || work::compute(steps)),
};

/// The work is where it blocks nobody.
pub(super) const NETPOLL_BLOCKING: Server = Server {
    name: "netpoll-2-blocking",
    about: "netpoll, two workers, the work in `netpoll::blocking`",
    run: |steps| netpoll_serve(move || netpoll::blocking(move || work::compute(steps))),
    ..NETPOLL
};

/// The work holds its worker.
pub(super) const TOKIO: Server = Server {
    name: "tokio-2",
    about: "tokio, multi-thread runtime with two workers, the work in the connection's task",
    run: |steps| tokio_serve(move || async move { work::compute(steps) }),
    ..NETPOLL
};

/// The work is where it blocks nobody.
pub(super) const TOKIO_BLOCKING: Server = Server {
    name: "tokio-2-blocking",
    about: "tokio, multi-thread runtime with two workers, the work in `spawn_blocking`",
    run: |steps| {
        tokio_serve(move || async move {
            let work = tokio::task::spawn_blocking(move || work::compute(steps));
            work.await.expect("the work does not panic");
        })
    },
    ..NETPOLL
};

fn netpoll_serve(work: impl Fn() + Copy + Send + 'static) -> io::Result<()> {
    use netpoll::net::{TcpListener, TcpStream};

    fn answer(mut stream: TcpStream, work: impl Fn()) -> io::Result<()> {
        let mut frame = [0; work::FRAME];
        loop {
            stream.read_exact(&mut frame)?;
            if work::is_asked_for(&frame) {
                work();
            }
            stream.write_all(&frame)?;
        }
    }

    netpoll::Builder::new().workers(2).build_global()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    let accepting = netpoll::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream?;
            stream.set_nodelay(true)?;
            netpoll::thread::spawn(move || answer(stream, work));
        }
        Ok(())
    });
    accepting.join().expect("accepting does not panic")
}

fn tokio_serve<F>(work: impl Fn() -> F + Copy + Send + 'static) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    use tokio::net::{TcpListener, TcpStream};

    async fn answer<F: Future<Output = ()>>(
        mut stream: TcpStream,
        work: impl Fn() -> F,
    ) -> io::Result<()> {
        let mut frame = [0; work::FRAME];
        loop {
            stream.read_exact(&mut frame).await?;
            if work::is_asked_for(&frame) {
                work().await;
            }
            stream.write_all(&frame).await?;
        }
    }

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_io()
        .build()?;
    // What `block_on` runs is on neither of the workers.
    let accepting = runtime.spawn(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(answer(stream, work));
        }
    });
    runtime
        .block_on(accepting)
        .expect("accepting does not panic")
}
