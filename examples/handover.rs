//! Restarting a server without refusing a connection: it hands its listeners to its
//! successor, and finishes what it has begun.
//!
//! ```text
//! cargo run --example handover             then: nc 127.0.0.1 7000, and in another terminal
//! kill -HUP <pid>                          a successor takes over; the old one drains, and ends
//! cargo run --example handover -- --smoke  three successions under load, and exit
//! ```
//!
//! ```text
//!  old:  accepts ------------------------| stops accepting, serves what it has, ends
//!              \ starts the new one,     ^
//!               \ sends the listeners    | "ready"
//!  new:          starts --- receives ----+--- accepts -------------------------->
//! ```
//!
//! The listening socket stays open throughout, in one process or both, so that what comes
//! in meanwhile waits in its backlog. The descriptors go over a Unix socket (SCM_RIGHTS),
//! which the successor has as its standard input.

use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netpoll::io::{BufReader, PipeReader};
use netpoll::net::{Dialer, ListenConfig, TcpListener, TcpStream};
use netpoll::thread;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use rustix::process::{Pid, Signal};

const SUCCESSOR: &str = "--successor";
/// So long that nothing here takes it.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> io::Result<()> {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if has("--smoke") {
        return smoke();
    }
    // Before anybody knows of this process.
    let hangups = hangups()?;
    // Who was started by a predecessor gets the listener from it; others make one.
    let listener = if has(SUCCESSOR) {
        let mut predecessor = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let listener = TcpListener::from(receive(&predecessor)?);
        // Both processes share the mode that it comes in; here, accepting waits.
        listener.set_nonblocking(false)?;
        predecessor.write_all(b"ready")?;
        listener
    } else {
        ListenConfig::new().listen_tcp("127.0.0.1:7000")?
    };
    let address = listener.local_addr()?;
    eprintln!("process {} serves {address}", std::process::id());
    serve(listener, hangups)
}

/// Serves until SIGHUP, then hands over, and ends when the last connection has.
fn serve(listener: TcpListener, mut hangups: PipeReader) -> io::Result<()> {
    let connections = Arc::new(AtomicU32::new(0));
    let accepting = {
        let listener = listener.try_clone()?;
        let connections = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                match stream {
                    Ok(stream) => {
                        connections.fetch_add(1, Ordering::Relaxed);
                        let connections = Arc::clone(&connections);
                        thread::spawn(move || {
                            // What becomes of a connection is its client's affair.
                            let _ = echo(stream);
                            connections.fetch_sub(1, Ordering::Release);
                        });
                    }
                    Err(error) => eprintln!("accept: {error}"),
                }
            }
        })
    };
    hangups.read_exact(&mut [0])?;
    hand_over(&listener)?;
    // From now on the successor accepts. Closing is for this process alone.
    listener.close();
    accepting.join().expect("accepting does not panic");
    while connections.load(Ordering::Acquire) > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Says who serves, then sends back what comes.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    writeln!(stream, "{}", std::process::id())?;
    let mut buffer = [0; 512];
    while let n @ 1.. = stream.read(&mut buffer)? {
        stream.write_all(&buffer[..n])?;
    }
    Ok(())
}

/// Starts this program anew, sends it the listener, and waits until it has it.
fn hand_over(listener: &TcpListener) -> io::Result<Child> {
    let (mut here, there) = UnixStream::pair()?;
    let child = Command::new(std::env::current_exe()?)
        .arg(SUCCESSOR)
        .stdin(Stdio::from(OwnedFd::from(there)))
        .spawn()?;
    send(&here, listener.as_fd())?;
    let mut answer = [0; 5];
    here.read_exact(&mut answer)?;
    assert_eq!(&answer, b"ready");
    Ok(child)
}

/// Sends a descriptor over a Unix socket, with a byte for company.
fn send(over: &UnixStream, fd: BorrowedFd<'_>) -> io::Result<()> {
    let fds = [fd];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
    let bytes = [IoSlice::new(b"L")];
    rustix::net::sendmsg(over, &bytes, &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives what [`send`] sends.
fn receive(over: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    rustix::net::recvmsg(over, &mut bytes, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    ancillary
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        })
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no descriptor came"))
}

/// A pipe from which a byte can be read after each SIGHUP: a handler writes it.
fn hangups() -> io::Result<PipeReader> {
    static PIPE: AtomicI32 = AtomicI32::new(-1);
    extern "C" fn hung_up(_: libc::c_int) {
        let fd = PIPE.load(Ordering::Relaxed);
        // SAFETY: the pipe is never closed; writing to it is allowed in a handler.
        unsafe { libc::write(fd, b"x".as_ptr().cast(), 1) };
    }
    let (reader, writer) = netpoll::io::pipe()?;
    PIPE.store(writer.into_raw_fd(), Ordering::Relaxed);
    // SAFETY: the handler only does what one may do.
    unsafe { libc::signal(libc::SIGHUP, hung_up as *const () as libc::sighandler_t) };
    Ok(reader)
}

/// What the clients of the smoke run have seen.
#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    /// The process that answered last.
    server: AtomicU32,
}

/// Ends the process that answered last, however the run ends.
struct EndServer(Arc<Seen>);

impl Drop for EndServer {
    fn drop(&mut self) {
        signal(self.0.server.load(Ordering::Relaxed), Signal::KILL);
    }
}

fn signal(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(process) = process.filter(|pid| *pid != rustix::process::getpid()) {
        let _ = rustix::process::kill_process(process, signal);
    }
}

/// One visit, begin to end. Returns who answered.
fn visit(address: SocketAddr) -> io::Result<u32> {
    let mut visitor = Visitor::new(address)?;
    visitor.ping()?;
    Ok(visitor.server)
}

/// A client, and the process that serves it.
struct Visitor {
    stream: BufReader<TcpStream>,
    server: u32,
}

impl Visitor {
    fn new(address: SocketAddr) -> io::Result<Self> {
        let stream = Dialer::new().timeout(PATIENCE).dial_tcp(address)?;
        stream.set_deadline(Some(Instant::now() + PATIENCE))?;
        let mut stream = BufReader::new(stream);
        let mut greeting = String::new();
        stream.read_line(&mut greeting)?;
        let server = greeting.trim().parse();
        let server = server.map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        Ok(Self { stream, server })
    }

    fn ping(&mut self) -> io::Result<()> {
        self.stream.get_ref().write_all(b"ping")?;
        let mut reply = [0; 4];
        self.stream.read_exact(&mut reply)?;
        assert_eq!(&reply, b"ping");
        Ok(())
    }
}

/// Clients connect, one after the other, while servers succeed each other. Only these have
/// the listener.
fn smoke() -> io::Result<()> {
    const CLIENTS: usize = 16;
    const SUCCESSIONS: u64 = 3;
    /// Before each of them.
    const VISITS: u64 = 500;
    let listener = ListenConfig::new().listen_tcp("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut first = hand_over(&listener)?;
    drop(listener);

    let seen = Arc::new(Seen::default());
    seen.server.store(first.id(), Ordering::Relaxed);
    let end_server = EndServer(Arc::clone(&seen));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let counter = match visit(address) {
                        Ok(_) => &seen.answered,
                        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                            &seen.refused
                        }
                        Err(error) => {
                            eprintln!("a client: {error}");
                            &seen.failed
                        }
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for succession in 1..=SUCCESSIONS {
        // Under load, which has to have come first.
        let start = Instant::now();
        while seen.answered.load(Ordering::Relaxed) < succession * VISITS {
            assert!(start.elapsed() < PATIENCE, "nobody answers");
            thread::sleep(Duration::from_millis(1));
        }
        let mut stays = Visitor::new(address)?;
        let old = stays.server;
        signal(old, Signal::HUP);
        // Another one answers from some moment on; who is served by the old one still is.
        let start = Instant::now();
        loop {
            let server = visit(address)?;
            if server != old {
                seen.server.store(server, Ordering::Relaxed);
                break;
            }
            assert!(start.elapsed() < PATIENCE, "nobody takes over");
        }
        stays.ping()?;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("a client does not panic");
    }
    drop(end_server);
    // The first one has ended by itself, when it had served all.
    assert!(first.wait()?.success());

    let [answered, refused, failed] =
        [&seen.answered, &seen.refused, &seen.failed].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{answered} connections over {SUCCESSIONS} successions: \
         {refused} refused, {failed} failed otherwise"
    );
    assert_eq!((refused, failed), (0, 0));
    Ok(())
}
