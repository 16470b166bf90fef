//! `io::copy` between descriptors.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use netpoll::fs::File;
use netpoll::io::{self, BufRead, BufReader, Closed, PipeReader, PipeWriter};
use netpoll::net::{Shutdown, TcpStream};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{everywhere, in_child, kind, on_workers, pair, pair_with_std, until};
use crate::pattern::{MUCH, bytes, check, write};

/// Somewhere to write to, and where that comes out.
type Way = (Box<dyn Write + Send>, Box<dyn Read + Send>);

/// Copies from one kind of descriptor to another, and checks every byte.
fn through<R, W>(source: (impl Write + Send + 'static, R), sink: (W, impl Read + Send + 'static))
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let ((input, mut from), (mut to, output)) = (source, sink);
    let writes = thread::spawn(move || write(input, 3, MUCH));
    let copies = thread::spawn(move || io::copy(&mut from, &mut to));
    assert_eq!(check(output, 3).unwrap(), MUCH);
    assert_eq!(copies.join().unwrap().unwrap(), MUCH as u64);
    writes.join().unwrap().unwrap();
}

#[test]
fn every_byte_goes_from_anything_to_anything() {
    on_workers(|| {
        through(pair(), pair());
        through(pair(), UnixStream::pair().unwrap());
        through(UnixStream::pair().unwrap(), pair());
        through(UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let pipe = || {
            let (reader, writer) = io::pipe().unwrap();
            (writer, reader)
        };
        through(pipe(), pair());
        through(pair(), pipe());
        through(pipe(), pipe());
        through(UnixStream::pair().unwrap(), pipe());
        // Sockets that somebody else may have are read and written.
        let adopted = |stream: TcpStream| TcpStream::from(OwnedFd::from(stream));
        let (a, b) = pair();
        through((a, adopted(b)), pair());
        let (a, b) = pair();
        through(pair(), (adopted(a), b));
        // What nothing is known of.
        let (a, b) = pair();
        let boxed: Way = (Box::new(a), Box::new(b));
        through(pair(), boxed);
    });
}

#[test]
fn a_thread_copies_as_a_task_does() {
    let ((input, mut from), (mut to, output)) = (pair(), pair());
    let writes = std::thread::spawn(move || write(input, 1, MUCH));
    let reads = std::thread::spawn(move || check(output, 1));
    assert_eq!(io::copy(&mut from, &mut to).unwrap(), MUCH as u64);
    drop(to);
    assert_eq!(reads.join().unwrap().unwrap(), MUCH);
    writes.join().unwrap().unwrap();
}

fn file_with(length: usize) -> File {
    let path = std::env::temp_dir().join(format!(
        "netpoll-moving-{}-{length}-{:?}",
        std::process::id(),
        Instant::now()
    ));
    let mut file = std::fs::File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    file.write_all(&bytes(5, length)).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    File::from(file)
}

#[test]
fn files_are_sent_from_their_position_to_their_end() {
    everywhere(|| {
        for length in [0, 1, 5000, 200_000, MUCH] {
            let mut file = file_with(length);
            let (mut to, output) = pair();
            let reads = thread::spawn(move || check(output, 5));
            assert_eq!(io::copy(&mut file, &mut to).unwrap(), length as u64);
            assert_eq!(io::copy(&mut file, &mut to).unwrap(), 0);
            drop(to);
            assert_eq!(reads.join().unwrap().unwrap(), length);
        }
        // Not from its beginning.
        let mut file = file_with(MUCH);
        file.read_exact(&mut vec![0; 1_000_000]).unwrap();
        let (mut to, mut output) = UnixStream::pair().unwrap();
        let reads = thread::spawn(move || {
            let mut all = Vec::new();
            output.read_to_end(&mut all).map(|_| all)
        });
        let count = io::copy(&mut file, &mut to).unwrap();
        drop(to);
        assert_eq!(count as usize, MUCH - 1_000_000);
        assert!(reads.join().unwrap().unwrap() == bytes(5, MUCH)[1_000_000..]);
    });
}

#[test]
fn what_a_buffer_holds_is_not_passed_over() {
    everywhere(|| {
        let ((input, from), (mut to, output)) = (pair(), pair());
        let writes = thread::spawn(move || {
            (&input).write_all(b"a line\n")?;
            write(&input, 2, MUCH)
        });
        let reads = thread::spawn(move || check(output, 2));
        let mut from = BufReader::new(from);
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        assert_eq!(line, "a line\n");
        assert_eq!(io::copy(&mut from, &mut to).unwrap(), MUCH as u64);
        drop(to);
        writes.join().unwrap().unwrap();
        assert_eq!(reads.join().unwrap().unwrap(), MUCH);
    });
}

/// A mark of urgent data stops `splice`, which then returns zero: not the end.
#[test]
fn pain_23_urgent_data_in_the_middle_is_not_the_end() {
    on_workers(|| {
        let ((from, input), (mut to, output)) = (pair_with_std(), pair());
        let reads = thread::spawn(move || check(output, 4));
        let writes = netpoll::thread::spawn(move || {
            netpoll::blocking(|| {
                let all = bytes(4, MUCH);
                let (before, after) = all.split_at(MUCH / 2);
                (&input).write_all(before).unwrap();
                // Once: of several, all but the last become data like any other.
                // SAFETY: plain C, on memory that outlives the call.
                let sent = unsafe {
                    libc::send(input.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB)
                };
                assert_eq!(sent, 1);
                (&input).write_all(after).unwrap();
            });
        });
        assert_eq!(io::copy(&mut &from, &mut to).unwrap(), MUCH as u64);
        drop(to);
        writes.join().unwrap();
        assert_eq!(reads.join().unwrap().unwrap(), MUCH);
    });
}

#[test]
fn short_reads_of_a_pipe_in_packet_mode_are_not_the_end() {
    everywhere(|| {
        let mut ends = [0; 2];
        // SAFETY: plain C; the descriptors are taken over by whom they are given to.
        let (reader, writer) = unsafe {
            use std::os::fd::FromRawFd;
            assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_DIRECT), 0);
            let [reader, writer] = ends.map(|end| OwnedFd::from_raw_fd(end));
            (PipeReader::from(reader), PipeWriter::from(writer))
        };
        let (mut reader, mut writer) = (reader, writer);
        let (mut to, output) = pair();
        let writes = thread::spawn(move || {
            for packet in bytes(6, 300_000).chunks(1000) {
                assert_eq!(writer.write(packet).unwrap(), packet.len());
            }
        });
        let reads = thread::spawn(move || check(output, 6));
        assert_eq!(io::copy(&mut reader, &mut to).unwrap(), 300_000);
        drop(to);
        writes.join().unwrap();
        assert_eq!(reads.join().unwrap().unwrap(), 300_000);
    });
}

#[test]
fn a_terminal_is_copied_line_by_line() {
    everywhere(|| {
        let (mut master, mut slave) = (0, 0);
        let null = std::ptr::null_mut();
        // SAFETY: plain C; the descriptors are taken over by whom they are given to.
        let (master, slave) = unsafe {
            use std::os::fd::FromRawFd;
            assert_eq!(
                libc::openpty(&mut master, &mut slave, null, null.cast(), null.cast()),
                0
            );
            (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
        };
        let (mut keyboard, mut terminal) = (PipeWriter::from(master), PipeReader::from(slave));
        let (mut to, mut output) = pair();
        let copies = thread::spawn(move || io::copy(&mut terminal, &mut to));
        for line in ["one\n", "two, which is longer\n", "three\n"] {
            keyboard.write_all(line.as_bytes()).unwrap();
            let mut found = vec![0; line.len()];
            output.read_exact(&mut found).unwrap();
            assert_eq!(found, line.as_bytes());
        }
        // The end of input, typed.
        keyboard.write_all(b"\x04").unwrap();
        assert_eq!(copies.join().unwrap().unwrap(), 31);
        assert_eq!(output.read(&mut [0; 1]).unwrap(), 0);
    });
}

/// Writes until nobody reads any more.
fn flood(mut stream: TcpStream) {
    let some = bytes(7, 1 << 20);
    while stream.write_all(&some).is_ok() {}
}

/// A copy that the peer's slowness holds up, after it has moved much.
fn stuck() -> (
    TcpStream,
    TcpStream,
    TcpStream,
    thread::JoinHandle<io::Result<u64>>,
) {
    let ((input, from), (to, output)) = (pair(), pair());
    let feeding = input.try_clone().unwrap();
    drop(thread::spawn(move || flood(feeding)));
    let mut taking = to.try_clone().unwrap();
    let copies = thread::spawn(move || io::copy(&mut &from, &mut taking));
    // Not a byte is read until nothing moves any more.
    let queued = || {
        let mut bytes: libc::c_int = 0;
        // SAFETY: plain C, on memory that outlives the call.
        let result = unsafe { libc::ioctl(output.as_raw_fd(), libc::FIONREAD, &mut bytes) };
        assert_eq!(result, 0);
        bytes
    };
    let mut last = (-1, Instant::now());
    until("the copy is stuck", || {
        let now = queued();
        if now != last.0 {
            last = (now, Instant::now());
        }
        now > 0 && last.1.elapsed() > Duration::from_millis(150)
    });
    (input, to, output, copies)
}

#[test]
fn a_deadline_of_either_side_ends_a_copy() {
    on_workers(|| {
        let (_input, to, _output, copies) = stuck();
        to.set_write_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(copies.join().unwrap()), ErrorKind::TimedOut);

        let ((mut input, from), (to, mut output)) = (pair(), pair());
        let reads = from.try_clone().unwrap();
        let copies = thread::spawn(move || io::copy(&mut &from, &mut &to));
        input.write_all(b"before").unwrap();
        output.read_exact(&mut [0; 6]).unwrap();
        reads.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(copies.join().unwrap()), ErrorKind::TimedOut);
        // What came before the deadline was passed on, and the stream still works.
        reads.set_read_deadline(None).unwrap();
        input.write_all(b"after").unwrap();
        (&reads).read_exact(&mut [0; 5]).unwrap();
    });
}

#[test]
fn a_timeout_of_either_side_ends_a_copy() {
    on_workers(|| {
        let ((_input, from), (to, _output)) = (pair(), pair());
        from.set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        assert_eq!(kind(io::copy(&mut &from, &mut &to)), ErrorKind::WouldBlock);

        let ((input, from), (to, _output)) = (pair(), pair());
        drop(thread::spawn(move || flood(input)));
        to.set_write_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        assert_eq!(kind(io::copy(&mut &from, &mut &to)), ErrorKind::WouldBlock);
    });
}

#[test]
fn closing_either_side_ends_a_copy() {
    on_workers(|| {
        let (_input, to, _output, copies) = stuck();
        to.close();
        assert!(Closed::is_cause_of(&copies.join().unwrap().unwrap_err()));

        let ((_input, from), (to, _output)) = (pair(), pair());
        let closes = from.try_clone().unwrap();
        let copies = thread::spawn(move || io::copy(&mut &from, &mut &to));
        closes.close();
        assert!(Closed::is_cause_of(&copies.join().unwrap().unwrap_err()));
    });
}

#[test]
fn a_reset_of_either_peer_ends_a_copy() {
    on_workers(|| {
        // The reader's peer: what it had sent is passed on as far as it came.
        let ((from, input), (to, output)) = (pair_with_std(), pair());
        let reads = thread::spawn(move || check(output, 8));
        let resets = thread::spawn(move || {
            netpoll::blocking(move || {
                write(&input, 8, MUCH).unwrap();
                let linger = libc::linger {
                    l_onoff: 1,
                    l_linger: 0,
                };
                // SAFETY: plain C, on memory that outlives the call.
                unsafe {
                    libc::setsockopt(
                        input.as_raw_fd(),
                        libc::SOL_SOCKET,
                        libc::SO_LINGER,
                        (&raw const linger).cast(),
                        size_of_val(&linger) as u32,
                    );
                }
            });
        });
        let error = io::copy(&mut &from, &mut &to).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        resets.join().unwrap();
        drop(to);
        assert!(reads.join().unwrap().unwrap() <= MUCH);

        // The writer's.
        let (_input, _to, output, copies) = stuck();
        drop(output);
        let kind = kind(copies.join().unwrap());
        assert!(
            matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{kind:?}"
        );
    });
}

#[test]
fn a_pipe_that_nobody_reads_ends_a_copy() {
    on_workers(|| {
        let ((input, from), (reader, mut writer)) = (pair(), io::pipe().unwrap());
        drop(thread::spawn(move || flood(input)));
        let reads = thread::spawn(move || {
            let mut some = vec![0; 300_000];
            (&reader).read_exact(&mut some).unwrap();
            assert_eq!(some, bytes(7, some.len()));
        });
        let error = io::copy(&mut &from, &mut writer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        reads.join().unwrap();
    });
}

#[test]
fn the_mode_of_a_socket_is_as_it_was() {
    everywhere(|| {
        let is_nonblocking = |stream: &TcpStream| {
            // SAFETY: plain C.
            let flags = unsafe { libc::fcntl(stream.as_raw_fd(), libc::F_GETFL) };
            flags & libc::O_NONBLOCK != 0
        };
        let ((input, mut from), (to, output)) = (pair(), pair());
        let reads = thread::spawn(move || check(output, 3));
        drop(thread::spawn(move || write(input, 3, MUCH)));
        io::copy(&mut from, &mut &to).unwrap();
        assert!(!is_nonblocking(&from) && !is_nonblocking(&to));
        to.shutdown(Shutdown::Write).unwrap();
        assert_eq!(reads.join().unwrap().unwrap(), MUCH);

        // One that never waits does not wait here either.
        to.set_nonblocking(true).unwrap();
        let mut file = file_with(5 * MUCH);
        let ((_peer, full), _) = (pair(), ());
        full.set_nonblocking(true).unwrap();
        assert_eq!(kind(io::copy(&mut file, &mut &full)), ErrorKind::WouldBlock);
        assert!(is_nonblocking(&full));
    });
}

/// How many descriptors of a kind there are. (Workers that are still starting have others.)
fn descriptors(kind: &str) -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    entries
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with(kind))
        .count()
}

/// Copies that hang, and end midway, neither leak descriptors nor leave bytes behind
/// that another connection would get.
#[test]
fn pain_10_pipes_come_back_and_are_empty() {
    in_child("copies::pain_10_pipes_come_back_and_are_empty", &[], || {
        // Before there are workers, and what they have on their shelves.
        let (pipes, sockets) = (descriptors("pipe:"), descriptors("socket:"));
        on_workers(move || {
            for round in 0..3 {
                let held: Vec<_> = (0..4).map(|_| stuck()).collect();
                assert!(
                    descriptors("pipe:") > pipes,
                    "bytes that are held up are in pipes: nothing was spliced"
                );
                for (input, to, output, copies) in held {
                    // In every order.
                    match round {
                        0 => to.close(),
                        1 => drop(output),
                        _ => to.set_write_deadline(Some(Instant::now())).unwrap(),
                    }
                    copies.join().unwrap().unwrap_err();
                    input.close();
                }
                through(pair(), pair());
            }
            // Eight empty ones may be on each worker's shelf, and there is one socket for all
            // that was ever closed.
            until("all descriptors are back", || {
                let shelved = descriptors("pipe:") - pipes;
                shelved.is_multiple_of(2)
                    && shelved <= 2 * 8 * 8
                    && descriptors("socket:") <= sockets + 1
            });
        });
    });
}

#[test]
fn an_idle_copy_holds_no_pipe() {
    in_child("copies::an_idle_copy_holds_no_pipe", &[], || {
        let before = descriptors("pipe:");
        on_workers(move || {
            let connections: Vec<_> = (0..40)
                .map(|_| {
                    let ((mut input, from), (to, mut output)) = (pair(), pair());
                    drop(thread::spawn(move || io::copy(&mut &from, &mut &to)));
                    let sent = bytes(9, 100_000);
                    let reads = thread::spawn(move || {
                        let mut buffer = vec![0; 100_000];
                        output.read_exact(&mut buffer).unwrap();
                        assert!(buffer == bytes(9, 100_000), "other bytes came");
                        output
                    });
                    input.write_all(&sent).unwrap();
                    (input, reads.join().unwrap())
                })
                .collect();
            until("the pipes are shelved", || {
                descriptors("pipe:") - before <= 2 * 8 * 8
            });
            assert!(
                connections
                    .iter()
                    .all(|(input, _)| input.as_fd().as_raw_fd() > 2)
            );
        });
    });
}

#[test]
fn so_many_at_once_that_some_get_no_pipe() {
    on_workers(|| {
        let mut tasks = Vec::new();
        for stream in 0..24 {
            let ((input, mut from), (mut to, output)) = (pair(), pair());
            tasks.push(thread::spawn(move || {
                write(input, stream, 1_000_000).unwrap()
            }));
            tasks.push(thread::spawn(move || {
                assert_eq!(io::copy(&mut from, &mut to).unwrap(), 1_000_000);
            }));
            tasks.push(thread::spawn(move || {
                assert_eq!(check(output, stream).unwrap(), 1_000_000);
            }));
        }
        for task in tasks {
            task.join().unwrap();
        }
    });
}
