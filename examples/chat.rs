//! A chat: what one says, all hear. Connections are in handler mode; a task of its own
//! writes to all of them.
//!
//! ```text
//! cargo run --example chat             then, several times: nc 127.0.0.1 7000
//! cargo run --example chat -- --smoke  fifty who talk at once, and exit
//! ```

use bytes::Bytes;
use netpoll::event::{Connection, ConnectionHandle, EventLoop, Handler, Next};
use netpoll::net::{TcpListener, TcpStream};
use netpoll::sync::mpsc::{Receiver, SyncSender, sync_channel};
use netpoll::sync::{Arc, Mutex};
use netpoll::thread;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A line may be so long.
const LONGEST: usize = 1000;

/// Who is there.
type Room = Arc<Mutex<HashMap<u64, ConnectionHandle>>>;

struct Chat {
    room: Room,
    next: AtomicU64,
    /// What is said. Where that comes faster than it goes out, handlers wait here.
    said: SyncSender<Bytes>,
}

impl Handler for Chat {
    type Context = u64;

    fn prepare(&self, connection: &mut Connection) -> io::Result<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut room = self.room.lock().unwrap();
        room.insert(number, connection.handle());
        Ok(number)
    }

    fn connect(&self, connection: &mut Connection, number: &mut u64) -> io::Result<()> {
        let greeting = format!("you are {number}\n");
        connection.writer().write_string(&greeting);
        Ok(())
    }

    fn request(&self, connection: &mut Connection, number: &mut u64) -> io::Result<Next> {
        let reader = connection.reader();
        while let Some(line) = reader.try_until(b'\n') {
            if line.len() > LONGEST {
                return Err(ErrorKind::InvalidData.into());
            }
            let mut said = format!("{number}: ").into_bytes();
            said.extend_from_slice(line);
            self.said.send(said.into()).map_err(io::Error::other)?;
        }
        if reader.len() > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(Next::Need(reader.len() + 1))
    }

    fn disconnect(&self, _: &mut Connection, number: u64) {
        self.room.lock().unwrap().remove(&number);
    }
}

/// Writes what is said to everybody, until nobody can say anything any more.
fn broadcast(said: Receiver<Bytes>, room: &Room) {
    for line in said {
        for listener in room.lock().unwrap().values() {
            let written = listener.try_write(line.clone());
            if written.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                // Who does not read must not hold up the others.
                listener.close();
            }
        }
    }
}

fn start() -> EventLoop<Chat> {
    let room = Room::default();
    let (said, to_say) = sync_channel(100);
    thread::spawn({
        let room = Arc::clone(&room);
        move || broadcast(to_say, &room)
    });
    EventLoop::new(Chat {
        room,
        next: AtomicU64::new(0),
        said,
    })
}

fn main() -> io::Result<()> {
    if std::env::args().any(|argument| argument == "--smoke") {
        return smoke();
    }
    let listener = TcpListener::bind("127.0.0.1:7000")?;
    println!("listening on {}", listener.local_addr()?);
    start().serve(listener)
}

const TALKERS: usize = 50;
const LINES: usize = 20;

fn smoke() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = start();
    let serving = thread::spawn({
        let server = server.clone();
        move || server.serve(listener)
    });
    let here = Arc::new(netpoll::sync::Barrier::new(TALKERS));
    let talkers: Vec<_> = (0..TALKERS)
        .map(|_| {
            let here = Arc::clone(&here);
            thread::spawn(move || talk(address, &here))
        })
        .collect();
    for talker in talkers {
        talker.join().expect("everybody hears everything")?;
    }
    let shutdown = server.shutdown(Instant::now() + Duration::from_secs(10));
    serving.join().expect("serving does not panic")?;
    let heard = TALKERS * TALKERS * LINES;
    println!(
        "{TALKERS} talkers, {heard} lines heard, {} cut off",
        shutdown.cut_off
    );
    Ok(())
}

/// Says some lines, and hears those of all.
fn talk(address: SocketAddr, here: &netpoll::sync::Barrier) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let greeting = lines.next().expect("there is a greeting")?;
    assert!(greeting.starts_with("you are "), "{greeting}");
    here.wait();
    for line in 0..LINES {
        writeln!(stream, "line {line}")?;
    }
    let mut heard: HashMap<String, usize> = HashMap::new();
    for line in lines.take(TALKERS * LINES) {
        let line = line?;
        let (who, what) = line.split_once(": ").expect("it says who");
        let count = heard.entry(who.to_owned()).or_default();
        assert_eq!(what, format!("line {count}"), "in the order of {who}");
        *count += 1;
    }
    assert_eq!(heard.len(), TALKERS);
    assert!(heard.values().all(|count| *count == LINES));
    Ok(())
}
