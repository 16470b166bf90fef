//! What the tests share.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netpoll::Builder;
use netpoll::net::{TcpListener, TcpStream};

/// Runs a test as a task, on one worker and on several.
pub fn on_workers(test: impl Fn() + Clone + Send + 'static) {
    for workers in [1, 2, 8] {
        on(workers, test.clone());
    }
}

/// Runs a test as a task, on so many workers.
pub fn on(workers: usize, test: impl FnOnce() + Send + 'static) {
    let runtime = Builder::new().workers(workers).build().unwrap();
    if let Err(panic) = runtime.spawn(test).join() {
        eprintln!("the test failed on {workers} workers");
        std::panic::resume_unwind(panic);
    }
}

/// Runs a test as a task on one worker and on several, and on a thread that runs
/// no tasks.
pub fn everywhere(test: impl Fn() + Clone + Send + 'static) {
    on_workers(test.clone());
    test();
}

/// A connection: the server's end and the client's.
pub fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (server, client)
}

/// A connection whose other end is std's, for peers that do what ours never would.
pub fn pair_with_std() -> (TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (server, client)
}

/// An address for a Unix socket that nobody else has, and that leaves no file behind.
pub fn unix_address() -> SocketAddr {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("netpoll test {} {count}", std::process::id());
    SocketAddr::from_abstract_name(name).unwrap()
}

/// So long that nothing here takes it, and short enough to see a hang.
pub const LONG: Duration = Duration::from_secs(20);

/// The kind of an error that there must be.
pub fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.kind(),
    }
}

/// What the system says of this process in a line of `status`, in bytes. (`statm` says it
/// in pages, whatever they are.)
pub fn bytes_of(line: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = text.lines().find_map(|one| one.strip_prefix(line));
    let kibibytes = found.unwrap().trim_matches([':', ' ', '\t', 'k', 'B']);
    kibibytes.parse::<usize>().unwrap() * 1024
}

/// Lets time pass until something is so; fails if it never is.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "waited in vain until {what}");
        netpoll::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a test's body in a process of its own: this test binary again, with the
/// name of the test. Returns what it printed, if it succeeded.
pub fn in_child(test: &str, environment: &[(&str, &str)], body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return body();
    }
    let output = child(test, environment);
    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Set in a child, so that it runs the body.
const CHILD: &str = "NETPOLL_TEST_CHILD";

/// Whether this is such a process.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Starts such a process and waits for it.
pub fn child(test: &str, environment: &[(&str, &str)]) -> std::process::Output {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}
