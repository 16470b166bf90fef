//! `ChildStdin`, `ChildStdout`, `ChildStderr` and `Stdio`, beside std's.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use crate::same::same;

same! {
    fn there_and_back(dir, seen) {
        let mut child = process::Command::new("cat")
            .stdin(process::Stdio::piped())
            .stdout(process::Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        seen.result(input.write(b"hello"));
        seen.result(input.write(b""));
        seen.result(input.flush());
        let mut buffer = [0; 3];
        seen.result(output.read(&mut []));
        seen.result(output.read_exact(&mut buffer));
        seen.add(buffer);
        seen.result((&input).write(b"+"));
        output.read_exact(&mut buffer).unwrap();
        seen.add(buffer);
        seen.result(input.write_vectored(&[IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two")]));
        let (mut one, mut other) = ([0; 2], [0; 9]);
        seen.result(output.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)]));
        seen.add((one, other));
        drop(input);
        seen.result(output.read(&mut buffer));
        seen.result(output.read(&mut buffer));
        seen.result(child.wait());
    }
}

same! {
    /// More slices than one call takes, and more bytes than a pipe holds.
    fn much_is_written_at_once(dir, seen) {
        let path = dir.join("copy");
        let mut child = process::Command::new("cat")
            .stdin(process::Stdio::piped())
            .stdout(fs::File::create(&path).unwrap())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        seen.result(input.write(&bytes));
        let slices: Vec<_> = bytes[..1_500_000].chunks(1000).map(IoSlice::new).collect();
        seen.result(input.write_vectored(&slices));
        drop(input);
        seen.result(child.wait());
        let copy = fs::read(&path).unwrap();
        assert_eq!(copy[..3_000_000], bytes);
        assert_eq!(copy[3_000_000..], bytes[..copy.len() - 3_000_000]);
        seen.add(copy.len());
    }
}

same! {
    fn a_pipe_that_nobody_reads_is_broken(dir, seen) {
        let mut child = process::Command::new("true").stdin(process::Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        child.wait().unwrap();
        seen.result(input.write(b"x"));
        seen.result(input.write_vectored(&[IoSlice::new(b"x")]));
        seen.result(input.write(b""));
    }
}

same! {
    fn children_in_a_row(dir, seen) {
        // The first takes its time: the second finds nothing at first, and would fail if
        // its input were in non-blocking mode.
        let mut first = process::Command::new("sh")
            .args(["-c", "sleep 0.1; echo one; sleep 0.1; echo two; echo three >&2"])
            .stdout(process::Stdio::piped())
            .stderr(process::Stdio::piped())
            .spawn()
            .unwrap();
        let second = process::Command::new("cat").stdin(first.stdout.take().unwrap()).output();
        seen.result(second);
        let third = process::Command::new("cat").stdin(first.stderr.take().unwrap()).output();
        seen.result(third);
        seen.result(first.wait());
        // The input of one is the output of another.
        let mut reader = process::Command::new("cat")
            .stdin(process::Stdio::piped())
            .stdout(process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut writer = process::Command::new("sh")
            .args(["-c", "head -c 500000 /dev/zero || echo failed"])
            .stdout(reader.stdin.take().unwrap())
            .spawn()
            .unwrap();
        seen.add(reader.wait_with_output().unwrap().stdout.len());
        seen.result(writer.wait());
    }
}

fn is_nonblocking(fd: impl AsFd) -> bool {
    // SAFETY: it asks about a descriptor that is open.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0);
    flags & libc::O_NONBLOCK != 0
}

same! {
    /// Whoever gets a descriptor finds it in the mode that std leaves it in.
    fn conversions_change_no_mode(dir, seen) {
        let mut child = process::Command::new("cat")
            .stdin(process::Stdio::piped())
            .stdout(process::Stdio::piped())
            .stderr(process::Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let errors = child.stderr.take().unwrap();
        let number = input.as_raw_fd();
        let input = OwnedFd::from(input);
        assert_eq!(input.as_raw_fd(), number);
        seen.add(is_nonblocking(&input));
        let errors = OwnedFd::from(errors);
        seen.add(is_nonblocking(&errors));
        // SAFETY: the number was given away just now.
        let output = unsafe { OwnedFd::from_raw_fd(output.into_raw_fd()) };
        seen.add(is_nonblocking(&output));
        // And back.
        let mut input = process::ChildStdin::from(input);
        let mut output = process::ChildStdout::from(output);
        seen.add((&input, &output, process::ChildStderr::from(errors)));
        seen.result(input.write(b"hello"));
        let mut buffer = [0; 5];
        seen.result(output.read_exact(&mut buffer));
        seen.add(buffer);
        drop(input);
        seen.result(child.wait());
    }
}
