//! Calls over few connections: a server in handler mode, and a client whose callers share
//! its connections, each reply matched to its call by a number.
//!
//! ```text
//! cargo run --example rpc             listens on 127.0.0.1:7000, and calls itself once
//! cargo run --example rpc -- --smoke  a thousand callers on four connections, and exit
//! ```
//!
//! A frame is its length in four bytes, a number in eight, and the body; the length counts
//! all of it.

use netpoll::buf::{LinkBuffer, LinkStream};
use netpoll::event::{Connection, EventLoop, Framed, Next};
use netpoll::mux::WriteQueue;
use netpoll::net::{OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
use netpoll::sync::mpsc::{SyncSender, sync_channel};
use netpoll::sync::{Arc, Mutex};
use netpoll::thread;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const HEADER: usize = 12;

/// What a peer says is not to be relied on, whichever end it is.
const LONGEST: usize = 1 << 20;

fn length(header: &[u8]) -> io::Result<usize> {
    let length = u32::from_be_bytes(header[..4].try_into().expect("there are four")) as usize;
    match length {
        HEADER..=LONGEST => Ok(length),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn write_frame(frame: &mut LinkBuffer, number: u64, body: &[u8]) {
    frame.write_binary(&((HEADER + body.len()) as u32).to_be_bytes());
    frame.write_binary(&number.to_be_bytes());
    frame.write_binary(body);
}

fn number_of(frame: &[u8]) -> u64 {
    u64::from_be_bytes(frame[4..HEADER].try_into().expect("there are eight"))
}

/// Answers with the body in capital letters. What begins with "slow" takes its time, and
/// is overtaken by what does not.
fn answer(connection: &mut Connection, frame: &[u8]) -> io::Result<Next> {
    let mut reply = LinkBuffer::new();
    write_frame(
        &mut reply,
        number_of(frame),
        &frame[HEADER..].to_ascii_uppercase(),
    );
    if !frame[HEADER..].starts_with(b"slow") {
        connection.writer().append(reply);
        return Ok(Next::Again);
    }
    reply.flush();
    let answer = connection.answer_later();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(2));
        answer.write(reply.next_bytes(reply.len())?)
    });
    Ok(Next::Again)
}

/// One connection, for any number of callers.
struct Client {
    queue: WriteQueue<OwnedWriteHalf<TcpStream>>,
    calls: Arc<Calls>,
    next: AtomicU64,
}

/// Who waits for the reply of which number; nobody any more when the connection has ended.
#[derive(Default)]
struct Calls(Mutex<Option<HashMap<u64, SyncSender<Vec<u8>>>>>);

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let calls = Arc::new(Calls(Mutex::new(Some(HashMap::new()))));
        let its = Arc::clone(&calls);
        thread::spawn(move || {
            let ended = read_replies(reader, &its);
            // Those who still wait learn it.
            *its.0.lock().unwrap() = None;
            ended
        });
        Ok(Self {
            queue: WriteQueue::new(writer),
            calls,
            next: AtomicU64::new(0),
        })
    }

    fn call(&self, body: &[u8]) -> io::Result<Vec<u8>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, replied) = sync_channel(1);
        match &mut *self.calls.0.lock().unwrap() {
            Some(calls) => calls.insert(number, reply),
            None => return Err(ErrorKind::ConnectionAborted.into()),
        };
        self.queue
            .push_with(|frame| write_frame(frame, number, body))?;
        replied
            .recv()
            .map_err(|_| ErrorKind::ConnectionAborted.into())
    }
}

fn read_replies(reader: OwnedReadHalf<TcpStream>, calls: &Calls) -> io::Result<()> {
    let mut stream = LinkStream::new(reader);
    loop {
        let header = stream.reader().peek(HEADER)?;
        let frame = stream.reader().next(length(header)?)?;
        let call = match &mut *calls.0.lock().unwrap() {
            Some(calls) => calls.remove(&number_of(frame)),
            None => return Ok(()),
        };
        if let Some(call) = call {
            // Who gave up waiting is not there any more.
            let _ = call.try_send(frame[HEADER..].to_vec());
        }
        stream.release();
    }
}

fn main() -> io::Result<()> {
    let is_smoke = std::env::args().any(|argument| argument == "--smoke");
    let port = if is_smoke { 0 } else { 7000 };
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let address = listener.local_addr()?;
    let server = EventLoop::new(Framed::new(HEADER, length, answer));
    let serving = thread::spawn({
        let server = server.clone();
        move || server.serve(listener)
    });
    if is_smoke {
        smoke(address)?;
        let shutdown = server.shutdown(Instant::now() + Duration::from_secs(10));
        assert_eq!(shutdown.cut_off, 0);
    } else {
        let reply = Client::connect(address)?.call(b"hello")?;
        println!("{address} answers {}", String::from_utf8_lossy(&reply));
    }
    serving.join().expect("serving does not panic")
}

fn smoke(address: SocketAddr) -> io::Result<()> {
    const CONNECTIONS: usize = 4;
    const CALLERS: usize = 1000;
    const CALLS: usize = 20;
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| Client::connect(address).map(Arc::new))
        .collect::<io::Result<_>>()?;
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let client = Arc::clone(&clients[caller % CONNECTIONS]);
            thread::spawn(move || -> io::Result<()> {
                for call in 0..CALLS {
                    let speed = if (caller + call) % 10 == 0 {
                        "slow"
                    } else {
                        "fast"
                    };
                    let body = format!("{speed}, caller {caller}, call {call}");
                    let reply = client.call(body.as_bytes())?;
                    assert_eq!(reply, body.to_ascii_uppercase().into_bytes());
                }
                Ok(())
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("every reply is its call's")?;
    }
    let mut writes = 0;
    for client in clients {
        client
            .queue
            .close(Instant::now() + Duration::from_secs(10))?;
        let metrics = client.queue.metrics();
        assert_eq!(metrics.written, metrics.bytes);
        writes += metrics.writes;
    }
    let calls = CALLERS * CALLS;
    println!("{CALLERS} callers, {CONNECTIONS} connections, {calls} calls, {writes} writes");
    Ok(())
}
