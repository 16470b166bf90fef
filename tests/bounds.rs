//! What bounds an operation that waits: deadlines, timeouts and closing, set, moved,
//! taken away and expired from other tasks and from threads, for every kind of socket
//! and both directions. Times are tested by order and by lower bounds; upper bounds
//! only catch what hangs.

mod common;

use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{LONG, everywhere, kind, on_workers, pair, unix_address};
use netpoll::io::Closed;
use netpoll::net::{TcpListener, TcpStream, UdpSocket};
use netpoll::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use netpoll::thread;

const SHORT: Duration = Duration::from_millis(20);

type Call<A, R> = Box<dyn Fn(A) -> R + Send + Sync>;

/// A socket with an operation that has to wait, and what there is to bound it.
struct Waits {
    name: &'static str,
    operation: Call<(), io::Result<()>>,
    set_deadline: Call<Option<Instant>, io::Result<()>>,
    /// `None` for those that std gives no timeout.
    set_timeout: Option<Call<Option<Duration>, io::Result<()>>>,
    close: Call<(), ()>,
    /// Lets the operation succeed.
    release: Call<(), ()>,
}

/// `waits!("name", socket, set_read_deadline, set_read_timeout, |socket| operation, release)`.
macro_rules! waits {
    ($name:literal, $socket:expr, $set_deadline:ident, $($set_timeout:ident)?, $operation:expr, $release:expr) => {{
        let socket = $socket;
        #[allow(unused_mut, unused_assignments)]
        let mut set_timeout: Option<Call<Option<Duration>, io::Result<()>>> = None;
        $({
            let clone = socket.try_clone().unwrap();
            set_timeout = Some(Box::new(move |timeout| clone.$set_timeout(timeout)));
        })?
        let deadlines = socket.try_clone().unwrap();
        let closer = socket.try_clone().unwrap();
        let operation = $operation;
        let release = $release;
        Waits {
            name: $name,
            operation: Box::new(move |()| operation(&socket)),
            set_deadline: Box::new(move |deadline| deadlines.$set_deadline(deadline)),
            set_timeout,
            close: Box::new(move |()| closer.close()),
            release: Box::new(move |()| release()),
        }
    }};
}

fn unix_listener() -> (UnixListener, SocketAddr) {
    let address = unix_address();
    (UnixListener::bind_addr(&address).unwrap(), address)
}

/// A receiver, and a sender that has filled its queue.
fn full_queue() -> (UnixDatagram, UnixDatagram, SocketAddr) {
    let address = unix_address();
    let receiver = UnixDatagram::bind_addr(&address).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to_addr(b"x", &address).is_ok() {}
    sender.set_nonblocking(false).unwrap();
    (receiver, sender, address)
}

/// One byte that has to come.
fn read_byte(mut stream: impl Read) -> io::Result<()> {
    stream.read_exact(&mut [0])
}

/// More than fits into small buffers.
fn write_much(mut stream: impl Write) -> io::Result<()> {
    stream.write_all(&[7; 1 << 20])
}

const SMALL: usize = 4096;

/// A writer, and the other end, which reads nothing yet.
fn tcp_with_small_buffers() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_recv_buffer_size(SMALL).unwrap();
    let writer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    writer.set_send_buffer_size(SMALL).unwrap();
    (writer, listener.accept().unwrap().0)
}

/// Reads on to the end, on a task of its own.
fn read_on(mut stream: impl Read + Send + 'static) {
    thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
}

/// Every operation that can wait.
fn all() -> Vec<Waits> {
    let (tcp_reader, tcp_peer) = pair();
    let (tcp_writer, tcp_sink) = tcp_with_small_buffers();
    let (unix_reader, unix_peer) = UnixStream::pair().unwrap();
    let (unix_writer, unix_sink) = UnixStream::pair().unwrap();
    unix_writer.set_send_buffer_size(SMALL).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp_peer.connect(udp.local_addr().unwrap()).unwrap();
    let udp_from = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_from_peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp_from_peer
        .connect(udp_from.local_addr().unwrap())
        .unwrap();
    let (datagram, datagram_peer) = UnixDatagram::pair().unwrap();
    let (by_peer_receiver, by_peer, by_peer_address) = full_queue();
    by_peer.connect_addr(&by_peer_address).unwrap();
    let (by_path_receiver, by_path, full_address) = full_queue();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (unix_listener, unix_address) = unix_listener();
    let (watched, watched_peer) = pair();

    let mut all = vec![
        waits!(
            "TCP read",
            tcp_reader,
            set_read_deadline,
            set_read_timeout,
            |stream: &TcpStream| read_byte(stream),
            move || (&tcp_peer).write_all(b"x").unwrap()
        ),
        waits!(
            "TCP write",
            tcp_writer,
            set_write_deadline,
            set_write_timeout,
            |stream: &TcpStream| write_much(stream),
            move || read_on(tcp_sink.try_clone().unwrap())
        ),
        waits!(
            "TCP accept", listener, set_deadline, ,
            |listener: &TcpListener| listener.accept().map(drop),
            move || drop(TcpStream::connect(address).unwrap())
        ),
        waits!(
            "waiting until readable",
            watched,
            set_read_deadline,
            set_read_timeout,
            |stream: &TcpStream| stream.wait_readable(),
            move || (&watched_peer).write_all(b"x").unwrap()
        ),
        waits!(
            "UDP receive",
            udp,
            set_read_deadline,
            set_read_timeout,
            |socket: &UdpSocket| socket.recv(&mut [0; 8]).map(drop),
            move || assert!(udp_peer.send(b"").is_ok())
        ),
        waits!(
            "UDP receive from",
            udp_from,
            set_read_deadline,
            set_read_timeout,
            |socket: &UdpSocket| socket.recv_from(&mut [0; 8]).map(drop),
            move || assert!(udp_from_peer.send(b"x").is_ok())
        ),
        waits!(
            "Unix read",
            unix_reader,
            set_read_deadline,
            set_read_timeout,
            |stream: &UnixStream| read_byte(stream),
            move || (&unix_peer).write_all(b"x").unwrap()
        ),
        waits!(
            "Unix write",
            unix_writer,
            set_write_deadline,
            set_write_timeout,
            |stream: &UnixStream| write_much(stream),
            move || read_on(unix_sink.try_clone().unwrap())
        ),
        waits!(
            "Unix accept", unix_listener, set_deadline, ,
            |listener: &UnixListener| listener.accept().map(drop),
            move || drop(UnixStream::connect_addr(&unix_address).unwrap())
        ),
        waits!(
            "Unix receive",
            datagram,
            set_read_deadline,
            set_read_timeout,
            |socket: &UnixDatagram| socket.recv(&mut [0; 8]).map(drop),
            move || assert!(datagram_peer.send(b"").is_ok())
        ),
        waits!(
            "Unix send",
            by_peer,
            set_write_deadline,
            set_write_timeout,
            |socket: &UnixDatagram| socket.send(b"x").map(drop),
            move || assert!(by_peer_receiver.recv(&mut [0; 8]).is_ok())
        ),
    ];
    all.push(waits!(
        "Unix send to",
        by_path,
        set_write_deadline,
        set_write_timeout,
        move |socket: &UnixDatagram| socket.send_to_addr(b"x", &full_address).map(drop),
        move || assert!(by_path_receiver.recv(&mut [0; 8]).is_ok())
    ));
    all
}

/// Runs a check for every operation, each on its own task, all at the same time.
fn for_all(check: fn(Arc<Waits>)) {
    let tasks: Vec<_> = all()
        .into_iter()
        .map(|waits| {
            let name = waits.name;
            (name, thread::spawn(move || check(Arc::new(waits))))
        })
        .collect();
    for (name, task) in tasks {
        if let Err(panic) = task.join() {
            eprintln!("it was about: {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// The operation, on a task of its own, and some time for it to begin to wait. (What
/// is checked holds as well if it begins later.)
fn begin(waits: &Arc<Waits>) -> thread::JoinHandle<io::Result<()>> {
    let waits = Arc::clone(waits);
    let task = thread::spawn(move || (waits.operation)(()));
    thread::sleep(Duration::from_millis(2));
    task
}

/// Does something on a thread that runs no tasks.
fn on_a_thread(waits: &Arc<Waits>, what: impl FnOnce(&Waits) + Send + 'static) {
    let waits = Arc::clone(waits);
    let thread = std::thread::spawn(move || what(&waits));
    netpoll::blocking(move || thread.join().unwrap());
}

#[test]
fn a_deadline_expires_and_stays_so_until_it_is_moved() {
    everywhere(|| {
        for_all(|waits| {
            let start = Instant::now();
            (waits.set_deadline)(Some(start + SHORT)).unwrap();
            assert_eq!(kind((waits.operation)(())), TimedOut);
            assert!(start.elapsed() >= SHORT && start.elapsed() < LONG);
            (waits.release)(());
            assert_eq!(kind((waits.operation)(())), TimedOut);
            (waits.set_deadline)(None).unwrap();
            (waits.operation)(()).unwrap();
        });
    });
}

#[test]
fn a_timeout_is_of_each_operation_and_can_be_taken_away() {
    everywhere(|| {
        for_all(|waits| {
            let Some(set_timeout) = &waits.set_timeout else {
                return;
            };
            set_timeout(Some(SHORT)).unwrap();
            for _ in 0..2 {
                let start = Instant::now();
                let error = (waits.operation)(()).unwrap_err();
                assert_eq!(error.kind(), WouldBlock);
                assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
                assert!(start.elapsed() >= SHORT && start.elapsed() < LONG);
            }
            set_timeout(None).unwrap();
            let waiting = begin(&waits);
            thread::sleep(SHORT * 2);
            (waits.release)(());
            waiting.join().unwrap().unwrap();
        });
    });
}

#[test]
fn a_deadline_that_has_passed_wakes_who_waits() {
    on_workers(|| {
        for_all(|waits| {
            let waiting = begin(&waits);
            (waits.set_deadline)(Some(Instant::now())).unwrap();
            assert_eq!(kind(waiting.join().unwrap()), TimedOut);
        });
        for_all(|waits| {
            let waiting = begin(&waits);
            on_a_thread(&waits, |waits| {
                (waits.set_deadline)(Some(Instant::now())).unwrap();
            });
            assert_eq!(kind(waiting.join().unwrap()), TimedOut);
        });
    });
}

#[test]
fn an_earlier_deadline_takes_over() {
    on_workers(|| {
        for_all(|waits| {
            (waits.set_deadline)(Some(Instant::now() + LONG * 10)).unwrap();
            let waiting = begin(&waits);
            let start = Instant::now();
            on_a_thread(&waits, move |waits| {
                (waits.set_deadline)(Some(start + SHORT)).unwrap();
            });
            assert_eq!(kind(waiting.join().unwrap()), TimedOut);
            assert!(start.elapsed() >= SHORT && start.elapsed() < LONG);
        });
    });
}

#[test]
fn a_deadline_that_moves_away_lets_the_operation_wait() {
    on_workers(|| {
        for later in [None, Some(LONG * 10)] {
            // A check is a plain function: it cannot bring `later` along.
            let check: fn(Arc<Waits>) = match later {
                None => |waits| moved_away(&waits, None),
                Some(_) => |waits| moved_away(&waits, Some(Instant::now() + LONG * 10)),
            };
            for_all(check);
        }
    });
}

fn moved_away(waits: &Arc<Waits>, later: Option<Instant>) {
    let first = Instant::now() + SHORT * 10;
    (waits.set_deadline)(Some(first)).unwrap();
    let waiting = begin(waits);
    (waits.set_deadline)(later).unwrap();
    if Instant::now() >= first {
        eprintln!("{}: too late to show anything", waits.name);
        return (waits.close)(());
    }
    thread::sleep_until(first + SHORT);
    (waits.release)(());
    waiting.join().unwrap().unwrap();
}

#[test]
fn closing_wakes_who_waits_and_fails_who_comes() {
    on_workers(|| {
        for_all(|waits| {
            let waiting = begin(&waits);
            (waits.close)(());
            assert!(Closed::is_cause_of(&waiting.join().unwrap().unwrap_err()));
            assert!(Closed::is_cause_of(&(waits.operation)(()).unwrap_err()));
        });
        for_all(|waits| {
            let waiting = begin(&waits);
            on_a_thread(&waits, |waits| (waits.close)(()));
            assert!(Closed::is_cause_of(&waiting.join().unwrap().unwrap_err()));
        });
    });
}

#[test]
fn what_comes_in_time_ends_the_wait() {
    on_workers(|| {
        for_all(|waits| {
            (waits.set_deadline)(Some(Instant::now() + LONG)).unwrap();
            let waiting = begin(&waits);
            (waits.release)(());
            waiting.join().unwrap().unwrap();
        });
    });
}

/// A listener whose backlog is full, and those who fill it.
fn silent() -> (UnixListener, SocketAddr, Vec<UnixStream>) {
    use std::os::fd::AsRawFd;
    let (listener, address) = unix_listener();
    // SAFETY: the descriptor is open; listening again only changes the backlog.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 1) }, 0);
    let mut held = Vec::new();
    loop {
        match UnixStream::connect_timeout(&address, Duration::from_millis(1)) {
            Ok(stream) => held.push(stream),
            Err(error) => {
                assert_eq!(error.kind(), TimedOut);
                return (listener, address, held);
            }
        }
        assert!(held.len() < 100, "the backlog never fills");
    }
}

#[test]
fn connecting_to_a_silent_unix_address_waits_for_room_or_the_timeout() {
    everywhere(|| {
        let (listener, address, held) = silent();
        let start = Instant::now();
        assert_eq!(kind(UnixStream::connect_timeout(&address, SHORT)), TimedOut);
        assert!(start.elapsed() >= SHORT && start.elapsed() < LONG);
        let connecting = {
            let address = address.clone();
            thread::spawn(move || UnixStream::connect_addr(&address))
        };
        thread::sleep(SHORT);
        for _ in 0..=held.len() {
            listener.accept().unwrap();
        }
        connecting.join().unwrap().unwrap();
    });
}

#[test]
fn connecting_to_a_listener_that_goes_away_is_refused() {
    everywhere(|| {
        let (listener, address, _held) = silent();
        let connecting = thread::spawn(move || UnixStream::connect_addr(&address));
        thread::sleep(SHORT);
        drop(listener);
        assert_eq!(
            kind(connecting.join().unwrap()),
            io::ErrorKind::ConnectionRefused
        );
    });
}

#[test]
fn the_end_of_a_runtime_ends_what_is_tried_again_and_again() {
    let (_listener, address, _held) = silent();
    let (_receiver, sender, full) = full_queue();
    let runtime = netpoll::Builder::new().workers(2).build().unwrap();
    let connecting = runtime.spawn(move || UnixStream::connect_addr(&address).map(drop));
    let sending = runtime.spawn(move || sender.send_to_addr(b"x", &full).map(drop));
    runtime.shutdown(Instant::now() + LONG);
    for task in [connecting, sending] {
        let error = task.join().unwrap().unwrap_err();
        assert!(netpoll::io::Cancelled::is_cause_of(&error), "{error}");
    }
}
