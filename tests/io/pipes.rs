//! Pipes.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netpoll::io::{self, Closed, PipeReader, PipeWriter};
use netpoll::thread;

use crate::common::{everywhere, kind, on, on_workers};
use crate::scripts::told;

/// More than a pipe holds.
const MUCH: usize = 1_000_000;

fn is_nonblocking(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: it asks for flags of a descriptor that is open.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0);
    flags & libc::O_NONBLOCK != 0
}

#[test]
fn a_pipe_behaves_as_in_std() {
    macro_rules! story {
        ($io:path) => {{
            use $io as io;
            let (mut reader, mut writer) = io::pipe().unwrap();
            let mut story = Vec::new();
            let mut buffer = [0; 4];
            story.push(told(reader.read(&mut [])));
            story.push(told(writer.write(b"")));
            story.push(told(writer.write(b"abcdef")));
            story.push(told(reader.read(&mut buffer)) + &format!("{buffer:?}"));
            story.push(told((&reader).read(&mut buffer)) + &format!("{buffer:?}"));
            let mut clone = writer.try_clone().unwrap();
            drop(writer);
            story.push(told(clone.write_all(b"from the clone")));
            story.push(told(clone.flush()));
            drop(clone);
            story.push(told(io::read_to_string(&reader)));
            story.push(told(reader.read(&mut buffer)));

            let (reader, writer) = io::pipe().unwrap();
            let clone = reader.try_clone().unwrap();
            drop(reader);
            story.push(told((&writer).write(b"x")));
            drop(clone);
            story.push(told((&writer).write(b"x")));
            story
        }};
    }
    let expected = story!(std::io);
    assert!(expected.last().unwrap().starts_with("BrokenPipe"));
    everywhere(move || assert_eq!(story!(netpoll::io), expected));
}

#[test]
fn a_full_pipe_parks_the_writer_and_an_empty_one_the_reader() {
    everywhere(|| {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let bytes: Vec<u8> = (0..MUCH).map(|i| (i ^ (i >> 8)) as u8).collect();
        let sent = bytes.clone();
        // On one worker either has to leave it to the other.
        let task = thread::spawn(move || writer.write(&sent));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        assert_eq!(task.join().unwrap().unwrap(), MUCH, "a write writes all");
    });
}

#[test]
fn deadlines_bound_both_ends() {
    everywhere(|| {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let soon = || Some(Instant::now() + Duration::from_millis(10));
        reader.set_read_deadline(soon()).unwrap();
        assert_eq!(kind(reader.read(&mut [0])), ErrorKind::TimedOut);
        reader.set_read_deadline(None).unwrap();
        writer.set_write_deadline(soon()).unwrap();
        let written = writer.write(&[7; MUCH]).unwrap();
        assert!(0 < written && written < MUCH);
        assert_eq!(kind(writer.write(&[7])), ErrorKind::TimedOut);
        writer.set_write_deadline(None).unwrap();
        drop(writer);
        let mut read = Vec::new();
        assert_eq!(reader.read_to_end(&mut read).unwrap(), written);
    });
}

#[test]
fn closing_wakes_who_waits_and_tells_the_other_end() {
    on_workers(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut clone = reader.try_clone().unwrap();
        let task = thread::spawn(move || clone.read(&mut [0]));
        thread::yield_now();
        reader.close();
        assert!(Closed::is_cause_of(&task.join().unwrap().unwrap_err()));
        let again = (&reader).read(&mut [0]);
        assert!(Closed::is_cause_of(&again.unwrap_err()));
        assert_eq!(kind(writer.write(b"x")), ErrorKind::BrokenPipe);

        let (mut reader, writer) = io::pipe().unwrap();
        let mut clone = writer.try_clone().unwrap();
        let task = thread::spawn(move || {
            // More than there is room for; then what is written counts.
            let _ = clone.write(&[7; MUCH]);
            clone.write(&[7])
        });
        thread::yield_now();
        writer.close();
        assert!(Closed::is_cause_of(&task.join().unwrap().unwrap_err()));
        let mut left = Vec::new();
        reader.read_to_end(&mut left).unwrap();
        assert!(left.len() < MUCH && left.iter().all(|byte| *byte == 7));
    });
}

#[test]
fn a_descriptor_that_is_given_away_is_in_blocking_mode() {
    everywhere(|| {
        let (reader, writer) = io::pipe().unwrap();
        let number = reader.as_raw_fd();
        let (mut other_reader, mut other_writer) =
            (reader.try_clone().unwrap(), writer.try_clone().unwrap());
        // Shared: each gets one of its own, and the clones stay as they are.
        let shared = [OwnedFd::from(reader), OwnedFd::from(writer)];
        for fd in &shared {
            assert!(!is_nonblocking(fd.as_fd()));
        }
        assert!(is_nonblocking(other_reader.as_fd()) && is_nonblocking(other_writer.as_fd()));
        other_writer.write_all(b"abc").unwrap();
        let mut buffer = [0; 3];
        other_reader.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"abc");
        drop(shared);

        // The last owner gives away what there is.
        let last = OwnedFd::from(other_reader);
        assert_eq!(last.as_raw_fd(), number);
        assert!(!is_nonblocking(last.as_fd()));
        let mut file = File::from(last);
        other_writer.write_all(b"def").unwrap();
        file.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"def");
    });
}

#[test]
fn a_descriptor_that_is_taken_over_keeps_its_mode() {
    everywhere(|| {
        let (reader, writer) = std::io::pipe().unwrap();
        let (mut reader, mut writer) = (
            PipeReader::from(OwnedFd::from(reader)),
            PipeWriter::from(OwnedFd::from(writer)),
        );
        assert!(!is_nonblocking(reader.as_fd()) && !is_nonblocking(writer.as_fd()));
        let task = thread::spawn(move || {
            writer.write_all(&[7; MUCH]).unwrap();
            writer
        });
        let mut read = vec![0; MUCH];
        reader.read_exact(&mut read).unwrap();
        assert!(read.iter().all(|byte| *byte == 7));
        let writer = task.join().unwrap();
        assert!(!is_nonblocking(reader.as_fd()) && !is_nonblocking(writer.as_fd()));
        reader.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(reader.read(&mut [0])), ErrorKind::TimedOut);
    });
}

#[test]
fn what_epoll_refuses_is_read_and_written_elsewhere() {
    everywhere(|| {
        let path = std::env::temp_dir().join(format!(
            "netpoll-{}-{:?}",
            std::process::id(),
            thread::current().id()
        ));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        let bytes: Vec<u8> = (0..MUCH).map(|i| (i ^ (i >> 8)) as u8).collect();
        let mut writer = PipeWriter::from(OwnedFd::from(file.try_clone().unwrap()));
        writer.write_all(&bytes).unwrap();
        (&file).rewind().unwrap();
        let mut reader = PipeReader::from(OwnedFd::from(file));
        let mut copied = Vec::new();
        io::copy(&mut reader, &mut copied).unwrap();
        assert!(copied == bytes);
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
        reader.close();
        assert!(Closed::is_cause_of(&reader.read(&mut [0]).unwrap_err()));

        let null = File::options().read(true).write(true).open("/dev/null");
        let null = OwnedFd::from(null.unwrap());
        let mut writer = PipeWriter::from(null.try_clone().unwrap());
        assert_eq!(writer.write(b"abc").unwrap(), 3);
        assert_eq!(PipeReader::from(null).read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn a_child_process_reads_and_writes_pipes() {
    on(1, || {
        let (its_input, mut to_child) = io::pipe().unwrap();
        let (mut from_child, its_output) = io::pipe().unwrap();
        let mut child = Command::new("cat")
            .stdin(Stdio::from(its_input))
            .stdout(its_output)
            .spawn()
            .unwrap();
        let sent: Vec<u8> = (0..MUCH).map(|i| (i ^ (i >> 8)) as u8).collect();
        let bytes = sent.clone();
        let task = thread::spawn(move || to_child.write_all(&bytes));
        let mut read = Vec::new();
        from_child.read_to_end(&mut read).unwrap();
        assert!(read == sent);
        task.join().unwrap().unwrap();
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn the_debug_text_names_the_descriptor() {
    let (reader, writer) = io::pipe().unwrap();
    let expected = format!("PipeReader {{ fd: {} }}", reader.as_raw_fd());
    assert_eq!(format!("{reader:?}"), expected);
    let expected = format!("PipeWriter {{ fd: {} }}", writer.as_raw_fd());
    assert_eq!(format!("{writer:?}"), expected);
}
