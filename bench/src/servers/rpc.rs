//! Requests of a fixed size, many at a time on each connection, answered in any order:
//! what many callers that share connections ask of a server. Where each request has a task,
//! many tasks write to one connection.

use std::io;

use netpoll::buf::{LinkBuffer, LinkStream};
use netpoll::event::{Connection, ConnectionHandle, EventLoop, Handler, Next};
use netpoll::mux::WriteQueue;
use netpoll::net::{TcpListener, TcpStream};
use netpoll::sync::{Arc, Mutex};

use super::netpoll::alone;
use super::{Server, announce};

/// How many answers may wait for tokio's writer, in frames: as many as netpoll's bound.
const WAITING: usize = 256;

/// As one writes it on tasks.
pub(super) const NETPOLL: Server = Server {
    name: "netpoll-rpc",
    about: "netpoll, a task for each request, which pushes its answer to a `WriteQueue`",
    usual: true,
    most: usize::MAX,
    run: |size| {
        tasks(size, |stream| {
            let queue = WriteQueue::new(stream);
            move |frame| Ok(queue.push(frame)?)
        })
    },
};

/// As one writes it without a queue.
pub(super) const NETPOLL_LOCK: Server = Server {
    name: "netpoll-rpc-lock",
    about: "the same with a lock around the stream, each answer in a call of its own",
    usual: false,
    run: |size| {
        tasks(size, |stream| {
            let stream = Mutex::new(stream);
            move |mut frame: LinkBuffer| frame.write_to(&mut *stream.lock().unwrap()).map(drop)
        })
    },
    ..NETPOLL
};

/// As one writes it where answers take no time.
pub(super) const EVENT: Server = Server {
    name: "netpoll-event-rpc",
    about: "netpoll with handlers, which answer themselves",
    run: |size| event(move |connection: &mut Connection| answer(connection, size)),
    ..NETPOLL
};

/// As one writes it where they may take long.
pub(super) const EVENT_TASKS: Server = Server {
    name: "netpoll-event-rpc-tasks",
    about: "netpoll with handlers, a task for each request, which writes by a handle",
    run: |size| event(Tasks(size)),
    ..NETPOLL
};

/// As its guides have it.
pub(super) const TOKIO: Server = Server {
    name: "tokio-rpc",
    about: "tokio, a task for each request; a channel, and a task that writes what is there",
    run: tokio_serve,
    ..NETPOLL
};

/// Serves with a task for each request; `writer` makes of a stream what writes to it.
fn tasks<W>(size: usize, writer: fn(TcpStream) -> W) -> io::Result<()>
where
    W: Fn(LinkBuffer) -> io::Result<()> + Send + Sync + 'static,
{
    let serve = move |stream: TcpStream| -> io::Result<()> {
        let write = Arc::new(writer(stream.try_clone()?));
        let mut stream = LinkStream::new(stream);
        loop {
            let frame = stream.reader().slice(size)?;
            stream.release();
            let write = Arc::clone(&write);
            netpoll::thread::spawn(move || write(frame));
        }
    };

    alone(move || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        announce(listener.local_addr()?)?;
        for stream in listener.incoming() {
            let stream = stream?;
            stream.set_nodelay(true)?;
            netpoll::thread::spawn(move || serve(stream));
        }
        Ok(())
    })
}

fn event(handler: impl Handler) -> io::Result<()> {
    alone(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        announce(listener.local_addr()?)?;
        EventLoop::new(handler).serve(listener)
    })
}

fn answer(connection: &mut Connection, size: usize) -> io::Result<Next> {
    let (reader, writer) = (connection.reader(), connection.writer());
    while let Some(frame) = reader.try_next(size) {
        writer.write_binary(frame);
    }
    Ok(Next::Need(size))
}

/// Starts a task for each frame of this size.
struct Tasks(usize);

impl Handler for Tasks {
    type Context = ConnectionHandle;

    fn prepare(&self, connection: &mut Connection) -> io::Result<ConnectionHandle> {
        Ok(connection.handle())
    }

    fn request(
        &self,
        connection: &mut Connection,
        handle: &mut ConnectionHandle,
    ) -> io::Result<Next> {
        let reader = connection.reader();
        while let Some(frame) = reader.try_next_bytes(self.0) {
            let handle = handle.clone();
            netpoll::thread::spawn(move || handle.write(frame));
        }
        Ok(Next::Need(self.0))
    }
}

fn tokio_serve(size: usize) -> io::Result<()> {
    super::tokio::serve(move |stream| answer_frames(stream, size))
}

async fn answer_frames(stream: tokio::net::TcpStream, size: usize) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

    let (reader, mut writer) = stream.into_split();
    let (answers, mut waiting) = tokio::sync::mpsc::channel::<Vec<u8>>(WAITING);
    tokio::spawn(async move {
        let mut together = Vec::new();
        let mut frames = Vec::new();
        while waiting.recv_many(&mut frames, WAITING).await > 0 {
            frames
                .drain(..)
                .for_each(|frame| together.extend_from_slice(&frame));
            writer.write_all(&together).await?;
            together.clear();
        }
        io::Result::Ok(())
    });
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    loop {
        let mut frame = vec![0; size];
        reader.read_exact(&mut frame).await?;
        let answers = answers.clone();
        tokio::spawn(async move { answers.send(frame).await });
    }
}
