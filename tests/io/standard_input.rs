//! Standard input, in processes whose standard input is what the test says.
//!
//! The child runs on one worker: if waiting for input blocked it, the task that says
//! "others run" never would, and the parent sends nothing before it has read that.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, Read, Seek, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use netpoll::io::{self, BufReader, PipeReader};
use netpoll::thread;

use crate::common::{LONG, is_child, on};

/// The lines that a child says start with this; the test harness says others.
const SAYS: &str = "child says: ";

fn say(what: impl std::fmt::Display) {
    println!("\n{SAYS}{what}");
}

/// A child, and what it says.
struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<PipeReader>>,
}

impl Process {
    /// Runs a test of this file in a child.
    fn start(test: &str, stdin: impl Into<Stdio>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("standard_input::{test}")])
            .args(["--nocapture", "--test-threads=1"])
            .env("NETPOLL_TEST_CHILD", "1")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = PipeReader::from(OwnedFd::from(child.stdout.take().unwrap()));
        output
            .set_read_deadline(Some(Instant::now() + LONG))
            .unwrap();
        Self {
            child,
            lines: BufReader::new(output).lines(),
        }
    }

    /// What it says next.
    #[track_caller]
    fn next(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("the child says something");
            let line = line.expect("the child says something in time");
            if let Some(said) = line.strip_prefix(SAYS) {
                return said.to_owned();
            }
        }
    }

    #[track_caller]
    fn end(mut self) {
        self.lines.by_ref().for_each(drop);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child does: reads lines while another task runs.
fn read_lines() {
    on(1, || {
        let task = thread::spawn(|| {
            for line in io::stdin().lines() {
                say(line.unwrap());
            }
            say("end");
        });
        // Each time, the other task runs until it has to wait.
        for _ in 0..3 {
            thread::yield_now();
        }
        say("others run");
        task.join().unwrap();
        // SAFETY: it asks for flags.
        let flags = unsafe { libc::fcntl(0, libc::F_GETFL) };
        say(flags & libc::O_NONBLOCK != 0);
    });
}

/// What the parent of such a child does; `send` writes to the child's input.
fn talk(test: &str, stdin: impl Into<Stdio>, mut send: impl FnMut(&[u8]), end: impl FnOnce()) {
    let mut process = Process::start(test, stdin);
    assert_eq!(process.next(), "others run");
    send(b"first\nsec");
    assert_eq!(process.next(), "first");
    send(b"ond\n");
    assert_eq!(process.next(), "second");
    end();
    assert_eq!(process.next(), "end");
    assert_eq!(process.next(), "false", "the mode of the file was changed");
    process.end();
}

#[test]
fn a_pipe_parks_the_task() {
    if is_child() {
        return read_lines();
    }
    let (reader, writer) = std::io::pipe().unwrap();
    let writer = RefCell::new(Some(writer));
    talk(
        "a_pipe_parks_the_task",
        reader,
        |bytes| {
            writer
                .borrow_mut()
                .as_mut()
                .unwrap()
                .write_all(bytes)
                .unwrap()
        },
        || drop(writer.take()),
    );
}

#[test]
fn a_socket_parks_the_task() {
    if is_child() {
        return read_lines();
    }
    let (ours, its) = UnixStream::pair().unwrap();
    talk(
        "a_socket_parks_the_task",
        OwnedFd::from(its),
        |bytes| (&ours).write_all(bytes).unwrap(),
        || ours.shutdown(std::net::Shutdown::Write).unwrap(),
    );
}

/// Both ends of a terminal: the one that a person would have, and the program's.
fn terminal() -> (File, File) {
    let (mut ours, mut its) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: the two numbers are written to; the rest is left out.
    let result = unsafe { libc::openpty(&mut ours, &mut its, null, null.cast(), null.cast()) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    for number in [ours, its] {
        // SAFETY: it sets a flag.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: both were opened just now, and belong to nobody else.
    unsafe { (File::from_raw_fd(ours), File::from_raw_fd(its)) }
}

#[test]
fn a_terminal_parks_the_task() {
    if is_child() {
        assert!(io::stdin().is_terminal());
        assert!(io::stdin().lock().is_terminal());
        return read_lines();
    }
    let (ours, its) = terminal();
    talk(
        "a_terminal_parks_the_task",
        its,
        |bytes| (&ours).write_all(bytes).unwrap(),
        // What a person types at the end.
        || (&ours).write_all(&[4]).unwrap(),
    );
}

#[test]
fn a_file_is_read_to_its_end() {
    if is_child() {
        return read_lines();
    }
    let path = std::env::temp_dir().join(format!("netpoll-stdin-{}", std::process::id()));
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let long = "x".repeat(20_000);
    write!(file, "first\n{long}\nno end").unwrap();
    file.rewind().unwrap();
    let mut process = Process::start("a_file_is_read_to_its_end", file);
    let mut said: Vec<_> = (0..6).map(|_| process.next()).collect();
    // The file may be read before or after the others had their turn.
    said.retain(|line| line != "others run");
    assert_eq!(said, ["first", &long, "no end", "end", "false"]);
    process.end();
}

#[test]
fn there_may_be_nothing_to_read() {
    if is_child() {
        return read_lines();
    }
    let null = File::open("/dev/null").unwrap();
    let mut process = Process::start("there_may_be_nothing_to_read", null);
    let mut said = [process.next(), process.next()];
    said.sort();
    assert_eq!(said, ["end", "others run"]);
    process.end();
}

#[test]
fn a_closed_standard_input_is_at_its_end() {
    if is_child() {
        // SAFETY: nobody here relies on it.
        unsafe { libc::close(0) };
        // Before something else gets the number.
        let _ = io::stdin();
        on(1, || {
            let mut line = String::new();
            assert_eq!(io::stdin().read_line(&mut line).unwrap(), 0);
            assert_eq!(io::read_to_string(io::stdin()).unwrap(), "");
        });
        return say("end");
    }
    let mut process = Process::start("a_closed_standard_input_is_at_its_end", Stdio::null());
    assert_eq!(process.next(), "end");
    process.end();
}

#[test]
fn one_task_at_a_time_has_it() {
    if is_child() {
        return on(1, || {
            let first = thread::spawn(|| {
                let mut input = io::stdin().lock();
                let mut line = String::new();
                input.read_line(&mut line).unwrap();
                input.read_line(&mut line).unwrap();
                say(format!("first: {line:?}"));
            });
            thread::yield_now();
            let second = thread::spawn(|| {
                let mut line = String::new();
                io::stdin().read_line(&mut line).unwrap();
                say(format!("second: {line:?}"));
                let mut two = [0; 2];
                io::stdin().read_exact(&mut two).unwrap();
                say(format!("second: {two:?}"));
            });
            thread::yield_now();
            say("both wait");
            first.join().unwrap();
            second.join().unwrap();
            // A thread that runs no tasks.
            let text = std::thread::spawn(|| io::read_to_string(io::stdin()).unwrap());
            say(format!(
                "thread: {:?}",
                netpoll::blocking(|| text.join()).unwrap()
            ));
        });
    }
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut process = Process::start("one_task_at_a_time_has_it", reader);
    assert_eq!(process.next(), "both wait");
    writer.write_all(b"a\nb").unwrap();
    writer.write_all(b"\nc\nde").unwrap();
    assert_eq!(process.next(), r#"first: "a\nb\n""#);
    assert_eq!(process.next(), r#"second: "c\n""#);
    assert_eq!(process.next(), "second: [100, 101]");
    writer.write_all(b"and the rest").unwrap();
    drop(writer);
    assert_eq!(process.next(), r#"thread: "and the rest""#);
    process.end();
}

#[test]
fn the_handles_look_like_those_of_std() {
    assert_eq!(
        format!("{:?}", io::stdin()),
        format!("{:?}", std::io::stdin())
    );
    if is_child() {
        let ours = format!("{:?}", io::stdin().lock());
        say(ours == format!("{:?}", std::io::stdin().lock()));
    } else {
        let mut process = Process::start("the_handles_look_like_those_of_std", Stdio::null());
        assert_eq!(process.next(), "true");
        process.end();
    }
}
