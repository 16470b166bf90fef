//! `netpoll serve echo`: what comes in goes back.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use support::{Server, bytes, eventually, fill, round_trip, side_by_side, with_modes};

#[test]
fn many_connections_at_once_get_their_bytes_back() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--quiet"]);
        let mut streams: Vec<_> = (0..125).map(|_| server.connect()).collect();
        // Around the sizes at which the server changes buffers.
        for length in [1, 511, 512, 513, 2000] {
            for (seed, stream) in streams.iter_mut().enumerate() {
                stream.write_all(&bytes(seed, length)).unwrap();
            }
            for (seed, stream) in streams.iter_mut().enumerate() {
                let mut came = vec![0; length];
                stream.read_exact(&mut came).unwrap();
                assert!(
                    came == bytes(seed, length),
                    "connection {seed}, {length} bytes"
                );
            }
        }
        drop(streams);
        server.signal("TERM");
        let ended = server.end();
        assert!(ended.status.success());
        let echoed = format!("{} bytes echoed", 125 * (1 + 511 + 512 + 513 + 2000));
        ended.assert_totals(&[
            "125 connections accepted",
            &echoed,
            "0 cut off",
            "0 failures",
        ]);
    });
}

#[test]
fn much_at_once_comes_back_in_order() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--quiet"]);
        let clients: Vec<_> = (0..4)
            .map(|seed| {
                let mut reader = server.connect();
                let mut writer = reader.try_clone().unwrap();
                let sent = bytes(seed, 4 << 20);
                let sending = sent.clone();
                thread::spawn(move || {
                    let writing = thread::spawn(move || {
                        writer.write_all(&sending).unwrap();
                        writer.shutdown(Shutdown::Write).unwrap();
                    });
                    let mut came = Vec::new();
                    reader.read_to_end(&mut came).unwrap();
                    writing.join().unwrap();
                    assert!(came == sent, "other bytes came back");
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
    });
}

#[test]
fn a_client_that_has_said_all_still_gets_its_echo() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--quiet"]);
        for length in [0, 1, 511, 512, 513, 16 << 10, 100_000] {
            let mut stream = server.connect();
            let sent = bytes(length, length);
            stream.write_all(&sent).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut came = Vec::new();
            stream.read_to_end(&mut came).unwrap();
            assert!(came == sent, "{} of {length} bytes came back", came.len());
        }
    });
}

#[test]
fn a_client_that_reads_nothing_holds_up_nobody() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--quiet"]);
        let mut deaf = server.connect();
        let sent = fill(&mut deaf);
        for seed in 0..10 {
            round_trip(&mut server.connect(), &bytes(seed, 100));
        }
        // All that it said is still there for it.
        deaf.shutdown(Shutdown::Write).unwrap();
        let mut came = Vec::new();
        deaf.read_to_end(&mut came).unwrap();
        assert_eq!(came.len(), sent);
    });
}

#[test]
fn quiet_says_where_it_listens_and_no_more() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--quiet"]);
        let mut stream = server.connect();
        round_trip(&mut stream, b"hello");
        // Longer than the time between two lines of figures.
        thread::sleep(Duration::from_millis(1500));
        round_trip(&mut stream, b"hello again");
        drop(stream);
        server.signal("INT");
        let ended = server.end();
        // The signal may be there before the client's end.
        let lines = ended.stdout.iter();
        let lines = lines.filter(|line| !line.starts_with("stopping: 1 connection"));
        assert_eq!(lines.count(), 2, "{ended:?}");
        assert!(ended.stdout[0].starts_with("listening on 127.0.0.1:"));
        let way = format!("(echo by {mode}, {workers} worker");
        assert!(ended.stdout[0].contains(&way), "{ended:?}");
        ended.assert_totals(&["1 connection accepted", "16 bytes echoed"]);
        assert!(ended.stderr.is_empty(), "{ended:?}");
    });
}

#[test]
fn figures_come_when_something_changes() {
    with_modes(|workers, mode| {
        let mut server = Server::echo_by(workers, mode, &[]);
        let mut streams: Vec<_> = (0..5).map(|_| server.connect()).collect();
        for stream in &mut streams {
            round_trip(stream, &bytes(1, 100));
        }
        // The acceptor is one, and there is one for each of the connections, or two for each
        // of the workers.
        let tasks = match (mode, workers) {
            ("task", _) => "6 tasks",
            (_, "1") => "3 tasks",
            _ => "5 tasks",
        };
        server.says_all(&[
            "5 connections, ",
            "B/s, ",
            " requests/s, ",
            tasks,
            "resident",
        ]);
        server.says("0 B/s, 0 requests/s");
        // The thread behind them sleeps after a while; what comes then wakes it.
        for pause in [500, 3000] {
            thread::sleep(Duration::from_millis(pause));
            round_trip(&mut streams[0], b"once more");
            server.says_other_than(", 0 B/s");
            server.says(", 0 B/s, 0 requests/s");
        }
        drop(streams);
        server.says("0 connections");
    });
}

#[test]
fn an_idle_server_sleeps() {
    with_modes(|workers, mode| {
        side_by_side(&[&["--quiet"][..], &[]], |options| {
            let server = Server::echo_by(workers, mode, options);
            let mut streams: Vec<_> = (0..50).map(|_| server.connect()).collect();
            for stream in &mut streams {
                round_trip(stream, b"hello");
            }
            // It gives memory back for some seconds, and may show figures.
            let mut last = server.switches();
            eventually(
                "threads that are switched",
                || {
                    thread::sleep(Duration::from_secs(6));
                    let now = server.switches();
                    (std::mem::replace(&mut last, now.clone()), now)
                },
                |(before, after)| before == after,
            );
        });
    });
}

#[test]
fn nobody_reading_its_output_is_no_reason_to_stop() {
    with_modes(|workers, mode| {
        // A reader that takes the first line and goes.
        let mut shell = Command::new("sh")
            .args([
                "-c",
                "exec \"$0\" serve echo --listen 127.0.0.1:0 --workers \"$1\" --mode \"$2\" 2>&1",
            ])
            .args([support::NETPOLL, workers, mode])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = Vec::new();
        let mut stdout = shell.stdout.take().unwrap();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            stdout.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        drop(stdout);
        let line = String::from_utf8(line).unwrap();
        let address = line.split(' ').nth(2).unwrap();
        let mut server = Killed(shell);
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(support::LONG)).unwrap();
        // Figures are written in between, to nobody.
        for _ in 0..3 {
            round_trip(&mut stream, b"still there?");
            thread::sleep(Duration::from_millis(600));
        }
        drop(stream);
        let id = server.0.id();
        let kill = Command::new("sh")
            .args(["-c", &format!("kill -s TERM {id}")])
            .status();
        assert!(kill.unwrap().success());
        eventually("its end", || server.0.try_wait().unwrap(), Option::is_some);
        assert!(server.0.wait().unwrap().success());
    });
}

/// A child that is killed when it is dropped.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
