//! The command as its user sees it: started, spoken to, stopped. Every wait is bounded.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

pub mod faulty;
pub mod load;
pub mod target;

use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::resume_unwind;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on the slowest machine.
pub const LONG: Duration = Duration::from_secs(60);

pub const NETPOLL: &str = env!("CARGO_BIN_EXE_netpoll");

/// Runs a test with one worker, and with two: side by side, since they mostly wait.
pub fn with_workers(body: impl Fn(&str) + Sync) {
    side_by_side(&["1", "2"], |workers| {
        eprintln!("with {workers} worker(s)");
        body(workers);
    });
}

/// Runs a test with one worker, and with two, and with either that an echo server can hold
/// connections by: side by side.
pub fn with_modes(body: impl Fn(&str, &str) + Sync) {
    with_workers(|workers| {
        side_by_side(&["handler", "task"], |mode| {
            eprintln!("{workers} worker(s), by {mode}");
            body(workers, mode);
        });
    });
}

/// Runs something for each of these, on a thread of its own. Panics as the first that does.
pub fn side_by_side<T: Sync>(each: &[T], body: impl Fn(&T) + Sync) {
    thread::scope(|scope| {
        let body = &body;
        let threads: Vec<_> = (each.iter().map(|one| scope.spawn(move || body(one)))).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    });
}

/// Asks again and again until the answer is yes.
pub fn eventually<T: Debug>(what: &str, mut state: impl FnMut() -> T, done: impl Fn(&T) -> bool) {
    let start = Instant::now();
    loop {
        let now = state();
        if done(&now) {
            return;
        }
        assert!(start.elapsed() < LONG, "{what}: {now:?} after {LONG:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A running server. Killed when it is dropped.
pub struct Server {
    child: Child,
    stdout: Lines,
    stderr: Lines,
    /// Where it listens, if that is an address of IP.
    pub address: SocketAddr,
}

/// The lines that a process writes.
struct Lines {
    coming: Receiver<String>,
    came: Vec<String>,
}

impl Lines {
    fn of(source: impl Read + Send + 'static) -> Self {
        let (sender, coming) = channel();
        thread::spawn(move || {
            for line in BufReader::new(source).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            coming,
            came: Vec::new(),
        }
    }

    /// The next line; `None` at the end.
    fn next(&mut self) -> Option<String> {
        match self.coming.recv_timeout(LONG) {
            Ok(line) => {
                self.came.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line after {:?}", self.came),
        }
    }

    fn until(&mut self, part: &str) -> String {
        self.find(|line| line.contains(part))
            .unwrap_or_else(|| panic!("no line with {part:?} in {:?}", self.came))
    }

    fn find(&mut self, right: impl Fn(&str) -> bool) -> Option<String> {
        loop {
            let line = self.next()?;
            if right(&line) {
                return Some(line);
            }
        }
    }

    fn rest(mut self) -> Vec<String> {
        while self.next().is_some() {}
        self.came
    }
}

/// How a server ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Ended {
    /// Whether the totals say this.
    #[track_caller]
    pub fn assert_totals(&self, parts: &[&str]) {
        let totals = self
            .stdout
            .last()
            .and_then(|line| line.strip_prefix("stopped: "));
        let totals: Vec<_> = totals.expect("totals").split(", ").collect();
        for part in parts {
            // From the beginning of a number to the end of a word.
            let says = |total: &&str| {
                let rest = total.strip_prefix(part);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            assert!(totals.iter().any(says), "{part}: {self:?}");
        }
    }
}

impl Server {
    /// Starts `netpoll serve echo` on a port that the system chooses.
    pub fn echo(workers: &str, options: &[&str]) -> Self {
        let mut command = Command::new(NETPOLL);
        command.args(["serve", "echo", "--listen", "127.0.0.1:0"]);
        command.args(["--workers", workers]).args(options);
        Self::start(command)
    }

    /// The same in this mode.
    pub fn echo_by(workers: &str, mode: &str, options: &[&str]) -> Self {
        Self::echo(workers, &[&["--mode", mode], options].concat())
    }

    /// Starts `netpoll serve proxy` on a port that the system chooses.
    pub fn proxy(workers: &str, options: &[&str]) -> Self {
        let mut command = Command::new(NETPOLL);
        command.args(["serve", "proxy", "--workers", workers]);
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(options);
        Self::start(command)
    }

    /// Starts a command that ends in a server.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Self {
            stdout: Lines::of(child.stdout.take().unwrap()),
            stderr: Lines::of(child.stderr.take().unwrap()),
            child,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        let line = server.stdout.next().expect("a line that says where");
        let address = line.strip_prefix("listening on ").expect(&line);
        let address = address.split(' ').next().unwrap();
        if !address.starts_with("unix:") {
            server.address = address.parse().unwrap();
        }
        server
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, LONG).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Waits for a line on stdout that contains this.
    pub fn says(&mut self, part: &str) -> String {
        self.stdout.until(part)
    }

    /// Waits for a line on stdout that contains all of these.
    pub fn says_all(&mut self, parts: &[&str]) -> String {
        self.stdout
            .find(|line| parts.iter().all(|part| line.contains(part)))
            .unwrap_or_else(|| panic!("no line with {parts:?}"))
    }

    /// Waits for a line on stdout that does not contain this.
    pub fn says_other_than(&mut self, part: &str) -> String {
        self.stdout
            .find(|line| !line.contains(part))
            .expect("a line")
    }

    /// Waits for a line on stderr that contains this.
    pub fn complains(&mut self, part: &str) -> String {
        self.stderr.until(part)
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", &format!("kill -s {name} {}", self.id())])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for the server to end by itself.
    pub fn end(mut self) -> Ended {
        let status = wait(&mut self.child);
        let empty = || Lines::of(std::io::empty());
        Ended {
            status,
            stdout: std::mem::replace(&mut self.stdout, empty()).rest(),
            stderr: std::mem::replace(&mut self.stderr, empty()).rest(),
        }
    }

    /// The processor time that it has used.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        // After the name, which is in parentheses: the state, then field 4, and on.
        let fields = stat.rsplit_once(") ").unwrap().1;
        let ticks: u64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap())
            .sum();
        // The kernel counts in hundredths here, whatever it does inside.
        Duration::from_millis(10 * ticks)
    }

    /// What its threads wait for, and how often they have been switched: it does
    /// not change while they make no system call.
    pub fn switches(&self) -> Vec<(String, String)> {
        let mut switches: Vec<_> = fs::read_dir(format!("/proc/{}/task", self.id()))
            .unwrap()
            .filter_map(|thread| {
                let path = thread.unwrap().path();
                let status = fs::read_to_string(path.join("status")).ok()?;
                let line = status
                    .lines()
                    .find(|line| line.starts_with("voluntary_ctxt_switches"))?;
                Some((path.display().to_string(), line.to_owned()))
            })
            .collect();
        switches.sort();
        switches
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < LONG, "it does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the command to its end.
pub fn run(arguments: &[&str]) -> Output {
    let mut child = Command::new(NETPOLL)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LONG {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("netpoll {arguments:?} does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// Bytes that are not like those with another seed, or at another place.
pub fn bytes(seed: usize, length: usize) -> Vec<u8> {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

/// A message with a length prefix.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

/// Sends bytes and checks that they come back. They have to fit in the buffers of
/// the sockets.
#[track_caller]
pub fn round_trip(stream: &mut TcpStream, sent: &[u8]) {
    stream.write_all(sent).unwrap();
    comes(stream, sent);
}

/// Reads as many bytes as these, and checks that it is these that come.
#[track_caller]
pub fn comes(stream: &mut TcpStream, expected: &[u8]) {
    let mut came = vec![0; expected.len()];
    stream.read_exact(&mut came).unwrap();
    assert!(came == expected, "other bytes came");
}

/// Sends until everything between here and there is full, and returns how much it
/// was. What the server sends back is not read.
pub fn fill(stream: &mut TcpStream) -> usize {
    let chunk = bytes(1, 64 << 10);
    let mut sent = 0;
    let mut refused = 0;
    stream.set_nonblocking(true).unwrap();
    while refused < 20 {
        match stream.write(&chunk) {
            Ok(length) => {
                sent += length;
                refused = 0;
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                refused += 1;
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
    stream.set_nonblocking(false).unwrap();
    sent
}
