//! A pool of client connections that notices when a server hangs up, also while nobody
//! uses the connection: they are in handler mode, so an idle one costs a struct, and its
//! event loop sees the end when it comes.
//!
//! ```text
//! cargo run --example pool             calls a server of its own a few times
//! cargo run --example pool -- --smoke  callers that share connections, a server that hangs
//!                                      up on idle ones, callers again, and exit
//! ```

use bytes::Bytes;
use netpoll::event::{Connection, ConnectionHandle, EventLoop, Handler, Next, Options};
use netpoll::net::TcpListener;
use netpoll::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use netpoll::sync::{Arc, Condvar, Mutex};
use netpoll::thread;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The longest line of a reply.
const LONGEST: usize = 1000;

/// How long a reply may take, and on how many connections a call is tried.
const PATIENCE: Duration = Duration::from_secs(10);
const TRIES: usize = 5;

/// What a caller has of a connection.
#[derive(Clone)]
struct Line {
    handle: ConnectionHandle,
    /// Who waits for its reply.
    caller: Arc<Mutex<Option<SyncSender<Bytes>>>>,
}

/// The connections that nobody uses.
#[derive(Default)]
struct Idle {
    lines: Mutex<Vec<Line>>,
    came: Condvar,
}

/// The handler of the client's end: replies are lines.
struct Replies(Arc<Idle>);

impl Handler for Replies {
    type Context = Line;

    fn prepare(&self, connection: &mut Connection) -> io::Result<Line> {
        let line = Line {
            handle: connection.handle(),
            caller: Arc::default(),
        };
        self.0.put(line.clone());
        Ok(line)
    }

    fn request(&self, connection: &mut Connection, line: &mut Line) -> io::Result<Next> {
        let reader = connection.reader();
        let Some(reply) = reader.try_until(b'\n') else {
            if reader.len() > LONGEST {
                return Err(ErrorKind::InvalidData.into());
            }
            return Ok(Next::Need(reader.len() + 1));
        };
        match line.caller.lock().unwrap().take() {
            Some(caller) => drop(caller.try_send(Bytes::copy_from_slice(reply))),
            // Nobody has asked.
            None => return Ok(Next::Close),
        }
        Ok(Next::Again)
    }

    fn disconnect(&self, _: &mut Connection, line: Line) {
        // Who waits for a reply learns it, and nobody gets this one any more.
        line.caller.lock().unwrap().take();
        let mut lines = self.0.lines.lock().unwrap();
        lines.retain(|idle| !Arc::ptr_eq(&idle.caller, &line.caller));
        // Who dialed it may still wait for it.
        self.0.came.notify_all();
    }
}

impl Idle {
    fn put(&self, line: Line) {
        let mut lines = self.lines.lock().unwrap();
        if line.handle.is_active() {
            lines.push(line);
            self.came.notify_one();
        }
    }

    fn len(&self) -> usize {
        self.lines.lock().unwrap().len()
    }
}

struct Pool {
    address: SocketAddr,
    idle: Arc<Idle>,
    dialer: EventLoop<Replies>,
}

impl Pool {
    fn new(address: SocketAddr) -> Self {
        let idle = Arc::new(Idle::default());
        Self {
            address,
            dialer: EventLoop::new(Replies(Arc::clone(&idle))),
            idle,
        }
    }

    /// A connection that stands: one that is idle, or a new one, which comes to the idle
    /// ones when its handler has prepared it, unless the server has hung up by then.
    fn line(&self) -> io::Result<Line> {
        let taken = self.idle.lines.lock().unwrap().pop();
        if let Some(line) = taken {
            return Ok(line);
        }
        let dialed = self.dialer.connect(self.address)?;
        let mut lines = self.idle.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.pop() {
                return Ok(line);
            }
            if !dialed.is_active() {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            lines = self.idle.came.wait(lines).unwrap();
        }
    }

    /// Sends a line, and waits for the line that answers it. A server may hang up just
    /// when the line is on its way: then it is sent again, on another connection.
    fn call(&self, request: &str) -> io::Result<Bytes> {
        for _ in 0..TRIES {
            let line = self.line()?;
            let (reply, replied) = sync_channel(1);
            *line.caller.lock().unwrap() = Some(reply);
            if line.handle.write(request.to_owned()).is_err() {
                continue;
            }
            match replied.recv_timeout(PATIENCE) {
                Ok(reply) => {
                    self.idle.put(line);
                    return Ok(reply);
                }
                Err(RecvTimeoutError::Disconnected) => {}
                Err(RecvTimeoutError::Timeout) => {
                    line.handle.close();
                    return Err(ErrorKind::TimedOut.into());
                }
            }
        }
        Err(ErrorKind::ConnectionAborted.into())
    }
}

/// Sends lines back, and hangs up when none has come for a while.
fn server(idle_timeout: Duration) -> io::Result<(SocketAddr, EventLoop<impl Handler>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let echo = |connection: &mut Connection| {
        let received = connection.reader().slice(connection.reader().len())?;
        connection.writer().append(received);
        Ok(Next::Again)
    };
    let server = EventLoop::with_options(echo, Options::new().idle_timeout(idle_timeout));
    let serving = server.clone();
    thread::spawn(move || serving.serve(listener));
    Ok((address, server))
}

fn main() -> io::Result<()> {
    if std::env::args().any(|argument| argument == "--smoke") {
        return smoke();
    }
    let (address, _server) = server(Duration::from_secs(2))?;
    let pool = Pool::new(address);
    for call in 0..3 {
        let reply = pool.call(&format!("call {call}\n"))?;
        print!("{}", String::from_utf8_lossy(&reply));
    }
    println!("{} idle", pool.idle.len());
    thread::sleep(Duration::from_secs(3));
    println!("{} idle, after the server hung up", pool.idle.len());
    Ok(())
}

fn smoke() -> io::Result<()> {
    const CALLERS: usize = 20;
    const CALLS: usize = 50;
    let (address, server) = server(Duration::from_millis(300))?;
    let pool = Arc::new(Pool::new(address));
    for time in ["at first", "after the server hung up"] {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || -> io::Result<()> {
                    for call in 0..CALLS {
                        let request = format!("call {call} of {caller}\n");
                        assert_eq!(pool.call(&request)?, request);
                    }
                    Ok(())
                })
            })
            .collect();
        for caller in callers {
            caller.join().expect("every reply is its call's")?;
        }
        let dialed = pool.dialer.metrics().accepted;
        println!(
            "{time}: {} calls, {dialed} connections so far",
            CALLERS * CALLS
        );
        assert!((dialed as usize) < CALLERS * CALLS / 2);

        // Nobody reads, and yet they go.
        let begin = Instant::now();
        while pool.idle.len() > 0 {
            assert!(begin.elapsed() < Duration::from_secs(20), "nobody noticed");
            thread::sleep(Duration::from_millis(5));
        }
    }
    hung_up_at_once()?;
    assert_eq!(
        server
            .shutdown(Instant::now() + Duration::from_secs(10))
            .cut_off,
        0
    );
    Ok(())
}

/// A server that accepts, and hangs up on everybody: callers learn it, instead of waiting for
/// a connection that never comes to the idle ones.
fn hung_up_at_once() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let pool = Pool::new(listener.local_addr()?);
    thread::spawn(move || listener.incoming().for_each(drop));
    for _ in 0..20 {
        let error = pool.call("anybody?\n").expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    }
    Ok(())
}
