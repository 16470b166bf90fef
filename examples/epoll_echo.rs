//! An echo server written directly on `netpoll::epoll`, level- or edge-triggered.
//!
//! ```text
//! cargo run --example epoll_echo -- --edge 127.0.0.1:7000
//! printf 'hello\n' | nc -N 127.0.0.1 7000
//! ```
//!
//! The two modes differ only where the program looks at its `Mode`:
//!
//! | | level | edge |
//! |---|---|---|
//! | a connection is watched for | IN, or OUT while output is pending | IN and OUT, once and for all |
//! | its turn ends | whenever it likes: the kernel reports it again | at `WouldBlock`, or we remember to go on |

use netpoll::epoll::{Epoll, Event, Events, Flags, Waker};
use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: epoll_echo [--edge|--level] [ADDR]    serve; default: --edge 127.0.0.1:7000
       epoll_echo [--edge|--level] --smoke   check the server against a client, and exit";

const DEFAULT_ADDR: &str = "127.0.0.1:7000";

// Connections are numbered upwards and a number is never used twice, so an
// event for a connection that its own batch has closed finds nobody.
const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;

/// How much one connection may read before the others have their turn.
const READS_PER_TURN: usize = 16;

/// How long to leave the listener alone after it failed, as it does when the
/// process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Edge,
    Level,
}

impl Mode {
    /// The flags to watch a connection with.
    fn flags(self, output_pending: bool) -> Flags {
        match self {
            Mode::Edge => Flags::IN | Flags::OUT | Flags::EDGE_TRIGGERED,
            // Input that waits while we cannot write would be reported over
            // and over again, and so would room while there is nothing to write.
            Mode::Level if output_pending => Flags::OUT,
            Mode::Level => Flags::IN,
        }
    }

    fn listener_flags(self) -> Flags {
        match self {
            Mode::Edge => Flags::IN | Flags::EDGE_TRIGGERED,
            Mode::Level => Flags::IN,
        }
    }
}

struct Connection {
    stream: TcpStream,
    /// What was read and could not be written yet, from `written` on.
    output: Vec<u8>,
    written: usize,
    /// The peer has sent all it will ever send.
    ended: bool,
    /// The flags that the stream is registered with.
    flags: Flags,
}

/// How a turn of a connection ended.
enum Turn {
    /// At `WouldBlock`: there is nothing to do until the next event.
    Blocked,
    /// Its share was used up.
    More,
    /// All is echoed, and the peer has ended its direction.
    Done,
}

impl Connection {
    /// Writes and reads until one of them would block. While output is pending
    /// nothing is read, so that a peer that does not read fills its own
    /// buffers, not our memory.
    fn turn(&mut self, buf: &mut [u8]) -> io::Result<Turn> {
        for _ in 0..READS_PER_TURN {
            if !self.flush()? {
                return Ok(Turn::Blocked);
            }
            if self.ended {
                return Ok(Turn::Done);
            }
            match self.stream.read(buf) {
                Ok(0) => self.ended = true,
                Ok(n) => self.output.extend_from_slice(&buf[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::More)
    }

    /// Writes pending output; false if some of it is left.
    fn flush(&mut self) -> io::Result<bool> {
        while self.output_pending() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(true)
    }

    fn output_pending(&self) -> bool {
        self.written < self.output.len()
    }
}

struct Server {
    mode: Mode,
    epoll: Epoll,
    listener: TcpListener,
    /// When to look after the listener again, if it was paused.
    paused_until: Option<Instant>,
    connections: HashMap<u64, Connection>,
    next_token: u64,
    /// Edge-triggered connections whose turn ended before `WouldBlock`.
    unfinished: HashSet<u64>,
    buf: Box<[u8]>,
}

impl Server {
    fn bind(addr: &str, mode: Mode) -> io::Result<Server> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let epoll = Epoll::new()?;
        epoll.add(&listener, mode.listener_flags(), LISTENER)?;
        Ok(Server {
            mode,
            epoll,
            listener,
            paused_until: None,
            connections: HashMap::new(),
            next_token: 0,
            unfinished: HashSet::new(),
            buf: vec![0; 64 * 1024].into(),
        })
    }

    /// Serves until an event with the token [`STOP`] comes.
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::new();
        loop {
            match self.epoll.wait(&mut events, self.timeout()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            };
            let unfinished = std::mem::take(&mut self.unfinished);
            for Event { token, .. } in &events {
                match token {
                    STOP => return Ok(()),
                    LISTENER => self.accept()?,
                    // Which flags came does not matter: a turn tries both
                    // directions, and learns of errors by that.
                    token => self.turn(token),
                }
            }
            for token in unfinished {
                self.turn(token);
            }
            if self
                .paused_until
                .is_some_and(|until| until <= Instant::now())
            {
                // Modifying reports anew who waits to be accepted, with edges too.
                self.paused_until = None;
                let flags = self.mode.listener_flags();
                self.epoll.modify(&self.listener, flags, LISTENER)?;
            }
            if events.is_full() {
                events.grow();
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let until = self.paused_until?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    if let Err(error) = self.register(stream) {
                        eprintln!("epoll_echo: turned {peer} away: {error}");
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(()),
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        // Most likely EMFILE. Who waits to be accepted goes on
                        // waiting, so a level would be reported at once again
                        // and an edge never: look away for a while.
                        eprintln!("epoll_echo: cannot accept for the moment: {error}");
                        self.paused_until = Some(Instant::now() + ACCEPT_PAUSE);
                        let nothing = Flags::empty();
                        return self.epoll.modify(&self.listener, nothing, LISTENER);
                    }
                },
            }
        }
    }

    fn register(&mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let token = self.next_token;
        let flags = self.mode.flags(false);
        self.epoll.add(&stream, flags, token)?;
        self.next_token += 1;
        let connection = Connection {
            stream,
            output: Vec::new(),
            written: 0,
            ended: false,
            flags,
        };
        self.connections.insert(token, connection);
        Ok(())
    }

    fn turn(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        let keep = match connection.turn(&mut self.buf) {
            // A level is reported again; nobody repeats an edge.
            Ok(Turn::More) if self.mode == Mode::Edge => {
                self.unfinished.insert(token);
                true
            }
            Ok(Turn::More | Turn::Blocked) => {
                // Edge-triggered flags never change.
                let flags = self.mode.flags(connection.output_pending());
                let changed = flags != std::mem::replace(&mut connection.flags, flags);
                !changed || self.epoll.modify(&connection.stream, flags, token).is_ok()
            }
            // A reset is the peer's affair.
            Ok(Turn::Done) | Err(_) => false,
        };
        if !keep {
            // The stream has no duplicate, so closing it ends its registration.
            self.connections.remove(&token);
        }
    }
}

fn serve(addr: &str, mode: Mode) -> io::Result<()> {
    let mut server = Server::bind(addr, mode).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"))
    })?;
    let addr = server.listener.local_addr()?;
    println!("epoll_echo: listening on {addr}, {mode:?} mode");
    server.run()
}

/// The server against a client of its own.
fn smoke(mode: Mode) -> io::Result<()> {
    let mut server = Server::bind("127.0.0.1:0", mode)?;
    let addr = server.listener.local_addr()?;
    let stop = Waker::new(&server.epoll, STOP)?;
    let bytes = thread::scope(|scope| {
        let client = scope.spawn(|| {
            let result = smoke_client(addr);
            stop.wake()?;
            result
        });
        server.run()?;
        client.join().expect("the client panicked")
    })?;
    println!("epoll_echo: {mode:?} mode: {bytes} bytes came back, every one verified");
    Ok(())
}

/// The byte at a position of the stream: its period divides no buffer's size.
fn byte_at(position: usize) -> u8 {
    (position % 251) as u8
}

fn smoke_client(addr: SocketAddr) -> io::Result<usize> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let pattern: Vec<u8> = (0..64 * 1024).map(byte_at).collect();
    let mut sent = 0;

    for len in 1..=500 {
        let message = &pattern[sent % 251..][..len];
        let mut echo = vec![0; len];
        stream.write_all(message)?;
        stream.read_exact(&mut echo)?;
        verify(sent, message.len(), &echo)?;
        sent += len;
    }

    // Write without reading until nothing moves any more: the server then has
    // output that it could not write, and has stopped reading.
    stream.set_write_timeout(Some(Duration::from_millis(200)))?;
    let start = sent;
    loop {
        match stream.write(&pattern[sent % 251..]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
        if sent > 1 << 30 {
            return Err(io::Error::other("the server hoards what is not read"));
        }
    }
    // All of it has to come back after a half-close, and then the end.
    stream.shutdown(Shutdown::Write)?;
    let mut echo = Vec::new();
    stream.read_to_end(&mut echo)?;
    verify(start, sent - start, &echo)?;
    Ok(sent)
}

fn verify(start: usize, len: usize, echo: &[u8]) -> io::Result<()> {
    let right = (start..)
        .zip(echo)
        .take_while(|(at, byte)| byte_at(*at) == **byte);
    let right = right.count();
    if right == len && echo.len() == len {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "sent {len} bytes, received {}, the first {right} of them right",
        echo.len()
    )))
}

struct Options {
    mode: Mode,
    addr: Option<String>,
    smoke: bool,
}

fn parse(args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        mode: Mode::Edge,
        addr: None,
        smoke: false,
    };
    for arg in args {
        match arg.as_str() {
            "--edge" => options.mode = Mode::Edge,
            "--level" => options.mode = Mode::Level,
            "--smoke" => options.smoke = true,
            flag if flag.starts_with('-') => return Err(format!("unknown flag '{flag}'")),
            _ if options.addr.is_some() => return Err(format!("one ADDR too many: '{arg}'")),
            _ => options.addr = Some(arg),
        }
    }
    if options.smoke && options.addr.is_some() {
        return Err("--smoke takes no ADDR".into());
    }
    Ok(options)
}

fn main() -> ExitCode {
    if std::env::args()
        .skip(1)
        .any(|arg| arg == "--help" || arg == "-h")
    {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("epoll_echo: {error}; --help tells what there is");
            return ExitCode::from(2);
        }
    };
    let result = if options.smoke {
        smoke(options.mode)
    } else {
        serve(
            options.addr.as_deref().unwrap_or(DEFAULT_ADDR),
            options.mode,
        )
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("epoll_echo: {error}");
            // An ADDR that is none is a wrong argument too.
            let invalid = error.kind() == ErrorKind::InvalidInput;
            ExitCode::from(if invalid { 2 } else { 1 })
        }
    }
}
