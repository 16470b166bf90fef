//! `netpoll serve echo` is told to stop.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use support::{LONG, Server, bytes, eventually, fill, frame, round_trip, with_modes, with_workers};

#[test]
fn tasks_serve_open_connections_until_their_clients_close() {
    with_workers(|workers| {
        for signal in ["TERM", "INT"] {
            let mut server = Server::echo_by(workers, "task", &["--quiet", "--grace", "60"]);
            let mut streams: Vec<_> = (0..100).map(|_| server.connect()).collect();
            for stream in &mut streams {
                round_trip(stream, b"before");
            }
            server.signal(signal);
            server.says("stopping: 100 connections");
            // No new ones.
            let error = TcpStream::connect_timeout(&server.address, LONG).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            for (seed, stream) in streams.iter_mut().enumerate() {
                round_trip(stream, &bytes(seed, 3000));
                stream.shutdown(Shutdown::Write).unwrap();
                assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
            }
            let start = Instant::now();
            let ended = server.end();
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "it waited for nobody"
            );
            assert_eq!(ended.status.code(), Some(0));
            ended.assert_totals(&["100 connections accepted", "300600 bytes", "0 cut off"]);
        }
    });
}

#[test]
fn handlers_leave_connections_that_owe_no_answer() {
    with_workers(|workers| {
        for framed in [&[][..], &["--framed"]] {
            let options = [&["--quiet", "--grace", "3600"], framed].concat();
            let server = Server::echo_by(workers, "handler", &options);
            let mut streams: Vec<_> = (0..100).map(|_| server.connect()).collect();
            for stream in &mut streams {
                round_trip(stream, &frame(b"before"));
            }
            server.signal("TERM");
            for stream in &mut streams {
                assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
            }
            let ended = server.end();
            assert_eq!(ended.status.code(), Some(0));
            ended.assert_totals(&["100 connections accepted", "1000 bytes", "0 cut off"]);
        }
    });
}

#[test]
fn handlers_wait_for_a_frame_that_has_begun() {
    with_workers(|workers| {
        let options = ["--framed", "--grace", "3600"];
        let mut server = Server::echo_by(workers, "handler", &options);
        let mut idle = server.connect();
        round_trip(&mut idle, &frame(b"before"));
        let mut begun = server.connect();
        let message = frame(&bytes(1, 3000));
        begin(&mut begun, &message[..100]);
        server.signal("TERM");
        server.says("stopping: 2 connections");
        assert_eq!(idle.read(&mut [0; 10]).unwrap(), 0);
        let mut came = vec![0; message.len()];
        begun.write_all(&message[100..]).unwrap();
        begun.read_exact(&mut came).unwrap();
        assert!(came == message, "other bytes came back");
        assert_eq!(begun.read(&mut [0; 10]).unwrap(), 0);
        let ended = server.end();
        assert_eq!(ended.status.code(), Some(0));
        ended.assert_totals(&["2 connections accepted", "0 cut off"]);
    });
}

/// Sends the beginning of a frame, and returns when the server has received it: it was sent
/// at once with a whole one, which was answered.
fn begin(stream: &mut TcpStream, beginning: &[u8]) {
    let one = frame(b"one");
    stream.write_all(&[&one, beginning].concat()).unwrap();
    let mut came = vec![0; one.len()];
    stream.read_exact(&mut came).unwrap();
    assert!(came == one, "other bytes came back");
}

#[test]
fn a_frame_that_is_never_whole_is_cut_off() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--framed", "--grace", "1"]);
        let mut begun = server.connect();
        begin(&mut begun, &frame(&bytes(1, 3000))[..100]);
        server.signal("TERM");
        let ended = server.end();
        assert_eq!(ended.status.code(), Some(0));
        ended.assert_totals(&["1 connection accepted", "7 bytes", "1 cut off"]);
    });
}

#[test]
fn with_nobody_there_it_ends_at_once() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--grace", "3600"]);
        server.signal("TERM");
        let ended = server.end();
        assert_eq!(ended.status.code(), Some(0));
        assert_eq!(ended.stdout.len(), 2, "{ended:?}");
        ended.assert_totals(&["0 connections accepted", "0 bytes", "0 cut off"]);
    });
}

#[test]
fn whose_task_only_waits_is_closed_at_the_deadline_and_not_cut_off() {
    with_workers(|workers| {
        let server = Server::echo_by(workers, "task", &["--grace", "1"]);
        let mut staying: Vec<_> = (0..3).map(|_| server.connect()).collect();
        let mut going = server.connect();
        for stream in staying.iter_mut().chain([&mut going]) {
            round_trip(stream, b"hello");
        }
        let start = Instant::now();
        server.signal("TERM");
        drop(going);
        let ended = server.end();
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert_eq!(ended.status.code(), Some(0));
        ended.assert_totals(&["4 connections accepted", "20 bytes", "0 cut off"]);
        for stream in &mut staying {
            assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
        }
    });
}

#[test]
fn who_does_not_read_is_cut_off_too() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--quiet", "--grace", "1"]);
        let mut deaf = server.connect();
        fill(&mut deaf);
        server.signal("TERM");
        let ended = server.end();
        assert_eq!(ended.status.code(), Some(0));
        ended.assert_totals(&["1 connection accepted", "1 cut off"]);
    });
}

#[test]
fn without_grace_it_ends_at_once() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--framed", "--grace", "0"]);
        let mut stream = server.connect();
        begin(&mut stream, &frame(b"never whole")[..8]);
        server.signal("TERM");
        let ended = server.end();
        assert_eq!(ended.status.code(), Some(0));
        ended.assert_totals(&["1 connection accepted", "1 cut off"]);
    });
}

#[test]
fn without_grace_those_are_cut_off_that_are_owed_something() {
    with_modes(|workers, mode| {
        for framed in [false, true] {
            let options = ["--quiet", "--grace", "0", "--framed"];
            let options = &options[..options.len() - usize::from(!framed)];
            let server = Server::echo_by(workers, mode, options);
            let mut idle: Vec<_> = (0..20).map(|_| server.connect()).collect();
            for stream in &mut idle {
                round_trip(stream, &frame(b"before"));
            }
            let silent = server.connect();
            let mut owed = server.connect();
            if framed {
                begin(&mut owed, &frame(b"never whole")[..8]);
            } else {
                fill(&mut owed);
            }
            server.signal("TERM");
            let ended = server.end();
            assert_eq!(ended.status.code(), Some(0));
            ended.assert_totals(&["22 connections accepted", "1 cut off"]);
            for mut stream in idle.into_iter().chain([silent]) {
                assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
            }
        }
    });
}

#[test]
fn a_second_signal_ends_it_where_it_is() {
    with_modes(|workers, mode| {
        for (first, second, status) in [
            ("INT", "INT", 130),
            ("TERM", "INT", 130),
            ("INT", "TERM", 143),
        ] {
            let mut server = Server::echo_by(workers, mode, &["--framed", "--grace", "3600"]);
            let mut stream = server.connect();
            begin(&mut stream, &frame(b"never whole")[..8]);
            server.signal(first);
            server.says("stopping");
            // The same signal twice in a moment is taken for one.
            std::thread::sleep(Duration::from_millis(200));
            server.signal(second);
            let ended = server.end();
            assert_eq!(ended.status.code(), Some(status), "{ended:?}");
            assert_eq!(ended.status.signal(), None);
        }
    });
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    // As `timeout` sends it: to the process, and to its group.
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--framed", "--grace", "1"]);
        let mut stream = server.connect();
        begin(&mut stream, &frame(b"never whole")[..8]);
        let id = server.id();
        let twice = format!("kill -s TERM {id}; kill -s TERM {id}");
        let status = std::process::Command::new("sh")
            .args(["-c", &twice])
            .status();
        assert!(status.unwrap().success());
        let ended = server.end();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    });
}

#[test]
fn connections_that_come_while_it_stops_are_refused_or_served() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--quiet", "--grace", "60"]);
        let address = server.address;
        let clients: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(move || {
                    let mut served = 0_u32;
                    loop {
                        let Ok(mut stream) = TcpStream::connect_timeout(&address, LONG) else {
                            return served;
                        };
                        stream.set_read_timeout(Some(LONG)).unwrap();
                        let mut came = [0; 2];
                        // What waited to be accepted when the listener closed is reset.
                        match stream
                            .write_all(b"hi")
                            .and_then(|()| stream.read_exact(&mut came))
                        {
                            Ok(()) => assert_eq!(&came, b"hi"),
                            Err(error) => {
                                assert_ne!(error.kind(), ErrorKind::WouldBlock, "it hangs");
                                return served;
                            }
                        }
                        served += 1;
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(200));
        server.signal("TERM");
        let served: u32 = clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum();
        let ended = server.end();
        assert_eq!(ended.status.code(), Some(0));
        ended.assert_totals(&[&format!("{} bytes echoed", 2 * served), "0 cut off"]);
    });
}

#[test]
fn a_stop_reaches_connections_that_came_and_went() {
    // Places in the registry are used again.
    with_workers(|workers| {
        let server = Server::echo_by(workers, "task", &["--framed", "--grace", "1"]);
        for round in 0..5 {
            let mut streams: Vec<_> = (0..20).map(|_| server.connect()).collect();
            for (index, stream) in streams.iter_mut().enumerate() {
                if index % (round + 2) == 0 {
                    round_trip(stream, &frame(b"hello"));
                }
            }
        }
        let mut last = server.connect();
        begin(&mut last, &frame(b"never whole")[..8]);
        eventually(
            "descriptors of the server",
            || {
                std::fs::read_dir(format!("/proc/{}/fd", server.id()))
                    .unwrap()
                    .count()
            },
            |open| *open < 30,
        );
        server.signal("TERM");
        let ended = server.end();
        ended.assert_totals(&["101 connections accepted", "1 cut off"]);
    });
}
